"""Rows: what makes one the only one of its kind, and how they are read."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_progseg.studies.rows import Row, RowFile, bare, completed, fingerprint
from napari_progseg.training.config import RunConfig, Task, apply_settings, preset_config

RowOf = Callable[..., Row]


def config(**fields: object) -> RunConfig:
    return preset_config("tiny", "segmentation", train=("a",), budget={"steps": 5}, **fields)


def test_names_paths_and_devices_do_not_make_another_row() -> None:
    plain = fingerprint(bare(config()))
    assert fingerprint(bare(config(name="other", device="cuda", init="/some/where"))) == plain
    assert fingerprint(bare(config(seed=1))) != plain


def test_settings_of_another_task_do_not_make_another_row() -> None:
    def known_by(task: Task, setting: str) -> str:
        run = preset_config("tiny", task, train=("a",), budget={"steps": 5})
        return fingerprint(bare(apply_settings(run, [setting])))

    other = {"clicks": "clicks.most=3", "restoration": "restoration.flip=0.1", "shape": "shape.mask=0.5"}
    tasks: tuple[Task, ...] = ("segmentation", "interactive", "restoration", "shape")
    same = {
        task: {part: known_by(task, text) == known_by(task, "seed=0") for part, text in other.items()} for task in tasks
    }
    assert same == {
        "segmentation": {"clicks": True, "restoration": True, "shape": True},
        "interactive": {"clicks": False, "restoration": True, "shape": True},
        "restoration": {"clicks": True, "restoration": False, "shape": True},
        "shape": {"clicks": True, "restoration": True, "shape": False},
    }


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    document = {"b": [1, 2.5], "a": {"x": None, "y": "ü"}}
    code = f"from napari_progseg.studies.rows import fingerprint; print(fingerprint({document!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**__import__("os").environ, "PYTHONHASHSEED": "7"},
    )
    assert done.stdout.strip() == fingerprint({"a": {"y": "ü", "x": None}, "b": [1, 2.5]})


@pytest.mark.parametrize("where", ["config", "start"])
def test_a_setting_that_is_newer_than_a_row_counts_as_at_its_default(row_of: RowOf, where: str) -> None:
    document = {"config": bare(config()), "test": ["t"], "clicks": [0], "start": None}
    document |= {"start": {"config": bare(config(seed=3)), "test": [], "clicks": [0], "start": None}}
    older = json.loads(json.dumps(document))
    (older if where == "config" else older["start"])["config"]["augment"].pop("elastic")
    assert row_of(document=older).key == row_of(document=document).key
    assert completed(older)["test"] == ["t"]


def test_a_setting_that_is_gone_makes_another_row(row_of: RowOf) -> None:
    document = {"config": bare(config()), "test": ["t"], "clicks": [0], "start": None}
    older = json.loads(json.dumps(document))
    older["config"]["augment"]["gone"] = 1
    assert row_of(document=older).key != row_of(document=document).key


def test_rows_come_back_as_they_were(row_of: RowOf, tmp_path: Path) -> None:
    file = RowFile(tmp_path)
    rows = [row_of(seed=seed, dice={"0": [0.1, None]}) for seed in (0, 1)]
    for row in rows:
        file.append(row)
    assert list(RowFile(tmp_path).read().values()) == rows


def test_joined_files_count_a_row_once_and_pass_over_damage(row_of: RowOf, tmp_path: Path) -> None:
    first, second = RowFile(tmp_path / "first"), RowFile(tmp_path / "second")
    first.append(row_of(seed=0, machine="one"))
    second.append(row_of(seed=0, machine="other"))
    second.append(row_of(seed=1))
    lines = first.path.read_bytes() + b'{"study": 3}\n' + second.path.read_bytes()
    (tmp_path / "rows.jsonl").write_bytes(lines)
    joined = RowFile(tmp_path)
    assert [row.machine for row in joined.read().values()] == ["one", "a machine"]
    assert "line 2" in joined.problems[0]


def test_a_mean_leaves_out_what_is_not_defined(row_of: RowOf) -> None:
    row = row_of(dice={"0": [0.4, None], "1": [0.6, 0.8], "emptied": [None, None]})
    assert row.measures == ("0", "1", "emptied")
    assert (row.mean("0"), row.mean("1"), row.mean("emptied")) == (0.4, pytest.approx(0.7), None)


def test_a_row_of_shapes_has_distances_and_no_dice(shape_row_of: RowOf, row_of: RowOf, tmp_path: Path) -> None:
    row = shape_row_of(mm={"surface": [1.0, 2.0], "mask": [0.5, None]})
    assert row.in_mm
    assert not row_of().in_mm
    assert row.measures == ("surface", "mask")
    assert (row.mean("surface"), row.mean("mask"), row.mean("surface 64")) == (1.5, 0.5, None)
    RowFile(tmp_path).append(row)
    assert list(RowFile(tmp_path).read().values()) == [row]

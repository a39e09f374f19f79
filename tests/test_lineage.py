"""Who has seen which patients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_progseg.lineage import ancestry, seen_cases
from napari_progseg.storage.atomic import write_json
from napari_progseg.training.config import preset_config


def add_run(
    folder: Path, train: str, validation: str = "", task: Any = "interactive", init: Path | None = None
) -> Path:
    start = None if init is None else str(init)
    config = preset_config(
        "tiny", task, train=tuple(train), validation=tuple(validation), init=start, budget={"steps": 1}
    )
    write_json(folder / "config.json", config.model_dump(mode="json"))
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Restoration, then clicks from it, then a fine-tuned one."""
    restored = add_run(tmp_path / "0001-restoration", "abcdef", task="restoration")
    first = add_run(tmp_path / "0002-clicks", "ab", "c", init=restored)
    add_run(tmp_path / "0003-tuned", "ad", init=first)
    return tmp_path


def test_a_run_has_seen_what_those_before_it_have_seen(runs: Path) -> None:
    assert seen_cases(runs / "0003-tuned") == set("abcd")
    assert seen_cases(runs / "0003-tuned", validation=False) == set("abd")
    assert seen_cases(runs / "0002-clicks") == set("abc")


def test_images_alone_give_no_labels_away(runs: Path) -> None:
    assert seen_cases(runs / "0001-restoration") == set()


def test_patients_of_another_project_are_others(runs: Path, tmp_path: Path) -> None:
    adapted = add_run(tmp_path / "here" / "runs" / "0001-adapted", "x", init=runs / "0003-tuned")
    assert seen_cases(adapted) == {"x"}


def test_what_is_gone_or_goes_in_a_circle_ends_the_line(runs: Path) -> None:
    add_run(runs / "0002-clicks", "ab", "c", init=runs / "0003-tuned")
    assert [folder.name for folder, _ in ancestry(runs / "0003-tuned")] == ["0003-tuned", "0002-clicks"]
    (runs / "0002-clicks" / "config.json").unlink()
    assert seen_cases(runs / "0003-tuned") == set("ad")


def test_a_project_that_was_moved_keeps_its_lines(runs: Path, tmp_path: Path) -> None:
    moved = tmp_path.with_name("moved")
    runs.rename(moved)
    assert seen_cases(moved / "0003-tuned") == set("abcd")

"""``progseg study``: a grid of runs from the command line."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from napari_progseg.cli import app
from napari_progseg.project import Project
from napari_progseg.studies import grid
from napari_progseg.studies.rows import RowFile
from napari_progseg.training.events import Event, StepDone

SMALL = ("model.dims=2", "model.width=4", "model.levels=2", "patches.size=16,16", "patches.batch=4")


def limited_data(project: Path, out: Path, *words: object) -> Result:
    settings = [word for setting in SMALL for word in ("--set", setting)]
    plain = ["study", "limited-data", project, "--out", out, "--device", "cpu", "--validation", 1, *settings]
    return CliRunner().invoke(app, [str(word) for word in (*plain, *words)])


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Make a project of five tiny patients: a bright ball in noise each."""
    rng = np.random.default_rng(3)
    for number in range(5):
        grid_xyz = np.stack(np.meshgrid(*map(np.arange, (16, 16, 4)), indexing="ij"), axis=-1)
        ball = np.linalg.norm((grid_xyz - [*rng.uniform(6, 9, size=2), 1.5]) / [1, 1, 0.4], axis=-1) < 4
        image = (100 * ball + rng.normal(200, 10, ball.shape)).astype(np.int16)
        for part, array in (("images", image), ("labels", ball.astype(np.uint8))):
            (tmp_path / part).mkdir(exist_ok=True)
            nibabel.save(
                nibabel.Nifti1Image(array, np.diag([1.0, 1.0, 3.0, 1.0])), tmp_path / part / f"p{number}.nii.gz"
            )
    Project.create(tmp_path / "project", tmp_path / "images", tmp_path / "labels")
    return tmp_path / "project"


def test_a_study_runs_reports_and_is_not_repeated(project: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("--patients", "1,2", "--groups", "Seg,SegInter", "--steps-per-run", 2, "--seeds", 1)
    done = limited_data(project, out, *words)
    assert done.exit_code == 0, done.output
    lines = [line for line in done.output.splitlines() if line[:2] in {"1/", "2/", "3/", "4/"}]
    assert len(lines) == 4
    assert lines[0].startswith("1/4 Seg, 1 patient, seed 0: test Dice ")
    assert "left" in lines[0]
    assert "after 1 click" in lines[1]
    for name in ("rows.jsonl", "report.html", "report.json", "report.csv", "report.md", "learning-curves.png"):
        assert (out / name).is_file(), name
    rows = RowFile(out).read()
    assert {(row.group, row.patients) for row in rows.values()} == {(g, n) for g in ("Seg", "SegInter") for n in (1, 2)}
    assert json.loads((out / "report.json").read_text(encoding="utf-8"))["runs_done"] == 4

    before = (out / "rows.jsonl").read_bytes()
    again = limited_data(project, out, *words)
    assert again.exit_code == 0, again.output
    assert "training" not in again.output
    assert (out / "rows.jsonl").read_bytes() == before


def test_ctrl_c_saves_and_the_same_command_goes_on(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_progseg.training.run._REQUEST_SECONDS", 0.0)
    monkeypatch.setattr("napari_progseg.training.keeper._FLUSH_SECONDS", 0.0)
    real = grid.execute
    pressed: list[int] = []

    def pressing(run_dir: Path) -> Iterator[Event]:
        for event in real(run_dir):
            if isinstance(event, StepDone) and event.step == 3 and not pressed:
                pressed.append(event.step)
                os.kill(os.getpid(), signal.SIGINT)
            yield event

    monkeypatch.setattr(grid, "execute", pressing)
    words = ("--patients", "1", "--groups", "Seg", "--steps-per-run", 9, "--seeds", 1)
    stopped = limited_data(project, tmp_path / "out", *words)
    assert stopped.exit_code == 128 + signal.SIGINT, stopped.output
    assert "the same command goes on" in stopped.output
    assert "0 of 1 runs are done" in stopped.output
    assert not RowFile(tmp_path / "out").read()
    done = limited_data(project, tmp_path / "out", *words)
    assert done.exit_code == 0, done.output
    (row,) = RowFile(tmp_path / "out").read().values()
    assert row.cost.steps == 9
    assert len(Project.open(project).runs()) == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "--steps-per-run or --minutes-per-run"),
        (("--steps-per-run", 2, "--minutes-per-run", 1), "--steps-per-run or --minutes-per-run"),
        (("--steps-per-run", 2, "--pretrain-steps", 1, "--pretrain-minutes", 1), "not both"),
        (("--steps-per-run", 2, "--patients", "one"), "no numbers of patients"),
        (("--steps-per-run", 2, "--patients", "1,9"), "the pool holds 3"),
        (("--steps-per-run", 2, "--groups", "Segg"), "Segg is no group"),
        (("--steps-per-run", 2, "--settings", "missing.json"), "no file"),
        (("--steps-per-run", 2, "--set", "model.wdth=3"), "is no setting"),
    ],
)
def test_a_wrong_study_ends_with_2_and_one_sentence(
    project: Path, tmp_path: Path, words: tuple[object, ...], told: str
) -> None:
    done = limited_data(project, tmp_path / "out", *words)
    assert done.exit_code == 2, done.output
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert Project.open(project).runs() == []


def test_without_numbers_of_patients_the_papers_are_taken_as_far_as_there_are_some(
    project: Path, tmp_path: Path
) -> None:
    done = limited_data(project, tmp_path / "out", "--groups", "Seg", "--steps-per-run", 1, "--seeds", 1, "--test", 1)
    assert done.exit_code == 0, done.output
    assert {row.patients for row in RowFile(tmp_path / "out").read().values()} == {1, 2, 3}


def test_the_effort_study_labels_and_reports(project: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    settings = [word for setting in SMALL for word in ("--set", setting)]
    given = ("--out", out, "--device", "cpu", "--steps-per-run", 1, "--seeds", 1, "--test", 1, *settings)
    words = ["study", "effort", project, "--patients", "1,2", "--groups", "Random,Painting", "--most-clicks", 2, *given]
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    assert "4 of 4 runs are done" in done.output
    assert done.output.count("labelled p") == 4
    assert re.search(
        r"Painting, patient 2, seed 0: 0 clicks, \d strokes of \d slices, Dice 0.000 to (0.9|1.0)", done.output
    )
    document = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert document["study"] == "effort"
    assert document["protocol"]["annotator"] == {"accept": 0.9, "most_clicks": 2, "jitter_mm": 2.0}
    assert document["protocol"]["costs"] == {"click_s": 2.5, "slice_s": 12.0}
    assert [each["group"] for each in document["patients"]] == ["Random"] * 2 + ["Painting"] * 2
    assert (out / "dice-by-seconds.png").is_file()
    again = CliRunner().invoke(app, [str(word) for word in words])
    assert "labelled" not in again.output
    assert Project.open(project).runs() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("study", "words", "runs"),
    [
        ("pdl", ("--patients", "3", "--groups", "All,PDL"), 2),
        ("pgps", ("--patients", "2", "--groups", "Constant,Efficiency,Performance"), 3),
        ("transfer", ("--patients", 1, "--source", 1, "--test", 1, "--groups", "S,T,ST-10"), 3),
    ],
)
def test_the_other_studies_run_and_report(
    project: Path, tmp_path: Path, study: str, words: tuple[object, ...], runs: int
) -> None:
    settings = [word for setting in SMALL for word in ("--set", setting)]
    given = ("--out", tmp_path / "out", "--device", "cpu", "--validation", 1, "--steps-per-run", 2, "--seeds", 1)
    plain = ["study", study, project, *given, *settings, *words]
    done = CliRunner().invoke(app, [str(word) for word in plain])
    assert done.exit_code == 0, done.output
    assert f"{runs} of {runs} runs are done" in done.output
    document = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert document["study"] == study
    assert document["runs_done"] == runs
    assert (tmp_path / "out" / "report.html").stat().st_size > 10_000

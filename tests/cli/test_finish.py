"""``progseg predict-all``, ``export`` and ``report``, one after the other on one project."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from napari_progseg.cli import app
from napari_progseg.predictions import Predictions
from napari_progseg.project import Project
from napari_progseg.samples.cohort import write_cohort

SMALL = ["--set", "patches.size=32,32", "--set", "patches.batch=4", "--set", "model.width=4", "--set", "model.levels=2"]


def run(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with four labelled patients, two others, and a run of two steps."""
    folder = tmp_path_factory.mktemp("study")
    write_cohort(folder, "mr", 6, labelled=4)
    root = folder / "project"
    Project.create(root, folder / "images", folder / "labels", {"front": (1,), "back": (2,)})
    run("train", root, "--task", "segmentation", "--name", "first", "--steps", 2, "--set", "model.dims=2", *SMALL)
    return root


def test_predict_all_predicts_the_rest_once(study: Path) -> None:
    first = run("predict-all", study, "--device", "cpu")
    assert [line.split(":")[0] for line in first.splitlines()[:2]] == ["mr_004", "mr_005"]
    records = Predictions(Project.open(study)).records()
    assert {record.run for record in records.values()} == {"0001-first"}
    assert "2 cases were predicted by 0001-first before and kept" in run("predict-all", study, "--run", "first")


def test_export_writes_labels_predictions_and_a_model_that_predicts(study: Path, tmp_path: Path) -> None:
    run("predict-all", study)
    out = tmp_path / "out"
    told = run("export", study, out, "--predictions", "--run", 1)
    assert str(out / "labels" / "mr_000.nii.gz") in told
    cases = json.loads((out / "labels.json").read_text(encoding="utf-8"))["cases"]
    assert [name for name, entry in cases.items() if "predictions" in entry] == ["mr_004", "mr_005"]
    run("predict", out / "models" / "0001-first", "--images", study.parent / "images", "--out", tmp_path / "masks")
    again = (tmp_path / "masks" / "mr_004.nii.gz").read_bytes()
    assert len(again) == (out / "predictions" / "mr_004.nii.gz").stat().st_size
    assert "choose a new or empty folder" in run("export", study, out, code=2)


def test_report_measures_the_run_and_says_where_it_is(study: Path, tmp_path: Path) -> None:
    assert run("report", study).splitlines()[-1] == f"report: {study / 'report.html'}"
    html = (study / "report.html").read_text(encoding="utf-8")
    assert "Dice of 0001-first" in html
    assert "Methods, ready to paste" in html
    plain = tmp_path / "plain.html"
    run("report", study, "--out", plain, "--no-dice")
    assert "Dice of 0001-first" not in plain.read_text(encoding="utf-8")


def test_an_unknown_run_is_refused(study: Path) -> None:
    assert "no run of" in run("predict-all", study, "--run", "99", code=2)

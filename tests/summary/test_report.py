"""The report of a project: everything in one file, and no more than was measured."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_progseg.evaluation.report import Report
from napari_progseg.inference import evaluate
from napari_progseg.project import Project
from napari_progseg.summary import accuracy
from napari_progseg.summary.models import run_facts
from napari_progseg.summary.report import report_of, summarise, write_report
from napari_progseg.training.config import RunConfig
from napari_progseg.volume import LabelMap, Volume

ConfigOf = Callable[..., RunConfig]
AddRun = Callable[..., Path]


@pytest.fixture
def threshold(monkeypatch: pytest.MonkeyPatch, model_of_bone: object) -> None:
    """Replace the model: what is bright is bone."""

    def predict(model: object, volume: Volume, *, progress: object = None) -> LabelMap:
        return LabelMap((volume.image > 50).astype(np.uint8), volume.geometry)

    monkeypatch.setattr(accuracy, "load_trained", lambda run, device: model_of_bone)
    monkeypatch.setattr(evaluate, "predict_volume", predict)


@pytest.fixture
def model_of_bone(project: Project) -> object:
    from types import SimpleNamespace

    return SimpleNamespace(classes=project.classes, plan=SimpleNamespace(dims=2))


def table(report: Report, name: str) -> list[tuple[str, ...]]:
    return list(next(each for each in report.tables if each.name == name).rows)


@pytest.mark.usefixtures("threshold")
def test_dice_is_measured_on_completed_cases_that_the_run_has_not_learned_from(
    project: Project, config_of: ConfigOf, add_run: AddRun, edits: Callable[..., None]
) -> None:
    add_run("0001-first", config_of())
    edits("e", ("accept", 0, 0, "run 0001 · step 40"))
    report = report_of(project, summarise(project))
    assert [(row[0], row[1], row[-1]) for row in table(report, "dice")] == [
        ("d", "1.000", "independent"),
        ("e", "1.000", "began as a prediction"),
    ]
    section = next(each for each in report.sections if each.title == "Dice of 0001-first")
    assert "mean Dice 1.000 (95 % interval 1.000 to 1.000, 2 patients)" in section.paragraphs[0]
    assert "Without them: 1.000 (95 % interval 1.000 to 1.000, 1 patient)" in section.paragraphs[1]


@pytest.mark.usefixtures("threshold")
def test_cases_that_the_run_before_has_learned_from_are_left_out_too(
    project: Project, config_of: ConfigOf, add_run: AddRun
) -> None:
    first = add_run("0001-first", config_of(train=("d",), validation=()))
    add_run("0002-second", config_of(init=str(first)))
    assert [row[0] for row in table(report_of(project, summarise(project)), "dice")] == ["e"]


def test_scans_of_a_restoration_start_were_seen_without_labels(
    project: Project, config_of: ConfigOf, add_run: AddRun
) -> None:
    start = add_run("0001-learn", config_of(task="restoration", train=("d", "e")))
    run = run_facts(add_run("0002-second", config_of(init=str(start))))
    assert run.learned_from(project.runs_dir) == {"a", "b", "c"}


@pytest.mark.usefixtures("threshold")
def test_a_case_that_cannot_be_read_is_named_and_the_others_are_measured(
    project: Project, config_of: ConfigOf, add_run: AddRun
) -> None:
    add_run("0001-first", config_of())
    image = project.case("d").image
    image.write_bytes(image.read_bytes()[:60])
    report = report_of(project, summarise(project))
    assert [row[0] for row in table(report, "dice")] == ["e"]
    section = next(each for each in report.sections if each.title.startswith("Dice"))
    assert any("d.nii.gz" in paragraph for paragraph in section.paragraphs)


def test_the_file_holds_patients_runs_curves_and_methods_and_needs_nothing_else(
    project: Project, config_of: ConfigOf, add_run: AddRun, edits: Callable[..., None]
) -> None:
    add_run("0001-first", config_of())
    edits("x", ("click", 1, 0, ""), ("stroke", 1, 30, ""))
    summary = summarise(project, with_dice=False)
    html = write_report(project, summary, project.root / "report.html").read_text(encoding="utf-8")
    assert not re.findall(r"(?:src|href)=\"(?!data:)", html)
    assert html.count("data:image/png;base64,") == 1
    assert "Methods, ready to paste" in html
    assert "Dice of" not in html
    assert str(project.root.parent) not in html
    report = report_of(project, summary)
    (row,) = [row for row in table(report, "patients") if row[0] == "x"]
    assert row == ("x", "not started", "–", "1", "1", "–", "–", "–", "30", "–")
    (run,) = table(report, "runs")
    assert run == ("0001-first", "masks", "finished", "2", "40 steps", "40", "2.0", "0.750", "–")


def test_a_project_without_runs_has_a_report_of_its_patients(project: Project) -> None:
    report = report_of(project, summarise(project))
    assert [section.title for section in report.sections] == ["Patients and effort"]
    assert "5 completed, 1 not started" in report.lead[0]

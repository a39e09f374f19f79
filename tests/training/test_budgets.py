"""What the runs of a project say about numbers of labelled patients."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_progseg.project import Project
from napari_progseg.training.budgets import budgets_of, forecast_sentence, missing_sentence, past_error_sentence

Write = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project of one scan; what its runs learned from does not matter here."""
    (tmp_path / "images").mkdir()
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 4, 4), np.int16), np.eye(4)), tmp_path / "images" / "a.nii.gz")
    return Project.create(tmp_path / "project", tmp_path / "images")


def law(patients: int) -> dict[str, float]:
    return {"v1": 0.9 - 0.4 / patients, "v2": 0.92 - 0.4 / patients}


def test_the_best_validation_of_each_run_counts(project: Project, write_run: Write) -> None:
    write_run(project.root, 1, 2, {"v1": 0.5, "v2": 0.75})
    found = budgets_of(project, "segmentation")
    assert found.cases == ("v1", "v2")
    assert [(point.patients, point.dice) for point in found.points] == [(2, (0.5, 0.75))]


def test_of_equal_numbers_of_patients_the_best_run_counts(project: Project, write_run: Write) -> None:
    for number, dice in enumerate((0.5, 0.7, 0.6), 1):
        write_run(project.root, number, 3, {"v1": dice})
    assert [run.name for run in budgets_of(project, "segmentation").runs] == ["0002-n3"]


def test_only_runs_that_were_checked_on_the_same_patients_are_compared(project: Project, write_run: Write) -> None:
    write_run(project.root, 1, 1, {"v1": 0.5})
    write_run(project.root, 2, 2, {"v1": 0.6, "v2": 0.2})
    write_run(project.root, 3, 4, {"v1": 0.7, "v2": 0.3})
    write_run(project.root, 4, 8, {"other": 0.9})
    found = budgets_of(project, "segmentation")
    assert found.cases == ("v1",), "more numbers of patients come before more validation patients"
    assert [(point.patients, point.mean) for point in found.points] == [(1, 0.5), (2, 0.6), (4, 0.7)]


def test_as_many_validation_patients_as_the_runs_share(project: Project, write_run: Write) -> None:
    write_run(project.root, 1, 2, {"v1": 0.6, "v2": 0.2})
    write_run(project.root, 2, 4, {"v1": 0.7, "v2": 0.3, "v3": 0.9})
    assert budgets_of(project, "segmentation").cases == ("v1", "v2")


def test_other_tasks_unfinished_runs_and_cases_without_the_structure_do_not_count(
    project: Project, write_run: Write
) -> None:
    write_run(project.root, 1, 1, law(1), task="interactive")
    write_run(project.root, 2, 2, law(2), reason="stopped")
    write_run(project.root, 3, 3, {"v1": None})
    (project.runs_dir / "0004-empty").mkdir()
    broken = project.runs_dir / "0005-broken"
    broken.mkdir()
    (broken / "config.json").write_text("{", encoding="utf-8")
    write_run(project.root, 6, 4, {"v1": 0.5, "v2": None})
    assert [run.name for run in budgets_of(project, "segmentation").runs] == ["0006-n4"]
    assert [run.name for run in budgets_of(project, "interactive").runs] == ["0001-n1"]


def test_a_run_that_knew_the_structures_before_does_not_count(project: Project, write_run: Write) -> None:
    images = write_run(project.root, 1, 9, {}, task="restoration")
    many = write_run(project.root, 2, 8, law(8))
    write_run(project.root, 3, 2, law(2), init=str(images))
    write_run(project.root, 4, 1, law(1), init=str(many))
    write_run(project.root, 5, 3, law(3), init="/gone/0007-away")
    assert [run.name for run in budgets_of(project, "segmentation").runs] == ["0003-n2", "0002-n8"]


def test_three_numbers_of_patients_say_what_is_missing(project: Project, write_run: Write) -> None:
    assert missing_sentence(budgets_of(project, "segmentation")).endswith("so far there is none.")
    for number, patients in enumerate((1, 2, 4, 4), 1):
        write_run(project.root, number, patients, law(patients))
    found = budgets_of(project, "segmentation")
    assert found.forecast() is None
    assert "4 different numbers of patients" in missing_sentence(found)
    assert missing_sentence(found).endswith("so far 3 can be compared (1, 2, 4).")


def test_four_give_a_band_up_to_twice_as_many_and_its_past_error(project: Project, write_run: Write) -> None:
    for number, patients in enumerate((1, 2, 4, 8), 1):
        write_run(project.root, number, patients, law(patients))
    budgets = budgets_of(project, "segmentation")
    found = budgets.forecast()
    assert found is not None
    assert (found.patients[0], found.patients[-1]) == (1, 16)
    assert found.low[-1] <= 0.91 - 0.4 / 16 <= found.high[-1]
    assert forecast_sentence(found).startswith("Dice to expect with 12 patients: 0.")
    assert (
        past_error_sentence(budgets.runs, found) == "A forecast made with the first 3 budgets missed the 4th by 0.00."
    )


def test_five_tell_the_mean_of_all_past_errors(project: Project, write_run: Write) -> None:
    for number, patients in enumerate((1, 2, 3, 5, 8), 1):
        low = 0.2 if patients == 8 else 0.0
        write_run(project.root, number, patients, {"v1": 0.9 - 0.4 / patients - low})
    budgets = budgets_of(project, "segmentation")
    found = budgets.forecast()
    assert found is not None
    assert (
        past_error_sentence(budgets.runs, found)
        == "Forecasts made with the first 3 to 4 budgets missed the next one by 0.10 on average."
    )

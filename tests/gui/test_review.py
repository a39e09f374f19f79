"""The review queue: the least sure first, each prediction on screen at once, Completed opens the next."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_progseg.gui.bridge import Preview
from napari_progseg.predictions import Prediction, Predictions
from napari_progseg.project import CaseState, Project
from napari_progseg.volume import LabelMap

from .conftest import SHAPE, write_scan


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Cases 0 to 3, of which 0 is labelled; predicted are 1 (sure), 2 (less sure) and, once it was open, 0."""
    folder = tmp_path / "cohort"
    for number in range(4):
        write_scan(folder, f"case-{number}", labelled=number == 0, values=(1, 2))
    made = Project.create(folder / "project", folder / "images", folder / "labels", {"left": (1,), "right": (2,)})
    for case, unsure, value in (("case-0", 0.9, 2), ("case-1", 0.1, 1), ("case-2", 0.4, 2)):
        store(made, case, unsure, value)
    return made


def store(project: Project, case: str, unsure: float | None, value: int) -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[3:6, 4:8, 4:8] = value
    record = Prediction(case=case, run="0007-first", step=1200, model_sha256="ab", unsure=unsure, dice=0.87)
    Predictions(project).save(LabelMap(labels, project.volume(case).geometry), record)


@pytest.fixture
def patients(dock, project, qtbot):
    dock.open_project(project.root)
    qtbot.waitUntil(lambda: len(dock.patients.review.queue) == 2, timeout=20_000)
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=30_000)
    return dock.patients


def shown(patients) -> list[str]:
    return [patients.rows.index(row, 1).data() for row in range(patients.rows.rowCount())]


def open_case(dock, qtbot, case: str) -> None:
    dock.open_case(case)
    qtbot.waitUntil(lambda: dock.desk.case is not None and dock.desk.case.id == case, timeout=30_000)


def test_the_filter_shows_what_is_to_be_reviewed_the_least_sure_first(patients) -> None:
    assert patients.to_review.text() == "To review (2)"
    assert [patients.rows.index(row, 0).data() for row in range(4)] == ["●", "◇", "◇", "○"]
    patients.to_review.click()
    assert shown(patients) == ["case-2", "case-1"]
    assert "mean entropy 0.40" in patients.rows.index(0, 1).data(role=3)
    patients.to_review.click()
    assert len(shown(patients)) == 4


def test_words_of_the_state_find_it_too(patients) -> None:
    patients.filter.setText("to review")
    assert sorted(shown(patients)) == ["case-1", "case-2"]


def test_nothing_to_review_is_no_choice(dock, project) -> None:
    assert dock.patients.to_review.text() == "To review"
    assert not dock.patients.to_review.isEnabled()


def test_an_opened_patient_shows_its_prediction_and_who_made_it(patients, dock, qtbot) -> None:
    open_case(dock, qtbot, "case-2")
    qtbot.waitUntil(lambda: dock.desk.case.has_prediction, timeout=20_000)
    assert np.unique(dock.desk.case.predicted).tolist() == [0, 2]
    assert dock.desk.case.source == "run 0007 · step 1\u202f200 · Dice 0.87 on validation"
    assert not dock.desk.case.labels.any()
    assert dock.desk.canvas is not None


def test_a_completed_patient_does_not_show_an_old_prediction(patients, dock, qtbot) -> None:
    open_case(dock, qtbot, "case-0")
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)
    assert not dock.desk.case.has_prediction


def test_accept_and_completed_open_the_next_until_all_are_reviewed(patients, dock, project, qtbot) -> None:
    patients.to_review.click()
    open_case(dock, qtbot, "case-2")
    for case in ("case-2", "case-1"):
        qtbot.waitUntil(lambda case=case: dock.desk.case.id == case and dock.desk.case.has_prediction, timeout=30_000)
        dock.annotate.accept.click()
        dock.annotate.completed.click()
        qtbot.waitUntil(lambda case=case: project_state(project, case) is CaseState.COMPLETED, timeout=30_000)
    qtbot.waitUntil(lambda: not patients.review.on, timeout=20_000)
    assert not patients.to_review.isChecked()
    assert "All predictions are reviewed" in dock.banner.label.text()
    assert len(shown(patients)) == 4


def project_state(project: Project, case: str) -> CaseState:
    project.reload()
    return project.case(case).state


def test_completed_stays_where_it_is_while_nobody_reviews(patients, dock, project, qtbot) -> None:
    open_case(dock, qtbot, "case-2")
    qtbot.waitUntil(lambda: dock.desk.case.has_prediction, timeout=20_000)
    dock.annotate.accept.click()
    dock.annotate.completed.click()
    qtbot.waitUntil(lambda: len(patients.review.queue) == 1, timeout=30_000)
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)
    assert dock.desk.case.id == "case-2"


def test_a_running_training_does_not_replace_what_is_reviewed(patients, dock, qtbot) -> None:
    patients.to_review.click()
    open_case(dock, qtbot, "case-2")
    qtbot.waitUntil(lambda: dock.desk.case.has_prediction, timeout=20_000)
    before = dock.desk.case.predicted.copy()
    dock.desk.runs.run = Path("0009-live")
    live = Preview(40, "case-2", np.ones(SHAPE, np.uint8))
    dock.desk.runs.previewed.emit(live)
    np.testing.assert_array_equal(dock.desk.case.predicted, before)
    patients.to_review.click()
    dock.desk.runs.previewed.emit(live)
    assert (dock.desk.case.predicted == 1).all()


def test_a_damaged_prediction_is_not_shown(patients, dock, project, qtbot) -> None:
    mask = Predictions(project).mask("case-2")
    mask.write_bytes(mask.read_bytes()[:50])
    open_case(dock, qtbot, "case-2")
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)
    assert not dock.desk.case.has_prediction


def test_a_new_prediction_joins_the_queue(patients, dock, project, qtbot) -> None:
    store(project, "case-3", None, 1)
    dock.results.finish.predicted.emit()
    qtbot.waitUntil(lambda: patients.review.queue[0].case == "case-3", timeout=20_000)
    assert patients.to_review.text() == "To review (3)"

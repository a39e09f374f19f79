"""The next patient: suggested, opened and left again, never by itself."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton

from napari_progseg.errors import UserError
from napari_progseg.project import CaseState, Project
from napari_progseg.storage.journal import Journal
from napari_progseg.suggest.record import NAME

from .conftest import write_scan


@pytest.fixture
def project(cohort) -> Project:
    """Six scans, of which case-0 is completed; the fake engine suggests the last first."""
    for number in (4, 5):
        write_scan(cohort, f"case-{number}", labelled=False)
    for number in (1, 2):
        (cohort / "labels" / f"case-{number}.nii.gz").unlink()
    return Project.create(cohort / "project", cohort / "images", cohort / "labels", {"left": (1,), "right": (2,)})


@pytest.fixture
def suggested(dock, project, qtbot):
    """The dock with that project open and a patient suggested."""
    dock.open_project(project.root)
    found(dock, qtbot)
    return dock


def found(dock, qtbot) -> None:
    qtbot.waitUntil(lambda: not dock.upcoming.looking, timeout=20_000)


def press_key(dock, key: str) -> None:
    """Press a key as napari hands it to the active layer."""
    layer = dock.desk.viewer.layers.selection.active
    bound = {str(binding): function for binding, function in layer.keymap.items()}
    bound[key](layer)


def on_screen(dock, qtbot, case_id: str) -> None:
    qtbot.waitUntil(lambda: dock.desk.case is not None and dock.desk.case.id == case_id, timeout=20_000)


def click(button) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_an_opened_project_suggests_a_patient_and_opens_none(suggested) -> None:
    line = suggested.patients.next
    assert line.sentence.text() == "Next: case-5, number 1 by typical"
    assert line.way.currentText() == "Most typical"
    assert suggested.desk.case is None
    assert suggested.annotate.next.isEnabled()


def test_open_shows_the_suggested_patient_and_suggests_another(suggested, qtbot) -> None:
    click(suggested.patients.next.open)
    on_screen(suggested, qtbot, "case-5")
    assert suggested.upcoming.coming.case == "case-4"
    assert "case-4" in suggested.annotate.next.toolTip()


def test_every_button_beside_the_patients_has_a_name_of_its_own(suggested) -> None:
    names = [button.text() for button in suggested.patients.full.findChildren(QAbstractButton) if button.text()]
    assert {"Open", "Open next"} <= set(names)
    assert len(names) == len(set(names))


def test_n_goes_on_and_shift_n_goes_back(suggested, qtbot) -> None:
    suggested.open_case("case-3")
    on_screen(suggested, qtbot, "case-3")
    for case in ("case-5", "case-4"):
        press_key(suggested, "N")
        on_screen(suggested, qtbot, case)
    for case in ("case-5", "case-3"):
        press_key(suggested, "Shift+N")
        on_screen(suggested, qtbot, case)
    press_key(suggested, "Shift+N")
    assert suggested.desk.busy == "", "there is nothing before the first"


def test_patients_that_were_passed_over_come_round_again(suggested, qtbot) -> None:
    for case in ("case-5", "case-4", "case-3", "case-2", "case-1", "case-5"):
        click(suggested.annotate.next)
        on_screen(suggested, qtbot, case)


def test_the_keys_belong_to_the_plugins_layers_alone(suggested, qtbot) -> None:
    suggested.open_case("case-3")
    on_screen(suggested, qtbot, "case-3")
    other = suggested.desk.viewer.add_image(np.zeros((4, 4, 4)))
    assert not {"N", "Shift+N"} & {str(key) for key in other.keymap}
    assert not {"N", "Shift+N"} & {str(key) for key in suggested.desk.viewer.keymap}


def test_another_way_is_searched_and_remembered_with_the_project(suggested, engine, project, qtbot) -> None:
    line = suggested.patients.next
    line.way.setCurrentIndex(2)
    line.way.activated.emit(2)
    found(suggested, qtbot)
    assert line.sentence.text() == "Next: case-5, number 1 by random"
    assert engine.searches == [("typical", None), ("random", None)]
    suggested.open_project(project.root)
    found(suggested, qtbot)
    assert line.way.currentText() == "At random"


def test_uncertainty_waits_for_a_model_and_asks_the_newest(suggested, engine, project, qtbot) -> None:
    line = suggested.patients.next
    line.way.activated.emit(1)
    assert line.sentence.text().startswith("No suggestion: no trained model yet")
    assert not line.open.isEnabled()
    engine.add_run(project, "0001-first", "segmentation")
    suggested.desk.runs.refresh()
    qtbot.waitUntil(lambda: ("uncertain", "0001-first") in engine.searches, timeout=20_000)
    found(suggested, qtbot)
    assert "by uncertain" in line.sentence.text()


def test_completing_a_patient_looks_again_and_never_suggests_it(suggested, engine, qtbot) -> None:
    click(suggested.patients.next.open)
    on_screen(suggested, qtbot, "case-5")
    case = suggested.desk.case
    case.labels_layer.data_setitem((np.array([2]), np.array([3]), np.array([3])), 1)
    click(suggested.annotate.completed)
    qtbot.waitUntil(lambda: len(engine.searches) == 2, timeout=20_000)
    found(suggested, qtbot)
    assert suggested.desk.state_of("case-5") is CaseState.COMPLETED
    assert suggested.upcoming.coming.case == "case-4"
    assert suggested.upcoming.coming.reason == "number 1 by typical"


def test_a_search_can_be_stopped_and_started_again(dock, project, monkeypatch, qtbot) -> None:
    from napari_progseg.gui import engine as door

    quick, running, stopped = door.suggest_cases, threading.Event(), threading.Event()

    def slow(project, by, run, progress, cancelled):
        progress(0.4)
        running.set()
        while not cancelled():
            stopped.wait(0.01)
        stopped.set()
        return ()

    monkeypatch.setattr(door, "suggest_cases", slow)
    dock.open_project(project.root)
    line = dock.patients.next
    qtbot.waitUntil(lambda: running.is_set() and "40 %" in line.sentence.text(), timeout=20_000)
    click(line.again)
    qtbot.waitUntil(stopped.is_set, timeout=20_000)
    assert line.sentence.text() == "No suggestion yet."
    monkeypatch.setattr(door, "suggest_cases", quick)
    click(line.again)
    found(dock, qtbot)
    assert line.open.isEnabled()


def test_what_goes_wrong_is_said_in_the_line_and_nowhere_else(dock, project, monkeypatch, qtbot) -> None:
    from napari_progseg.gui import engine as door

    def refuse(*asked):
        raise UserError("modalities are mixed")

    monkeypatch.setattr(door, "suggest_cases", refuse)
    dock.open_project(project.root)
    found(dock, qtbot)
    assert dock.patients.next.sentence.text() == "No suggestion: modalities are mixed"
    assert dock.banner.isHidden()


def test_the_next_patient_is_predicted_without_a_click_and_its_labels_stay(suggested, engine, project, qtbot) -> None:
    engine.add_run(project, "0001-first", "segmentation")
    suggested.desk.runs.refresh()
    qtbot.waitUntil(lambda: suggested.desk.answerer.predictor is not None, timeout=20_000)
    click(suggested.patients.next.open)
    on_screen(suggested, qtbot, "case-5")
    qtbot.waitUntil(lambda: suggested.desk.case.has_prediction, timeout=20_000)
    assert suggested.desk.case.predicted.any()
    assert not suggested.desk.case.labels.any()
    suggested.open_case("case-3")
    on_screen(suggested, qtbot, "case-3")
    assert not suggested.desk.answerer.predicting, "a patient that was opened from the table is not predicted unasked"


def test_a_click_ends_the_prediction_that_nobody_asked_for(suggested, engine, project, monkeypatch, qtbot) -> None:
    from napari_progseg.gui import engine as door

    begun, ended = threading.Event(), threading.Event()

    def slow(model, volume, progress, cancelled, seen=None):
        begun.set()
        while not cancelled():
            ended.wait(0.01)
        ended.set()
        raise UserError("cancelled")

    monkeypatch.setattr(door, "predict_volume", slow)
    engine.add_run(project, "0001-clicks", "interactive")
    suggested.desk.runs.refresh()
    qtbot.waitUntil(lambda: suggested.desk.answerer.run is not None, timeout=20_000)
    click(suggested.annotate.next)
    on_screen(suggested, qtbot, "case-5")
    qtbot.waitUntil(begun.is_set, timeout=20_000)
    case = suggested.desk.case
    case.add_click((5, 7, 8), True)
    qtbot.waitUntil(ended.is_set, timeout=20_000)
    qtbot.waitUntil(lambda: case.has_prediction and not suggested.desk.answerer.answering, timeout=20_000)
    assert (case.predicted != 0).sum() == 16


def test_what_was_shown_and_chosen_is_kept_with_the_project(suggested, project, qtbot) -> None:
    click(suggested.patients.next.open)
    on_screen(suggested, qtbot, "case-5")
    suggested.open_case("case-1")
    on_screen(suggested, qtbot, "case-1")
    records = Journal(project.root / NAME).read()
    assert [(each["event"], each["case"], each.get("suggested")) for each in records] == [
        ("shown", "case-5", None),
        ("opened", "case-5", "case-5"),
        ("shown", "case-4", None),
        ("opened", "case-1", "case-4"),
    ]


def test_where_all_is_labelled_the_line_says_so(dock, cohort, qtbot) -> None:
    for number in range(1, 4):
        (cohort / "images" / f"case-{number}.nii.gz").unlink()
    done = Project.create(cohort / "done", cohort / "images", cohort / "labels", {"both": (1, 2)})
    dock.open_project(done.root)
    found(dock, qtbot)
    assert dock.patients.next.sentence.text() == "No patient is left to label."
    assert not dock.patients.next.open.isEnabled()

"""What the user did reaches the disk, or is asked about: refusals, visits, other projects, closing."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QCloseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDialog, QMessageBox

from napari_progseg.gui import engine as door
from napari_progseg.gui.edits import journal
from napari_progseg.project import CaseState, Project
from napari_progseg.storage.journal import Journal
from napari_progseg.training.config import preset_config

from .conftest import open_case


def refuse(*args, **kwargs) -> None:
    raise OSError(28, "No space left on device")


@pytest.fixture
def labels_refused(monkeypatch):
    """A disk without room for labels, until the context is undone."""
    with monkeypatch.context() as patch:
        patch.setattr(Project, "save_labels", refuse)
        yield patch


def paint(case, value: int, voxel: tuple[int, int, int] = (2, 3, 3)) -> None:
    case.labels_layer.data_setitem(tuple(np.array([index]) for index in voxel), value)
    case.settle()


def quiet(dock, qtbot) -> None:
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)


def stored(project, case_id: str = "case-0") -> np.ndarray:
    return Project.open(project.root).labels(case_id).labels


# --- Completed --------------------------------------------------------------------------------------------------


def test_completed_without_labels_is_refused_for_good(dock, project, qtbot) -> None:
    open_case(dock, project, qtbot, "case-3")
    with qtbot.waitSignal(dock.desk.said) as said:
        dock.annotate.completed.click()
    assert said.args == ["case-3 has no labels yet, so it was not marked completed. Label it first."]
    paint(dock.desk.case, 1)
    with qtbot.waitSignal(dock.desk.keeper.saved, timeout=20_000):
        dock.desk.keeper.save()
    assert dock.desk.state_of("case-3") is CaseState.IN_PROGRESS
    quiet(dock, qtbot)
    assert dock.desk.case.tally is None


def test_predictions_are_measured_once_the_case_is_completed(dock, project, qtbot, labels_refused) -> None:
    open_case(dock, project, qtbot, "case-3")
    case = dock.desk.case
    paint(case, 1)
    with qtbot.waitSignal(dock.desk.said, timeout=20_000):
        dock.annotate.completed.click()
    quiet(dock, qtbot)
    assert case.tally is None
    labels_refused.undo()
    dock.annotate.completed.click()
    qtbot.waitUntil(lambda: case.tally is not None, timeout=20_000)
    assert dock.desk.state_of("case-3") is CaseState.COMPLETED
    case.put_whole(case.labels.copy())
    assert case.dice[1] == 1.0


# --- refusals ---------------------------------------------------------------------------------------------------


def test_labels_that_were_refused_are_never_called_saved_and_tried_again(
    opened, project, qtbot, labels_refused
) -> None:
    keeper, remark = opened.desk.keeper, opened.annotate.saved
    keeper._again.setInterval(50)
    paint(opened.desk.case, 2)
    with qtbot.waitSignal(opened.desk.said, timeout=20_000) as said:
        keeper.save()
    assert "No space left" in said.args[0]
    opened.annotate.refresh()
    assert remark.text() == "Not saved yet; trying again…"
    labels_refused.undo()
    qtbot.waitUntil(lambda: remark.text() == "All labels are saved.", timeout=20_000)
    assert stored(project)[2, 3, 3] == 2
    quiet(opened, qtbot)


def test_a_refusal_that_lasts_is_told_once(opened, qtbot, labels_refused) -> None:
    told = []
    opened.desk.said.connect(told.append)
    paint(opened.desk.case, 2)
    for _ in range(3):
        opened.desk.keeper.save()
        quiet(opened, qtbot)
    assert len(told) == 1


# --- the journal's disk -----------------------------------------------------------------------------------------


def test_a_step_is_in_the_journal_at_once_and_a_slow_disk_holds_no_window(opened, project, qtbot, monkeypatch) -> None:
    slow, synced_in = threading.Event(), []
    sync = os.fsync

    def fsync(handle: int) -> None:
        synced_in.append(threading.current_thread())
        slow.wait(20)
        sync(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    paint(opened.desk.case, 2)
    records = journal(project, "case-0").read()
    assert records[-1]["edit"] == "stroke"
    qtbot.waitUntil(lambda: bool(synced_in), timeout=10_000)
    assert threading.main_thread() not in synced_in
    slow.set()
    quiet(opened, qtbot)


def test_a_disk_that_does_not_keep_the_journal_is_told(opened, qtbot, monkeypatch) -> None:
    monkeypatch.setattr("napari_progseg.storage.journal.sync_file", refuse)
    with qtbot.waitSignal(opened.desk.said, timeout=20_000) as said:
        paint(opened.desk.case, 2)
    assert "case-0.jsonl could not be written" in said.args[0]
    quiet(opened, qtbot)


# --- visits -----------------------------------------------------------------------------------------------------


def test_a_second_visit_is_not_overwritten_by_what_the_first_could_not_write(
    opened, project, qtbot, labels_refused
) -> None:
    paint(opened.desk.case, 2)
    open_case(opened, project, qtbot, "case-1")
    open_case(opened, project, qtbot, "case-0")
    case = opened.desk.case
    assert case.labels[2, 3, 3] == 2
    labels_refused.undo()
    paint(case, 1, (3, 5, 5))
    with qtbot.waitSignal(opened.desk.keeper.saved, timeout=20_000):
        opened.desk.keeper.save()
    assert opened.desk.save_everything()
    assert np.array_equal(stored(project), case.labels)


def test_a_patient_whose_labels_are_only_in_memory_opens_once_they_are_written(
    opened, project, qtbot, labels_refused, monkeypatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "extend", refuse)
        paint(opened.desk.case, 2)
        open_case(opened, project, qtbot, "case-1")
        quiet(opened, qtbot)
        with qtbot.waitSignal(opened.desk.said, timeout=20_000) as said:
            opened.open_case("case-0")
        assert said.args[0].startswith("case-0 was not opened, because what you last did there could not be written")
        assert opened.desk.case.id == "case-1"
    labels_refused.undo()
    open_case(opened, project, qtbot, "case-0")
    case = opened.desk.case
    assert case.labels[2, 3, 3] == 2
    assert len(case.history.done) == 1
    paint(case, 1, (3, 5, 5))
    assert opened.desk.save_everything()
    open_case(opened, project, qtbot, "case-1")
    open_case(opened, project, qtbot, "case-0")
    assert len(opened.desk.case.history.done) == 2
    assert np.array_equal(opened.desk.case.labels, stored(project))


def test_a_project_that_is_opened_again_finds_first_labels_that_were_not_yet_written(dock, project, qtbot) -> None:
    open_case(dock, project, qtbot, "case-3")
    paint(dock.desk.case, 1)
    assert dock.open_project(project.root)
    open_case(dock, project, qtbot, "case-3")
    assert dock.desk.case.labels[2, 3, 3] == 1
    quiet(dock, qtbot)


def test_a_patient_that_is_still_being_read_does_not_open_in_another_project(dock, project, cohort, qtbot) -> None:
    other = Project.create(cohort / "other", cohort / "images", None, {"left": (1,)})
    assert dock.open_project(project.root)
    dock.open_case("case-0")
    assert dock.open_project(other.root)
    assert dock.desk.busy == ""
    quiet(dock, qtbot)
    assert dock.desk.case is None


# --- before other work ------------------------------------------------------------------------------------------


def test_nothing_is_exported_or_trained_on_before_labels_are_written(
    opened, engine, project, qtbot, tmp_path, labels_refused, monkeypatch
) -> None:
    exported = []
    monkeypatch.setattr(door, "export_project", lambda *asked: iter(exported.append(asked) or ()))
    paint(opened.desk.case, 2)
    opened.results.finish.export_to(tmp_path / "out")
    quiet(opened, qtbot)
    opened.desk.start_training(preset_config("tiny", "segmentation", train=("case-0",), budget={"minutes": 1}))
    quiet(opened, qtbot)
    assert (exported, engine.started) == ([], [])
    assert not opened.desk.runs.starting
    assert "No space left" in opened.banner.label.text()
    labels_refused.undo()
    opened.results.finish.export_to(tmp_path / "out")
    quiet(opened, qtbot)
    assert len(exported) == 1
    assert stored(project)[2, 3, 3] == 2


# --- closing ----------------------------------------------------------------------------------------------------


@pytest.fixture
def shown(make_napari_viewer_proxy, engine, project, qtbot):
    """A dock in a window that is on the screen, with case-0 open."""
    from napari_progseg.gui import ProgSegDock

    viewer = make_napari_viewer_proxy(show=True)
    dock = ProgSegDock(viewer)
    viewer.window.add_dock_widget(dock)
    open_case(dock, project, qtbot, "case-0")
    quiet(dock, qtbot)
    yield dock
    dock.desk.close()
    quiet(dock, qtbot)


def answer(monkeypatch, *buttons: str, then: Callable[[], None] = lambda: None) -> list[str]:
    """Press these buttons in the questions that come, and do something after each; returns what is asked."""
    asked, left = [], list(buttons)

    def press(box: QMessageBox) -> int:
        asked.append(f"{box.text()} {box.informativeText()}")
        next(each for each in box.buttons() if each.text() == left[0]).click()
        left.pop(0)
        then()
        return 0

    monkeypatch.setattr(QMessageBox, "exec", press)
    return asked


def test_closing_with_labels_that_cannot_be_written_asks_and_may_be_taken_back(
    shown, project, qtbot, labels_refused, monkeypatch
) -> None:
    asked = answer(monkeypatch, "Try again", "Cancel")
    window = shown._main_window()
    paint(shown.desk.case, 2)
    assert not window.close()
    assert window.isVisible()
    assert len(asked) == 2
    assert asked[0].startswith("Your newest labels could not be written, and closing napari now may lose them.")
    assert "No space left" in asked[0]
    labels_refused.undo()
    assert shown.desk.save_everything()
    assert stored(project)[2, 3, 3] == 2


def closes(dock) -> bool:
    """Tell whether the dock lets the window close."""
    return not dock.eventFilter(dock._main_window(), QCloseEvent())


def test_closing_tries_again_until_labels_are_written(shown, project, labels_refused, monkeypatch) -> None:
    asked = answer(monkeypatch, "Try again", then=labels_refused.undo)
    paint(shown.desk.case, 2)
    assert closes(shown)
    assert len(asked) == 1
    assert stored(project)[2, 3, 3] == 2


def test_closing_anyway_asks_once_and_again_if_the_window_stays(shown, qtbot, labels_refused, monkeypatch) -> None:
    asked = answer(monkeypatch, "Close anyway", "Cancel")
    paint(shown.desk.case, 2)
    assert closes(shown)
    assert closes(shown)
    assert len(asked) == 1
    qtbot.waitUntil(lambda: not shown._lost, timeout=20_000)
    assert not closes(shown)


@pytest.fixture
def emptied(shown, qtbot):
    """The window after the user has deleted all layers."""
    paint(shown.desk.case, 2)
    shown.desk.viewer.layers.clear()
    qtbot.waitUntil(lambda: not shown._emptied.isActive(), timeout=10_000)
    return shown


def test_ctrl_q_with_no_layer_open_asks_about_labels_that_cannot_be_written(
    labels_refused, emptied, project, monkeypatch
) -> None:
    from napari._qt.dialogs.confirm_close_dialog import ConfirmCloseDialog

    monkeypatch.setattr(ConfirmCloseDialog, "exec_", lambda self: QDialog.DialogCode.Accepted, raising=False)
    # a window that was kept still quits napari when the fixture closes it
    monkeypatch.setattr("napari._qt.qt_main_window.quit_app_", lambda: None)
    asked = answer(monkeypatch, "Cancel")
    window = emptied._main_window()
    QApplication.setActiveWindow(window)
    QTest.keyClick(window, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)
    assert len(asked) == 1
    assert window.isVisible()
    labels_refused.undo()
    assert emptied.desk.save_everything()
    assert stored(project)[2, 3, 3] == 2


@pytest.mark.parametrize(
    ("pressed", "left", "requests"),
    [("Keep training", True, []), ("Stop and save", True, ["stop"]), ("Cancel", False, [])],
)
def test_closing_by_a_key_asks_about_a_running_training(
    shown, engine, project, qtbot, monkeypatch, pressed, left, requests
) -> None:
    engine.add_run(project, "0001-segm", "segmentation", "running")
    shown.desk.runs.refresh()
    qtbot.waitUntil(lambda: shown.desk.runs.live, timeout=20_000)
    asked = answer(monkeypatch, pressed)
    assert closes(shown) == left
    assert len(asked) == 1
    assert [want for _, want, _ in engine.requests if want is not None] == requests
    engine.states["0001-segm"] = "stopped"


def test_a_program_that_closes_the_viewer_is_not_asked(shown, labels_refused, monkeypatch) -> None:
    asked = answer(monkeypatch)
    paint(shown.desk.case, 2)
    shown.desk.viewer.layers.clear()  # the first that napari's own `close` does
    assert closes(shown)
    assert asked == []

"""Predict all, export and report from the dock: in the background, one at a time, to be cancelled."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from napari_progseg.errors import UserError
from napari_progseg.gui import engine as door
from napari_progseg.gui import finish as module
from napari_progseg.gui.finish import idle_sentence, new_folder
from napari_progseg.inference.whole_project import Outcome, Place
from napari_progseg.predictions import Prediction
from napari_progseg.storage.atomic import CannotWriteError

CASES = ("case-1", "case-3")


class Hand:
    """Predicts a case whenever it is let go on."""

    def __init__(self) -> None:
        self.go_on = threading.Semaphore(0)
        self.cancelled = False
        self.ended = threading.Event()
        self.fault: dict[str, str] = {}

    def predict_project(self, project, run, progress, cancelled):
        try:
            for number, case in enumerate(CASES, 1):
                progress(Place(case, number, len(CASES)))
                while not self.go_on.acquire(timeout=0.01):
                    if cancelled():
                        self.cancelled = True
                        return
                if case in self.fault:
                    yield Outcome(case, fault=self.fault[case])
                else:
                    yield Outcome(case, Prediction(case=case, run=run.name, step=40, model_sha256="ab"))
        finally:
            self.ended.set()


@pytest.fixture
def hand(monkeypatch) -> Hand:
    made = Hand()
    monkeypatch.setattr(door, "predict_project", made.predict_project)
    return made


@pytest.fixture
def finish(dock, engine, project, qtbot, hand):
    """The part of the dock, with a project that has a run."""
    engine.add_run(project, "0001-first", "segmentation")
    dock.open_project(project.root)
    dock.show_part("Results")
    part = dock.results.finish
    qtbot.waitUntil(part.predict.isEnabled, timeout=20_000)
    return part


def test_without_a_model_there_is_nothing_to_predict_with(dock, project, qtbot) -> None:
    dock.open_project(project.root)
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=30_000)
    assert not dock.results.finish.predict.isEnabled()
    assert "Once a model is trained" in dock.results.finish.about.text()


def test_it_says_what_it_would_do(finish) -> None:
    assert finish.about.text() == "1 patient is not completed; run 0001 can predict it for review."


def shown(dock) -> str:
    """Return what the row of long jobs says."""
    dock.jobs.refresh()
    return "" if dock.jobs.isHidden() else dock.jobs.text.text()


def test_predicting_all_shows_case_and_place_and_can_be_cancelled(finish, hand, dock, qtbot) -> None:
    finish.predict.click()
    qtbot.waitUntil(lambda: shown(dock) == "Predicting case-1 · 1 of 2", timeout=20_000)
    assert not finish.predict.isEnabled()
    with qtbot.waitSignal(finish.predicted, timeout=20_000):
        hand.go_on.release()
    qtbot.waitUntil(lambda: shown(dock) == "Predicting case-3 · 2 of 2", timeout=20_000)
    assert dock.jobs.bar.value() == 50
    dock.jobs.cancel.click()
    assert finish.predict.isEnabled()
    assert finish.about.text() == "Cancelled. What was done is kept."
    qtbot.waitUntil(hand.ended.is_set, timeout=20_000)
    assert hand.cancelled


def test_a_patient_that_cannot_be_read_is_told_and_the_others_are_counted(finish, hand, dock, qtbot) -> None:
    hand.fault["case-1"] = "the file is torn"
    hand.go_on.release(2)
    with qtbot.waitSignal(dock.desk.said, timeout=20_000) as said:
        finish.predict.click()
    assert said.args == ["case-1: the file is torn"]
    assert finish.about.text() == "1 patient predicted: review them in the Patients tab."


def test_a_click_is_answered_before_predicting_goes_on(finish, hand, dock, qtbot, engine, project) -> None:
    engine.add_run(project, "0002-clicks", "interactive")
    dock.desk.runs.refresh()
    qtbot.waitUntil(lambda: dock.desk.answerer.run is not None, timeout=20_000)
    dock.open_case("case-0")
    qtbot.waitUntil(lambda: dock.desk.case is not None, timeout=20_000)
    finish.predict.click()
    qtbot.waitUntil(lambda: "case-1" in shown(dock), timeout=20_000)
    before = dock.desk.case.predicted.copy()
    dock.desk.case.add_click((5, 8, 8), inside=True)
    qtbot.waitUntil(lambda: not dock.desk.answerer.answering, timeout=20_000)
    assert (dock.desk.case.predicted != before).any()
    assert finish.running
    hand.go_on.release(2)
    qtbot.waitUntil(lambda: not finish.running, timeout=20_000)


def test_another_project_ends_what_runs(finish, hand, dock, project, qtbot) -> None:
    finish.predict.click()
    qtbot.waitUntil(lambda: "case-1" in shown(dock), timeout=20_000)
    dock.open_project(project.root)
    assert not finish.running
    qtbot.waitUntil(hand.ended.is_set, timeout=20_000)


def test_labels_are_exported_into_a_new_folder_that_is_named(
    finish, dock, project, tmp_path, qtbot, monkeypatch
) -> None:
    monkeypatch.setattr(module.QFileDialog, "getExistingDirectory", lambda *a: str(tmp_path))
    (tmp_path / "project-export").mkdir()
    finish.export.click()
    texts = [action.text() for action in finish.menu.actions()]
    assert texts == ["Labels…", "Labels and predictions…", "Labels and the model of run 0001…"]
    finish.menu.hide()
    finish.menu.triggered.emit(finish.menu.actions()[0])
    qtbot.waitUntil(lambda: "exported" in finish.about.text(), timeout=20_000)
    out = tmp_path / "project-export-2"
    assert finish.about.text() == f"3 files exported to {out}."
    assert sorted(path.name for path in (out / "labels").iterdir()) == [f"case-{n}.nii.gz" for n in range(3)]
    assert not list((tmp_path / "project-export").iterdir())


def test_what_is_on_screen_is_saved_before_it_is_exported(finish, dock, project, tmp_path, qtbot) -> None:
    dock.open_case("case-3")
    qtbot.waitUntil(lambda: dock.desk.case is not None, timeout=20_000)
    case = dock.desk.case
    case.put_whole(np.ones_like(case.predicted))
    case.accept()
    finish.export_to(tmp_path / "out", cases=("case-3",))
    qtbot.waitUntil(lambda: "exported" in finish.about.text(), timeout=20_000)
    assert (tmp_path / "out" / "labels" / "case-3.nii.gz").is_file()


def test_an_export_that_the_disk_refuses_is_told(finish, dock, tmp_path, qtbot, monkeypatch) -> None:
    def refuse(*args):
        raise CannotWriteError("Disk full: nothing was written; free some space")
        yield

    monkeypatch.setattr(door, "export_project", refuse)
    with qtbot.waitSignal(dock.desk.said, timeout=20_000) as said:
        finish.export_to(tmp_path / "out")
    assert said.args[0].startswith("Disk full")
    assert "exported" not in finish.about.text()


def test_the_report_is_written_and_opened(finish, project, qtbot, monkeypatch) -> None:
    opened = []
    written = project.root / "report.html"
    monkeypatch.setattr(
        module, "QDesktopServices", SimpleNamespace(openUrl=lambda url: opened.append(url.toLocalFile()))
    )
    monkeypatch.setattr(door, "write_report", lambda project, run, progress, cancelled: written)
    finish.report.click()
    qtbot.waitUntil(lambda: bool(opened), timeout=20_000)
    assert Path(opened[0]) == written
    qtbot.waitUntil(lambda: finish.about.text() == f"The report is {written}.", timeout=20_000)


def test_a_report_that_fails_says_why(finish, dock, qtbot, monkeypatch) -> None:
    def fail(*args):
        raise UserError("the run holds no checkpoint")

    monkeypatch.setattr(door, "write_report", fail)
    with qtbot.waitSignal(dock.desk.said, timeout=20_000) as said:
        finish.report.click()
    assert said.args == ["the run holds no checkpoint"]
    qtbot.waitUntil(finish.report.isEnabled, timeout=20_000)


def test_a_new_folder_never_exists_already(tmp_path: Path) -> None:
    assert new_folder(tmp_path, "a") == tmp_path / "a"
    (tmp_path / "a").mkdir()
    (tmp_path / "a-2").mkdir()
    assert new_folder(tmp_path, "a") == tmp_path / "a-3"


def test_sentences() -> None:
    assert idle_sentence(2, "0007-x") == "2 patients are not completed; run 0007 can predict them for review."
    assert idle_sentence(0, "0007-x") == "All patients are completed."

"""One button that trains with settings chosen from what is there."""

from __future__ import annotations

import threading

import pytest
from qtpy.QtCore import Qt

from napari_progseg.gui import engine as door
from napari_progseg.project import CaseState

FIGURES = "about 6 min and 2.1 GB on this CPU"


@pytest.fixture
def page(dock, engine, project, qtbot):
    """The button in a window that is on screen, and an advice that has arrived."""
    dock.window().show()
    dock.open_project(project.root)
    dock.show_part("Train")
    page = dock.train.fine_tune
    qtbot.waitUntil(lambda: page.advice is not None, timeout=60_000)
    return page


def idle(dock, qtbot) -> None:
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=60_000)


def test_it_says_what_it_would_do_then_what_that_takes(page, dock, engine, qtbot) -> None:
    assert page.sentence.text() == (
        "Train on 2 labelled patients, checked on 1 other, from scratch (1 scan without labels not used); 5 min."
    )
    qtbot.waitUntil(lambda: FIGURES in page.sentence.text(), timeout=60_000)
    assert len(engine.rehearsed) == 1
    dock.show_part("Results")
    dock.show_part("Train")
    qtbot.wait(0)
    idle(dock, qtbot)
    assert len(engine.rehearsed) == 1


def test_one_press_trains_what_the_sentence_says(page, dock, engine, qtbot) -> None:
    qtbot.waitUntil(lambda: FIGURES in page.sentence.text(), timeout=60_000)
    qtbot.mouseClick(page.button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dock.desk.runs.live, timeout=20_000)
    config = engine.started[0]
    assert (config.task, config.init, len(config.train), len(config.validation)) == ("interactive", None, 2, 1)
    assert config.budget.minutes == 5
    assert not page.button.isEnabled()
    dock.desk.runs.stop()
    qtbot.waitUntil(lambda: not dock.desk.runs.live, timeout=20_000)
    idle(dock, qtbot)


def test_without_labels_it_says_what_to_do_first(page, dock, engine, project, qtbot) -> None:
    for case in project.completed:
        dock.desk.project.set_state(case.id, CaseState.IN_PROGRESS)
    dock.desk.cases_changed.emit()
    qtbot.waitUntil(lambda: "nothing to fine-tune on" in page.sentence.text(), timeout=20_000)
    assert not page.button.isEnabled()
    idle(dock, qtbot)


def test_a_dry_run_ends_when_it_is_no_longer_on_screen(dock, engine, project, qtbot, monkeypatch) -> None:
    began, ended = threading.Event(), threading.Event()

    def endless(project, config, threads, cancelled):
        began.set()
        while not cancelled():
            ended.wait(0.01)
        ended.set()

    monkeypatch.setattr(door, "rehearse", endless)
    dock.window().show()
    dock.open_project(project.root)
    dock.show_part("Train")
    qtbot.waitUntil(began.is_set, timeout=60_000)
    assert dock.train.fine_tune.button.isEnabled()
    dock.show_part("Patients")
    qtbot.waitUntil(ended.is_set, timeout=20_000)
    idle(dock, qtbot)

"""Long work in one row of the dock: what, how far, how long yet, and Cancel."""

from __future__ import annotations

import threading

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_progseg.gui import jobrow
from napari_progseg.gui.background import telling

LEFT = Qt.MouseButton.LeftButton


class Slow:
    """Work that tells how far it is and goes on when it is let."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.told: list[float] = []
        self.ended = False

    def __call__(self, progress) -> str:
        try:
            for fraction in (0.25, 0.5):
                progress(fraction)
                self.told.append(fraction)
            self.go.wait(5)
            progress(0.75)
            self.told.append(0.75)
            return "done"
        finally:
            self.ended = True


@pytest.fixture
def slow(dock, monkeypatch):
    monkeypatch.setattr(jobrow, "_SHOWN_AFTER_SECONDS", 0)
    made = Slow()
    yield made
    made.go.set()


def test_a_long_job_is_shown_with_progress_and_time_left(dock, slow, qtbot) -> None:
    got = []
    dock.desk.background.start("slow", telling(slow), got.append, text="Doing something slow…")
    qtbot.waitUntil(lambda: slow.told == [0.25, 0.5], timeout=20_000)
    dock.jobs.refresh()
    assert dock.jobs.isVisibleTo(dock)
    assert dock.jobs.text.text() == "Doing something slow…"
    assert dock.jobs.bar.value() == 50
    assert dock.jobs.left.text().endswith(" s left")
    slow.go.set()
    qtbot.waitUntil(lambda: got == ["done"], timeout=20_000)
    qtbot.waitUntil(lambda: not dock.jobs.isVisibleTo(dock), timeout=20_000)


def test_cancel_ends_the_work_where_it_tells_its_progress_and_tells_its_owner(dock, slow, qtbot) -> None:
    got, ended = [], []
    dock.desk.background.start("slow", telling(slow), got.append, lambda: ended.append(True), "Slow…")
    qtbot.waitUntil(lambda: slow.told == [0.25, 0.5], timeout=20_000)
    dock.jobs.refresh()
    QTest.mouseClick(dock.jobs.cancel, LEFT)
    assert ended == [True]
    assert dock.jobs.job is None or dock.jobs.job.text != "Slow…"
    slow.go.set()
    qtbot.waitUntil(lambda: slow.ended, timeout=20_000)
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)
    assert slow.told == [0.25, 0.5]
    assert got == []
    assert ended == [True], "told once"


def test_the_newest_of_several_is_shown_and_the_others_counted(dock, slow, qtbot) -> None:
    background = dock.desk.background
    jobs = [background.start("slow", telling(slow), text=f"Work {n}…") for n in range(2)]
    dock.jobs.refresh()
    assert dock.jobs.text.text() == "Work 1… (+1)"
    jobs[1].cancel()
    dock.jobs.refresh()
    assert dock.jobs.text.text() == "Work 0…"
    slow.go.set()
    qtbot.waitUntil(lambda: not background.busy, timeout=20_000)


def test_short_work_and_saving_are_not_offered_for_cancelling(dock, slow, qtbot) -> None:
    dock.desk.background.start("saving", telling(slow))
    assert dock.desk.background.shown == () or all(job.text for job in dock.desk.background.shown)
    slow.go.set()
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)


def test_the_row_keeps_its_place_when_nothing_runs(dock) -> None:
    assert dock.jobs.sizePolicy().retainSizeWhenHidden()


def test_making_a_project_can_be_cancelled_and_leaves_nothing(dock, cohort, qtbot, monkeypatch) -> None:
    from napari_progseg.gui import desk

    go, real = threading.Event(), desk.Project.create

    def create(*given, progress):
        go.wait(5)
        return real(*given, progress=progress)

    monkeypatch.setattr(desk.Project, "create", create)
    dock.create_project(cohort / "made", cohort / "images", cohort / "labels")
    job = next(job for job in dock.desk.background.shown if job.text == "Looking at the scans…")
    job.give_up()
    assert dock.desk.busy == ""
    go.set()
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)
    assert dock.desk.project is None
    assert not (cohort / "made").exists()

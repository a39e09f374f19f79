"""An annotator's day on real scans in the real window: mouse, keys and buttons from the folder to the exported labels.

``python benchmarks/annotators_day.py DATA OUT`` takes hippocampus volumes from DATA/images and DATA/labels, drives the
window (a virtual screen will do) and leaves in OUT: ``delays.json`` (how late the event loop was, step by step),
``screenshots/``, ``deeds.jsonl`` (what was about to be done and what has been shown as done, for `crashes.py`) and the
project with its export.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QScrollArea, QWidget

from day_props import answering, checksum, close, lay_out, next_click, other_centre, running
from heartbeat import Heartbeat, write_delays
from napari_progseg.errors import UserError
from napari_progseg.gui.dock import ProgSegDock
from napari_progseg.gui.driving import WINDOW, Driver, open_window
from napari_progseg.io import read_labels
from napari_progseg.project import CaseState
from napari_progseg.storage.journal import Journal

_CLASSES = "hippocampus=1+2"
_STROKES = 2
_BETWEEN_MS = 50


@dataclass(frozen=True)
class Pace:
    """How long the trainings of the day take, and how many clicks a patient gets.

    Parameters
    ----------
    learn, tune, budget, adapt : float
        Minutes of: learning from all scans, fine-tuning, each run of the forecast, adapting.
    clicks : int
        Clicks a patient.
    alone : int
        Patients that are clicked before there is a model.
    """

    learn: float = 2.0
    tune: float = 2.0
    budget: float = 0.5
    adapt: float = 1.0
    clicks: int = 4
    alone: int = 1


SHORT = Pace(learn=0.15, tune=0.2, budget=0.1, adapt=0.1, clicks=2)


class LeftError(Exception):
    """The window was to be closed at this moment."""


@dataclass
class Day:
    """One day, step by step.

    Parameters
    ----------
    out : Path
        Where everything is written.
    dock, driver
        The dock in its window, and the hands on both.
    truth : Path
        Folder of the reference labels, which stand for what the annotator sees.
    elsewhere : Path
        A trained run of another centre.
    leave_after : int or None
        Number of deeds after which the window is closed, in the midst of it.
    """

    out: Path
    dock: ProgSegDock
    driver: Driver
    beat: Heartbeat
    truth: Path
    elsewhere: Path
    pace: Pace
    leave_after: int | None = None
    deeds: Journal = field(init=False)
    _pictures: int = 0
    _done: int = 0

    def __post_init__(self) -> None:
        self.deeds = Journal(self.out / "deeds.jsonl")

    def run(self) -> None:
        """Live the day."""
        steps: tuple[Callable[[], None], ...] = (
            self.open_folder,
            self.learn_from_all_scans,
            self.label_without_a_model,
            self.fine_tune,
            self.next_patient,
            self.how_many_more,
            self.adapt,
            self.predict_all,
            self.export,
        )
        for step in steps:
            self.beat.step = step.__name__.replace("_", " ")
            say(self.beat.step)
            self.did("step", name=self.beat.step)
            step()

    # --- steps --------------------------------------------------------------------------------------------------

    def open_folder(self) -> None:
        """Make a project of a folder of scans."""
        dock, wait = self.dock, self.driver.wait
        with answering(self.out / "scans"):
            self.driver.press(dock.patients.open_folder)
        form = dock.patients.form
        QTest.keyClicks(form.classes, _CLASSES)
        form.root.edit.selectAll()
        QTest.keyClicks(form.root.edit, str(self.out / "study"))
        self.driver.press(form.create)
        wait(lambda: dock.desk.project is not None, "the project", 60)
        wait(lambda: dock.patients.table.rows[-1].image is not None, "the list of patients", 120)
        self.photograph("patients")

    def learn_from_all_scans(self) -> None:
        """Begin to learn from all scans; it goes on while patients are labelled."""
        dock, runs = self.dock, self.dock.desk.runs
        dock.train.minutes.setValue(self.pace.learn)
        dock.show_part("Patients")
        self.driver.press(dock.patients.learn.button)
        self.driver.wait(lambda: runs.live, "learning from all scans to begin", 120)
        self.did("training", pid=running(runs.run))

    def label_without_a_model(self) -> None:
        """Label the suggested patients with clicks alone."""
        for number in range(self.pace.alone):
            self._open_suggested()
            self._click(self.pace.clicks)
            if number == 0:
                self._undo_and_redo()
                self.driver.show_slice(self.dock.desk.case.history.clicks[0].voxel_zyx[0])
                self.photograph("clicks")
            self._mend_with_strokes()
            self._complete()
        self.driver.wait(self._ended, "learning from all scans to end", 60 * self.pace.learn + 300)

    def fine_tune(self) -> None:
        """Press the one button and watch Dice on the image."""
        dock, runs = self.dock, self.dock.desk.runs
        self._open(dock.desk.project.split.validation[0])
        dock.show_part("Train")
        button = dock.train.fine_tune
        self.driver.wait(lambda: button.best_advice is not None and button.best_advice.cost, "the dry run", 240)
        say(button.sentence.text())
        # the day has to end: the advised run, for the day's own time
        with mock.patch.object(type(dock.desk), "start_training", self._shorter(self.pace.tune)):
            self.driver.press(button.button)
        self.driver.wait(lambda: runs.live, "the fine-tuning to begin", 120)
        self.did("training", pid=running(runs.run))
        self.driver.wait(lambda: "Dice" in dock.desk.canvas.text or self._ended(), "live Dice", 240)
        self.driver.wait(
            lambda: len(runs.feed.validations) > 1 or self._ended(), "a second validation", 60 * self.pace.tune + 300
        )
        self.photograph("live")
        self.driver.wait(self._ended, "the fine-tuning to end", 60 * self.pace.tune + 300)
        self._expect_finished()
        self.driver.wait(lambda: dock.desk.answerer.run is not None, "the model to be listed", 30)

    def next_patient(self) -> None:
        """Go to the next patient with a key: it is predicted on arrival, then corrected and accepted."""
        desk = self.dock.desk
        before = desk.case.id
        self.driver.wait(lambda: self.dock.upcoming.coming is not None, "a suggestion", 240)
        self.driver.type_key(Qt.Key.Key_N)
        self.driver.wait(lambda: desk.case is not None and desk.case.id != before, "the next patient", 60)
        self.driver.wait(lambda: desk.case.has_prediction, "its prediction", 120)
        self.dock.show_part("Annotate")
        self.did("opened", case=desk.case.id)
        self._click(self.pace.clicks)
        self._undo_and_redo()
        self.driver.show_slice(desk.case.history.clicks[0].voxel_zyx[0])
        self.photograph("next-patient")
        self._complete()

    def how_many_more(self) -> None:
        """Train on one to four patients and read the forecast."""
        dock = self.dock
        learners = [case for case in dock.desk.project.split.train if dock.desk.state_of(case) is CaseState.COMPLETED]
        for patients in range(1, 5):
            dock.show_part("Train")
            dock.train.choose_mode("interactive")
            dock.train.begin.begin_anew()
            self._tick({*learners[:patients], *dock.desk.project.split.validation})
            self._train(self.pace.budget)
        dock.show_part("Results")
        many = dock.results.how_many
        self.driver.wait(lambda: many.isVisible() and many.plot.isVisible(), "the forecast", 120)
        say(many.about.text())
        self.photograph("forecast", many)

    def adapt(self) -> None:
        """Let the last layers of another centre's model learn again from our patients, and compare."""
        dock, runs = self.dock, self.dock.desk.runs
        dock.show_part("Train")
        dock.train.choose_mode("segmentation")
        dock.train.minutes.setValue(self.pace.adapt)
        known = len(runs.rows)
        with answering(self.elsewhere):
            self.driver.press(dock.train.adapt)
        self.driver.wait(lambda: runs.live, "the adapting to begin", 180)
        self.did("training", pid=running(runs.run))
        self.driver.wait(self._ended, "the adapting to end", 60 * self.pace.adapt + 300)
        self._expect_finished()
        self.driver.wait(lambda: len(runs.rows) > known, "the adapted run to be listed", 30)
        dock.show_part("Results")
        adapted = dock.results.adapted
        dock.results.runs.selectRow(0)
        self.driver.wait(adapted.isVisible, "the comparison", 30)
        self.driver.press(adapted.compare)
        self.driver.wait(adapted.table.isVisible, "before and after", 240)
        say(adapted.about.text())
        self.photograph("adapted", adapted)

    def predict_all(self) -> None:
        """Predict every patient that is not completed."""
        dock = self.dock
        finish = dock.results.finish
        self.driver.press(finish.predict)
        self.driver.wait(lambda: not finish.running, "all predictions", 600)
        self.driver.wait(lambda: dock.patients.review.queue, "the queue of predictions", 60)
        say(finish.about.text())
        dock.show_part("Patients")
        self.driver.press(dock.patients.to_review)
        self.photograph("review")

    def export(self) -> None:
        """Export labels and predictions."""
        finish = self.dock.results.finish
        self.dock.show_part("Results")
        self.driver.press(finish.export)
        QTest.qWait(300)
        self.photograph("export")
        action = finish.menu.actions()[1]
        with answering(self.out):
            action.trigger()
            finish.menu.close()
        self.driver.wait(lambda: not finish.running and "exported" in finish.about.text(), "the export", 120)
        say(finish.about.text())

    # --- parts of steps -----------------------------------------------------------------------------------------

    def _open_suggested(self) -> None:
        dock = self.dock
        dock.show_part("Patients")
        self.driver.wait(lambda: dock.upcoming.coming is not None, "a suggestion", 240)
        say(dock.patients.next.sentence.text())
        wanted = dock.upcoming.coming.case
        self.driver.press(dock.patients.next.open)
        self.driver.wait(lambda: dock.desk.case is not None and dock.desk.case.id == wanted, f"patient {wanted}", 60)
        self.did("opened", case=wanted)

    def _open(self, case: str) -> None:
        dock = self.dock
        dock.show_part("Patients")
        row = next(n for n, each in enumerate(dock.patients.table.rows) if each.case.id == case)
        dock.patients.view.setCurrentIndex(dock.patients.rows.mapFromSource(dock.patients.table.index(row, 0)))
        self.driver.press(dock.patients.open)
        self.driver.wait(lambda: dock.desk.case is not None and dock.desk.case.id == case, f"patient {case}", 60)
        self.did("opened", case=case)

    def _click(self, clicks: int) -> None:
        """Click where a person would: in the middle of the largest error."""
        case = self.dock.desk.case
        truth = np.isin(read_labels(self.truth / f"{case.id}.nii.gz").labels, (1, 2))
        for _ in range(clicks):
            found = next_click(case.predicted > 0, truth)
            if found is None:
                return
            self.did("intent", case=case.id)
            self.driver.click(found[0], swapped=not found[1])
            self.did("click", case=case.id, clicks=len(case.history.clicks))
            self.driver.wait_for_answer()

    def _undo_and_redo(self) -> None:
        """Take clicks back with the keys, looking at another slice, and do them again."""
        case = self.dock.desk.case
        clicks, mask = len(case.history.clicks), case.predicted.copy()
        self.driver.show_slice(2)
        self.did("intent", case=case.id)
        for _ in range(2):
            self.driver.type_key(Qt.Key.Key_Z, ctrl=True)
        for _ in range(2):
            self.driver.type_key(Qt.Key.Key_Z, ctrl=True, shift=True)
        self.driver.wait_for_answer()
        if len(case.history.clicks) != clicks or not np.array_equal(case.predicted, mask):
            raise UserError("undone and redone, the clicks and their mask are not what they were")
        self.did("click", case=case.id, clicks=clicks)

    def _mend_with_strokes(self) -> None:
        """Accept the prediction and mend it with the brush in two slices."""
        case, annotate = self.dock.desk.case, self.dock.annotate
        self.did("intent", case=case.id)
        self.driver.press(annotate.accept)
        self.did("labels", case=case.id, checksum=checksum(case.labels))
        self.driver.press(annotate.paint)
        z, y, x = case.history.clicks[0].voxel_zyx
        for number in range(_STROKES):
            self.did("intent", case=case.id)
            self.driver.stroke((z + number, y, x - 3), (z + number, y, x + 3))
            case.settle()
            self.did("labels", case=case.id, checksum=checksum(case.labels))
        self.driver.press(annotate.click)

    def _complete(self) -> None:
        desk = self.dock.desk
        case = desk.case
        if not case.labels.any():
            self.did("intent", case=case.id)
            self.driver.type_key(Qt.Key.Key_C)
        self.did("labels", case=case.id, checksum=checksum(case.labels))
        self.driver.press(self.dock.annotate.completed)
        self.driver.wait(lambda: desk.state_of(case.id) is CaseState.COMPLETED, "the labels to be saved", 60)
        self.did("completed", case=case.id)

    def _tick(self, cases: set[str]) -> None:
        ticks = self.dock.train.picker.list
        for number in range(ticks.count()):
            item = ticks.item(number)
            on = item.data(Qt.ItemDataRole.UserRole) in cases
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)

    def _train(self, minutes: float) -> None:
        runs = self.dock.desk.runs
        self.dock.train.minutes.setValue(minutes)
        self.driver.press(self.dock.train.start)
        self.driver.wait(lambda: runs.live, "the training to begin", 120)
        self.did("training", pid=running(runs.run))
        self.driver.wait(self._ended, "the training to end", 60 * minutes + 300)
        self._expect_finished()

    def _shorter(self, minutes: float) -> Callable[..., None]:
        begin = self.dock.desk.runs.start

        def start(desk: Any, config: Any) -> None:
            budget = config.budget.model_copy(update={"minutes": minutes})
            begin(config.model_copy(update={"budget": budget}), desk.saving())

        return start

    def _ended(self) -> bool:
        runs = self.dock.desk.runs
        return not runs.live and not runs.starting and runs.feed is not None and runs.feed.ended

    def _expect_finished(self) -> None:
        feed = self.dock.desk.runs.feed
        if feed.state != "finished":
            raise UserError(f"the training ended as {feed.state}, its last words: {feed.message or 'none'}")

    # --- what is told -------------------------------------------------------------------------------------------

    def did(self, what: str, **more: Any) -> None:
        """Write down what the window has shown as done."""
        self.deeds.append({"at": round(time.time(), 3), "what": what, **more})
        self._done += 1
        if self._done == self.leave_after:
            raise LeftError

    def photograph(self, name: str, part: QWidget | None = None) -> None:
        """Save the window, scrolled to a part of the dock, outside of what is timed."""
        step, self.beat.step = self.beat.step, "photograph"
        if part is not None:
            area = part.parentWidget()
            while not isinstance(area, QScrollArea):
                area = area.parentWidget()
            area.ensureWidgetVisible(part)
        self.driver.photograph(self.out / "screenshots" / f"{self._pictures:02d}-{name}.png")
        self._pictures += 1
        QTest.qWait(_BETWEEN_MS)
        self.beat.step = step


def say(text: str) -> None:
    """Tell whoever watches."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stdout.flush()


def live(out: Path, data: Path, elsewhere: Path, pace: Pace, leave_after: int | None = None) -> None:
    """Open the window, live the day, close the window."""
    own = out / "settings"  # napari settings and last project of whoever runs this stay as they are
    os.environ.update(XDG_CONFIG_HOME=str(own), NAPARI_CONFIG=str(own / "napari.yaml"))
    viewer, dock = open_window(size=WINDOW)
    driver, beat = Driver(viewer, dock), Heartbeat()
    day = Day(out, dock, driver, beat, data / "labels", elsewhere, pace, leave_after)
    beat.step = "getting ready"
    beat.start()
    try:
        driver.wait(lambda: dock.desk.device, "torch to be loaded", 180)
        day.run()
    except LeftError:
        close(dock.window())
    except UserError:
        day.photograph("failed")
        raise
    finally:
        beat.stop()
        write_delays(beat, out / "delays.json")
        dock.desk.close()
        driver.wait(lambda: not dock.desk.background.busy, "the workers to end", 60)
        if leave_after is None:
            viewer.close()


def main() -> None:
    """Live one day."""
    parser = argparse.ArgumentParser(description="Drive an annotator's day.")
    parser.add_argument("data", type=Path, help="folder with images/ and labels/")
    parser.add_argument("out", type=Path, help="a folder that does not exist yet")
    parser.add_argument("--short", action="store_true", help="seconds of training instead of minutes")
    parser.add_argument("--elsewhere", type=Path, help="a trained run of another centre; one is made if not said")
    parser.add_argument("--leave-after", type=int, help="close the window after so many deeds")
    asked = parser.parse_args()
    if asked.out.exists():
        raise SystemExit(f"{asked.out} exists; nothing was written; name a new folder")
    asked.out.mkdir(parents=True)
    lay_out(asked.data, asked.out)
    elsewhere = asked.elsewhere or other_centre(asked.data, asked.out, 20 if asked.short else 300)
    live(asked.out, asked.data, elsewhere, SHORT if asked.short else Pace(), asked.leave_after)


if __name__ == "__main__":
    main()

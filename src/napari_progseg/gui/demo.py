"""The main job on sample data: in front of a person it opens the window, without one it drives it."""

from __future__ import annotations

import csv
import os
import shutil
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from ..storage.atomic import write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from napari.viewer import Viewer
    from numpy.typing import NDArray

    from .dock import ProgSegDock
    from .driving import Driver

_MARK = ".progseg-demo"
_PATIENTS, _LABELLED, _SEED = 8, 6, 0
_NAME, _VALUE = "fibula", 1
_MINUTES = 1.5
_BATCH = 8  # more, smaller steps: what two CPU cores learn fastest from in so short a time
_LATE = 0.8
_CLICKS = 4
_LEAST_ERROR = 5  # voxels


def main(output: Path, *, drive: bool = False, minutes: float = _MINUTES) -> None:
    """Show the main job.

    Parameters
    ----------
    output : Path
        Folder for screenshots, labels and the Dice table of a driven window.
    drive : bool
        Drive the window and close it; otherwise it is left to the person in front of it.
    minutes : float
        How long the driven window trains.

    Raises
    ------
    UserError
        If a step of the driven window does not happen in time.
    """
    if drive:
        _drive(output, minutes)
    else:
        _show()


def _show() -> None:
    import napari

    from . import recent
    from .driving import WINDOW, open_window

    viewer, dock = open_window(size=WINDOW)
    dock.desk.try_sample()
    _say(f"napari opens with a sample project, kept in {recent.sample_folder('leg')}")
    _say("double-click a patient, place clicks, and press Start in the Train tab")
    napari.run()
    del viewer


def _drive(output: Path, minutes: float) -> None:
    _make_room(output)
    with tempfile.TemporaryDirectory() as own:
        # the person's own napari settings and last project stay as they are
        os.environ.update(XDG_CONFIG_HOME=own, NAPARI_CONFIG=str(Path(own) / "napari.yaml"))
        from .driving import WINDOW, Driver, open_window

        began = time.monotonic()
        viewer, dock = open_window(size=WINDOW)
        tour = Tour(output, viewer, dock, Driver(viewer, dock), minutes)
        try:
            tour.run()
        except UserError as error:
            tour.driver.photograph(output / "failed.png")
            raise UserError(f"the demo did not finish: {error}; see failed.png and study/ in {output}") from error
        finally:
            tour.end()
    _say(f"done in {(time.monotonic() - began) / 60:.1f} min; look at {output}: screenshots/, labels/, dice.csv")


def _make_room(output: Path) -> None:
    """Take away what an earlier demo left; anything else is not ours to delete."""
    if output.is_dir() and any(output.iterdir()) and not (output / _MARK).is_file():
        raise UserError(f"{output} holds files that are not of a demo; nothing was written; choose an empty folder")
    if output.exists() and not output.is_dir():
        raise UserError(f"{output} is a file; nothing was written; choose a folder")
    shutil.rmtree(output, ignore_errors=True)
    write_text(output / _MARK, "made by progseg demo; replaced by the next one\n")


@dataclass
class Tour:
    """The main job, step by step, in a driven window.

    Parameters
    ----------
    output : Path
        Where everything is written.
    viewer, dock, driver
        The window, the dock in it, and the hands on both.
    minutes : float
        How long it trains.
    """

    output: Path
    viewer: Viewer
    dock: ProgSegDock
    driver: Driver
    minutes: float
    table: list[tuple[str, str, int, str]] = field(default_factory=list)

    def run(self) -> None:
        """Open, train, watch, click, predict, correct, accept, save."""
        self._open_project()
        known = self.dock.desk.project.split.validation[0]
        self._open_case(known)
        self._train()
        self._look_at_results()
        self._label_a_new_patient(f"leg_{_PATIENTS - 1:03d}")
        self._write_table()

    def end(self) -> None:
        """Leave nothing behind: no training, no worker, no window."""
        desk = self.dock.desk
        with suppress(UserError):
            if desk.runs.live:
                desk.runs.stop()
                self.driver.wait(lambda: not desk.runs.live, "the training to stop", 60)
        desk.close()
        with suppress(UserError):
            self.driver.wait(lambda: not desk.background.busy, "the workers to end", 30)
        self.viewer.close()

    # --- steps --------------------------------------------------------------------------------------------------

    def _open_project(self) -> None:
        from ..project import Project
        from ..samples import write_cohort

        scans = self.output / "scans"
        write_cohort(scans, "leg", _PATIENTS, _LABELLED, _SEED)
        dock, wait = self.dock, self.driver.wait
        wait(lambda: dock.desk.device, "torch to be loaded", 180)
        root = self.output / "study"
        Project.create(root, scans / "images", scans / "labels", {_NAME: (_VALUE,)}).set_modality("ct")
        if not dock.open_project(root):
            raise UserError("the sample project could not be opened")
        wait(lambda: dock.patients.table.rows[-1].image is not None, "the list of patients", 60)
        _say(f"project: {_PATIENTS} legs, {_LABELLED} of them labelled, in {root}")

    def _open_case(self, case: str) -> None:
        dock = self.dock
        dock.show_part("Patients")
        row = next(n for n, each in enumerate(dock.patients.table.rows) if each.case.id == case)
        dock.patients.view.setCurrentIndex(dock.patients.rows.mapFromSource(dock.patients.table.index(row, 0)))
        self.driver.press(dock.patients.open)
        self.driver.wait(lambda: dock.desk.case is not None and dock.desk.case.id == case, f"patient {case}", 60)

    def _train(self) -> None:
        dock, wait = self.dock, self.driver.wait
        form, runs, case = dock.train, dock.desk.runs, dock.desk.case
        dock.show_part("Train")
        form.choose_mode("interactive")
        dock.results.overlay.setChecked(True)
        form.minutes.setValue(self.minutes)
        form.advanced.batch.value = _BATCH
        self.driver.press(form.start)
        _say(f"training in a process of its own for {self.minutes:g} min; the window shows {case.id} meanwhile")
        wait(lambda: runs.live, "the training to start", 120)
        wait(lambda: "Dice" in dock.desk.canvas.text or runs.feed.ended, "the live Dice on the canvas", 240)
        wait(lambda: runs.feed.ended or runs.feed.progress > _LATE, "the training to go on", 60 * self.minutes + 240)
        _say(f"live: {' '.join(dock.desk.canvas.text.split())}")
        self._photograph("train")
        wait(lambda: runs.feed.ended, "the training to end", 60 * self.minutes + 240)
        if runs.feed.state != "finished" or not case.has_prediction:
            raise UserError(f"the training ended as {runs.feed.state}, its last words: {runs.feed.message or 'none'}")
        wait(lambda: dock.desk.answerer.run is not None, "the model to be listed", 30)
        _say(f"trained {runs.feed.step} steps; best Dice on validation {runs.feed.best_dice or 0:.3f}")

    def _look_at_results(self) -> None:
        dock = self.dock
        self._predict()
        dock.show_part("Results")
        self._photograph("results")
        dock.show_part("Patients")
        self._photograph("patients")
        dock.results.overlay.setChecked(False)

    def _label_a_new_patient(self, case_id: str) -> None:
        from ..samples import leg_ct

        truth = leg_ct(int(case_id.rpartition("_")[2]), seed=_SEED)[1].labels  # the project has never seen it
        self._open_case(case_id)
        desk, driver = self.dock.desk, self.driver
        self.dock.show_part("Annotate")
        first, _ = _next_click(desk.case.predicted, truth)
        driver.click(first)
        driver.wait_for_answer()
        driver.wait(lambda: desk.case.has_prediction, "a mask after the first click", 30)
        _say(f"one click in {case_id}: a mask in {desk.answerer.seconds or 0:.2f} s")
        self._predict()
        self._measure("whole patient", truth)
        self._correct(truth, [first[0]] + [None] * (_CLICKS - 1))
        driver.show_slice(first[0])
        self._photograph("annotate")
        self._save(case_id)

    def _correct(self, truth: NDArray[np.uint8], slices: Sequence[int | None]) -> None:
        """Click into the largest error, of a slice or of the whole patient, once for each of `slices`."""
        for z in slices:
            found = _next_click(self.dock.desk.case.predicted, truth, z)
            if found is not None:
                self.driver.click(found[0], swapped=not found[1])
                self.driver.wait_for_answer()
                self._measure("corrected", truth)

    def _predict(self) -> None:
        answerer, case = self.dock.desk.answerer, self.dock.desk.case
        base = case.shown.base
        self.dock.show_part("Annotate")
        self.driver.press(self.dock.annotate.predict)
        self.driver.wait(lambda: case.shown.base is not base and not answerer.predicting, "the whole patient", 180)

    def _save(self, case_id: str) -> None:
        desk, project = self.dock.desk, self.dock.desk.project
        self.driver.press(self.dock.annotate.accept)
        self.driver.press(self.dock.annotate.completed)
        self.driver.wait(lambda: case_id in {case.id for case in project.completed}, "the labels to be saved", 60)
        desk.save_everything()
        target = self.output / "labels" / f"{case_id}.nii.gz"
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(project.case(case_id).label, target)
        _say(f"saved on the scan's own grid: {target}")

    # --- what is told -------------------------------------------------------------------------------------------

    def _measure(self, what: str, truth: NDArray[np.uint8]) -> None:
        from ..evaluation.metrics import dice

        case = self.dock.desk.case
        score = dice(case.predicted, truth, [_VALUE])[_VALUE]
        self.table.append((case.id, what, len(case.history.clicks), "" if score is None else f"{score:.3f}"))

    def _write_table(self) -> None:
        heads = ("case", "mask", "clicks", f"Dice {_NAME}")
        with (self.output / "dice.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows((heads, *self.table))
        for row in (heads, *self.table):
            _say("  ".join(str(cell).ljust(14) for cell in row).rstrip())
        _say("Dice is that of the whole volume; a click mends the slice it lies in.")

    def _photograph(self, part: str) -> None:
        self.driver.photograph(self.output / "screenshots" / f"dock-{part}.png")


def _next_click(
    predicted: NDArray[np.integer], truth: NDArray[np.uint8], z: int | None = None
) -> tuple[tuple[int, int, int], bool] | None:
    """Return the voxel where a person would click next, and whether it lies inside; None if nothing is wrong."""
    import torch

    from ..guidance.simulate import next_clicks

    top, bottom = (0, len(truth)) if z is None else (z, z + 1)
    masks = (torch.from_numpy((labels[top:bottom] == _VALUE)[None]) for labels in (predicted, truth))
    clicks = next_clicks(*masks, min_component=_LEAST_ERROR)
    if not clicks.found[0]:
        return None
    depth, y, x = clicks.positions[0].tolist()
    return (top + depth, y, x), bool(clicks.inside[0])


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()

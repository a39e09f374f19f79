"""A case with all that answers and keeps it, without a window, and work beside it that waits until it is told."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from napari.components import ViewerModel

from napari_progseg.gui.answers import Answerer
from napari_progseg.gui.background import Job
from napari_progseg.gui.box import difference
from napari_progseg.gui.case import OpenCase
from napari_progseg.gui.edits import journal
from napari_progseg.gui.past import Past, recover
from napari_progseg.gui.reading import read_case
from napari_progseg.gui.saving import Keeper
from napari_progseg.gui.tools import Tools
from napari_progseg.project import Project

from .conftest import SHAPE

RUN = Path("0007-model")


class Stamps:
    """Answers each click with 3 by 3 voxels of its slice, and knows its own answers, as the real sessions do."""

    value: int | None = None  # that another model gives to all that is clicked

    def __init__(self, model: object = None, *, own_mask: bool = False) -> None:
        self.applied: list[tuple[object, np.ndarray]] = []
        self.labels: np.ndarray | None = None

    def set_image(self, volume) -> None:
        self.applied, self.labels = [], None

    def answer(self, prompts, revision, current=None, *, local=True):
        if self.labels is None:
            self.labels = np.zeros(SHAPE, np.uint8) if current is None else current.copy()
        same = 0
        while same < min(len(prompts), len(self.applied)) and self.applied[same][0] == prompts[same]:
            same += 1
        while len(self.applied) > same:
            self.labels = self.applied.pop()[1]
        for click in prompts[same:]:
            self.applied.append((click, self.labels))
            self.labels = stamped(self.labels, click if self.value is None else replace(click, label=self.value))
        region = tuple(slice(0, size) for size in self.labels.shape)
        return SimpleNamespace(patches=((region, self.labels.copy()),), doubts=(), seconds=0.0)


def stamped(labels: np.ndarray, *clicks) -> np.ndarray:
    """Return labels with the answers to clicks."""
    labels = labels.copy()
    for click in clicks:
        labels[around(click)] = click.label if click.inside else 0
    return labels


def around(click) -> tuple[slice, slice, slice]:
    z, y, x = click.voxel_zyx
    return slice(z, z + 1), slice(y - 1, y + 2), slice(x - 1, x + 2)


class Held:
    """In place of `Background`: a job is done when the test says so."""

    def __init__(self) -> None:
        self.jobs: deque[tuple[Job, object, object]] = deque()

    def start(self, title, steps, on_value=None, on_end=None, text="") -> Job:
        job = Job(text, on_end)
        if title == "syncing the journal":  # nothing on the screen follows from it
            self.tell(job, list(steps(job.stop)), on_value)
        else:
            self.jobs.append((job, steps(job.stop), on_value))
        return job

    def work(self) -> None:
        """Do the oldest job."""
        job, steps, on_value = self.jobs.popleft()
        values = list(steps)
        self.tell(job, values, on_value)

    def tell(self, job: Job, values, on_value) -> None:
        """Deliver what a job gave."""
        for value in values:
            if value is not None and on_value is not None and not job.stop.is_set():
                on_value(value)
        if not job.stop.is_set():
            job.end()

    def compute(self) -> None:
        """Let the oldest job compute what it will give, but not tell it yet."""
        job, steps, on_value = self.jobs[0]
        self.jobs[0] = (job, iter(list(steps)), on_value)

    def work_all(self) -> None:
        """Do all jobs, and those that follow from them."""
        while self.jobs:
            self.work()


class Bench:
    """One case as the desk holds it; opened again, it knows no more than the disk does."""

    def __init__(self, project: Project, case_id: str, run: Path | None = RUN) -> None:
        self.project, self.id, self.run = project, case_id, run
        self.open()

    def open(self) -> Past:
        read = read_case(Project.open(self.project.root), self.id)
        self.background = Held()
        self.case = OpenCase(ViewerModel(), read, Tools())
        self.answerer = Answerer(self.background)
        self.answerer.run, self.answerer.predictor = self.run, RUN
        self.keeper = Keeper(self.background)
        self.keeper.watch(self.project, self.case, read.past)
        self.case.asked.connect(lambda *told: self.answerer.ask(self.case, *told))
        return read.past

    def reopen(self, *, saved: bool = True) -> Past:
        """Leave the case, or end all at once as a kill does, and open it again."""
        if saved:
            self.keeper.leave()
            self.case.close()
            self.background.work_all()
        else:
            self.keeper._timer.stop()
            self.case.close()
        return self.open()

    def click(self, z: int, y: int, x: int, *, inside: bool = True, answered: bool = True) -> None:
        self.case.add_click((z, y, x), inside)
        if answered:
            self.background.work_all()

    def paint(self, region: tuple[slice, slice, slice], value: int) -> None:
        indices = np.indices(self.case.labels.shape)[(slice(None), *region)].reshape(3, -1)
        self.case.labels_layer.data_setitem(tuple(indices), value)
        self.case.settle()

    def start(self, value: int) -> np.ndarray:
        """Start from a mask of one slice."""
        mask = np.zeros_like(self.case.labels)
        mask[value] = 1 + value % 2
        self.case.start_from(mask, f"mask {value}", difference(np.zeros_like(mask), mask))
        return mask

    def predict(self) -> np.ndarray:
        """Predict the whole case."""
        self.answerer.predict(self.case)
        self.background.work_all()
        return self.case.predicted.copy()

    def undo(self) -> None:
        self.case.undo()
        self.background.work_all()

    def redo(self) -> None:
        self.case.redo()
        self.background.work_all()

    def replayed(self) -> np.ndarray:
        """Return the labels that file and journal give together."""
        stored = Project.open(self.project.root).labels(self.id)
        labels = np.zeros_like(self.case.labels) if stored is None else stored.labels.astype(self.case.labels.dtype)
        recover(journal(self.project, self.id).read(), labels)
        return labels

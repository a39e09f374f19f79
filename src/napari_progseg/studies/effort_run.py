"""The runner of the annotation-effort study: label, train, measure, and label on with the new model."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..guidance.gestures import SMALLEST_ERROR
from ..inference.cases import project_cases
from ..inference.model import load_trained
from ..inference.predict import label_type, predict_volume
from ..inference.session import InteractiveSession
from ..inference.starter import StarterSession
from ..project import Project
from ..volume import LabelMap, Volume
from .annotator import Answers, Labelled, Labels, slices_of
from .effort import Journey
from .grid import Cell, CellBegan, CellScored, GridEvent, Pace, Stopped, Work
from .patients import Patient, PatientFile, mask_in, mask_of
from .rows import RowFile


@dataclass(frozen=True)
class PatientLabelled:
    """A patient is labelled, and its line on the disk."""

    patient: Patient


EffortEvent = GridEvent | PatientLabelled


def run_effort(
    project: Project,
    journeys: Sequence[Journey],
    rows: RowFile,
    patients: PatientFile,
    *,
    device: str = "auto",
    stopping: Callable[[], bool] = lambda: False,
) -> Iterator[EffortEvent]:
    """Go every journey to its end; what was labelled, trained or measured before is not done again.

    Parameters
    ----------
    project : Project
        Gives the references of patients and test cases; it is only read.
    stopping : callable
        Asked between steps, patients and test cases; once it says True, all is saved and the iterator ends.

    Yields
    ------
    PatientLabelled, CellBegan, RunBegan, CellScored, or an event of a run
    """
    walk = _Walk(project, journeys, rows, patients, device, stopping)
    try:
        for journey in journeys:
            yield from walk.along(journey)
    except Stopped:
        return


class _Walk:
    """Goes one journey after the other."""

    def __init__(
        self,
        project: Project,
        journeys: Sequence[Journey],
        rows: RowFile,
        patients: PatientFile,
        device: str,
        stopping: Callable[[], bool],
    ) -> None:
        self._project, self._rows, self._patients = project, rows, patients
        self._cells = [cell for journey in journeys for cell in journey.cells]
        self._device, self._stopping = device, stopping
        self._pace = Pace()

    def along(self, journey: Journey) -> Iterator[EffortEvent]:
        """Label and train by turns, unless all of it is known."""
        scored, known = self._rows.read(), self._patients.read()
        if all(cell.key in scored for cell in journey.cells) and all(key in known for key in journey.patient_keys):
            return
        own = Project.open(journey.root)
        work = Work(own, self._rows, self._device, self._stopping, tested=self._project, pace=self._pace)
        labelled = 0
        for cell in journey.cells:
            for place in range(labelled + 1, cell.patients + 1):
                yield from self._patient(journey, place, own, work)
            labelled = cell.patients
            if cell.key not in scored:
                yield from self._scored(cell, work)

    def _waiting(self) -> list[Cell]:
        known = self._rows.read()
        return [cell for cell in self._cells if cell.key not in known]

    def _scored(self, cell: Cell, work: Work) -> Iterator[EffortEvent]:
        total, waiting = len(self._cells), self._waiting()
        yield CellBegan(cell, total - len(waiting), total, work.pace.left(waiting))
        row = yield from work.row_of(cell)
        waiting = self._waiting()
        yield CellScored(cell, row, total - len(waiting), total, work.pace.left(waiting))

    def _patient(self, journey: Journey, place: int, own: Project, work: Work) -> Iterator[EffortEvent]:
        work.heed()
        case, key = journey.order[place - 1], journey.patient_keys[place - 1]
        known = self._patients.read().get(key)
        if known is not None and known.mask == mask_in(own, case):
            return
        (found,) = project_cases(self._project, (case,))
        volume, reference = found.volume(), found.labels()
        done = yield from self._labelled(journey, place, volume, reference, work)
        own.save_labels(case, LabelMap(done.labels, volume.geometry, reference.names))
        patient = Patient(
            group=journey.group,
            seed=journey.seed,
            place=place,
            case=case,
            document=journey.document(place),
            clicks=done.clicks,
            strokes=done.strokes,
            slices=slices_of(reference, own.classes),
            before=done.before,
            dice=done.dice,
            mask=mask_of(done.labels),
        )
        self._patients.append(patient)
        yield PatientLabelled(patient)

    def _labelled(
        self, journey: Journey, place: int, volume: Volume, reference: LabelMap, work: Work
    ) -> Generator[EffortEvent, None, Labelled]:
        """Label a patient as it opens in the dock: the newest model predicts, clicks and brush correct."""
        cell, by = journey.model(place), journey.arm.answered_by
        start: Labels = np.zeros(reference.labels.shape, label_type(self._project.classes))
        desk: Answers | None = None if by is None else StarterSession()
        dims, smallest = 3, SMALLEST_ERROR
        if cell is not None:
            # trained again only where its run lies on another machine
            model = load_trained((yield from work.trained(cell)), self._device)
            start = predict_volume(model, volume).labels
            if by == "model":
                desk, dims, smallest = InteractiveSession(model), model.plan.dims, model.plan.clicks.min_component
        rng = np.random.default_rng([journey.seed, zlib.crc32(journey.order[place - 1].encode())])
        return journey.annotator.label(desk, dims, volume, reference, start, self._project.classes, rng, smallest)

"""Labels and clicks onto the disk: when idle, on accept, on leaving a case, on closing."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from ..classes import merged
from ..errors import UserError
from ..geometry import Geometry
from ..project import CaseState, Project
from ..storage.journal import Journal
from ..volume import LabelMap
from .background import Background, Problem, called
from .case import OpenCase
from .edits import edit_record, files_of, fingerprint, journal, predicted_record, state_record
from .history import Entry
from .past import Past

_IDLE_MS = 2000
_LARGE_BYTES = 64 * 2**10


class Pen:
    """Writes one case's labels and state, and says in the journal which; whoever calls it, the newest content wins.

    Parameters
    ----------
    project : Project
        Where the labels are kept.
    case_id : str
        The case.
    geometry : Geometry
        Grid of its image.
    """

    def __init__(self, project: Project, case_id: str, geometry: Geometry) -> None:
        self.case_id = case_id
        self._project, self._geometry = project, geometry
        self._journal = journal(project, case_id)
        self._lock = files_of(project, case_id)
        self._given = 0
        self._written = 0
        self._labels: NDArray[Any] | None = None
        self._step = 0
        self._state: CaseState | None = None

    def give(self, labels: NDArray[Any] | None, state: CaseState | None = None, step: int = 0) -> None:
        """Hand over what is to be written.

        Parameters
        ----------
        labels : ndarray, (Z, Y, X), or None
            Labels, which may change while they are written: the journal holds what comes after `step`, and whoever
            changes them hands them over again.
        state : CaseState or None
            The state to be set afterwards.
        step : int
            Number of the last step that the labels hold.
        """
        self._given += 1
        if labels is not None:
            self._labels, self._step = labels, step
        if state is not None:
            self._state = state

    @property
    def pending(self) -> bool:
        """Whether something was handed over that is not on the disk yet."""
        return self._written < self._given

    def write(self) -> None:
        """Write what was handed over last; returns when it is on the disk, whichever thread wrote it."""
        with self._lock:
            given, labels, state, step = self._given, self._labels, self._state, self._step
            if given == self._written:
                return
            if labels is not None:
                self._write_labels(labels.copy(), step)
            if state is not None:
                self._project.set_state(self.case_id, state)
            self._written = given
            if given == self._given:
                self._labels = self._state = None

    def _write_labels(self, labels: NDArray[Any], step: int) -> None:
        # as they will be read again
        mark = fingerprint(merged(labels, self._project.classes))
        self._say(state_record("saving", step, mark))
        self._project.save_labels(self.case_id, LabelMap(labels, self._geometry))
        self._say(state_record("saved", step, mark))

    def _say(self, record: Mapping[str, Any]) -> None:
        # without it, labels and steps are as safe; only steps of before cannot be undone once the case was left
        with suppress(UserError, OSError):
            self._journal.append(record)


class Keeper(QObject):
    """Saves the labels of the open case.

    Parameters
    ----------
    background : Background
        Where saving runs while the user goes on working.
    """

    saved = Signal(str)  # the case
    failed = Signal(str)

    def __init__(self, background: Background) -> None:
        super().__init__()
        self._background = background
        self._case: OpenCase | None = None
        self._pen: Pen | None = None
        self._pens: list[Pen] = []
        self._journal: Journal | None = None
        self._owed: list[dict[str, Any]] = []  # what the journal could not take yet
        self._step = 0
        self._unsaved = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_IDLE_MS)
        self._timer.timeout.connect(self.save)

    def watch(self, project: Project, case: OpenCase, past: Past) -> None:
        """Keep this case from now on; labels that its past had to add are saved."""
        self._case = case
        self._pen = Pen(project, case.id, case.volume.geometry)
        self._pens = [*(pen for pen in self._pens if pen.pending), self._pen]
        self._journal = journal(project, case.id)
        self._step = past.step
        self._owed = [] if past.found is None else [dict(past.found)]
        self._unsaved = False
        case.relabelled.connect(self._relabelled)
        case.edited.connect(self._edited)
        case.replaced.connect(self._replaced)
        if past.unsaved:
            self._relabelled()

    def leave(self) -> None:
        """Save what is unsaved and keep nothing any more."""
        self.save()
        self._timer.stop()
        self._case = self._pen = self._journal = None

    @property
    def unsaved(self) -> bool:
        """Whether labels changed since they were last handed to the disk."""
        return self._unsaved

    def save(self, state: CaseState | None = None) -> None:
        """Save in the background, and set the state of the case afterwards if asked."""
        if self._pen is None:
            return
        self._hand_over(state)
        if self._pen.pending:
            self._timer.stop()
            self._background.start(f"saving the labels of {self._pen.case_id}", _writing(self._pen), self._wrote)

    def save_now(self) -> None:
        """Save before this returns, also what a worker was still to write; for closing."""
        self._hand_over()
        for pen in self._pens:
            try:
                pen.write()
            except UserError as error:
                self.failed.emit(str(error))

    def _hand_over(self, state: CaseState | None = None) -> None:
        if self._case is None:
            return
        self._case.settle()
        if self._unsaved or state is not None:
            self._write_down()
            self._pen.give(self._case.labels if self._unsaved else None, state, self._step)
            self._unsaved = False

    def _wrote(self, value: str | Problem) -> None:
        if isinstance(value, Problem):
            self.failed.emit(value.text)
        else:
            self.saved.emit(value)

    def _relabelled(self) -> None:
        self._unsaved = True
        self._timer.start()

    def _edited(self, what: str, entry: Entry) -> None:
        self._step += 1
        # a mask takes long to reach the disk, so that is left to a worker
        self._write_down(edit_record(self._step, what, entry), synced=entry.size < _LARGE_BYTES)

    def _replaced(self) -> None:
        self._write_down(predicted_record())

    def _write_down(self, *records: dict[str, Any], synced: bool = True) -> None:
        """Add records to the journal, after those that it could not take; this process may die when it returns."""
        self._owed += records
        try:
            self._journal.extend(self._owed, synced=synced)
        except (UserError, OSError) as error:
            self.failed.emit(f"The last step could not be written to the journal ({error}); your labels are safe.")
            return
        self._owed = []
        if not synced:
            self._background.start("syncing the journal", called(self._journal.sync))


def _writing(pen: Pen) -> Any:
    def steps(stop: threading.Event) -> Iterator[str]:
        pen.write()
        yield pen.case_id

    return steps

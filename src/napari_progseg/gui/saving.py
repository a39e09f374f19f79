"""Labels and clicks onto the disk: when idle, on accept, on leaving a case, on closing."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from numpy.typing import NDArray
from qtpy.QtCore import QObject, QTimer, Signal

from ..errors import UserError
from ..geometry import Geometry
from ..guidance.boxes import Prompt
from ..project import CaseState, Project
from ..storage.journal import Journal
from ..volume import LabelMap
from .background import Background, Problem
from .case import OpenCase
from .history import prompt_record, prompts_of

_IDLE_MS = 2000


class Pen:
    """Writes one case's labels and state; whoever calls it, the newest content wins.

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
        self._lock = threading.Lock()
        self._given = 0
        self._written = 0
        self._labels: NDArray[Any] | None = None
        self._state: CaseState | None = None

    def give(self, labels: NDArray[Any] | None, state: CaseState | None = None) -> None:
        """Hand over what is to be written, (Z, Y, X) labels that nobody changes any more, or a state, or both."""
        self._given += 1
        if labels is not None:
            self._labels = labels
        if state is not None:
            self._state = state

    @property
    def pending(self) -> bool:
        """Whether something was handed over that is not on the disk yet."""
        return self._written < self._given

    def write(self) -> None:
        """Write what was handed over last; returns when it is on the disk, whichever thread wrote it."""
        with self._lock:
            given, labels, state = self._given, self._labels, self._state
            if given == self._written:
                return
            if labels is not None:
                self._project.save_labels(self.case_id, LabelMap(labels, self._geometry))
            if state is not None:
                self._project.set_state(self.case_id, state)
            self._written = given
            if given == self._given:
                self._labels = self._state = None


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
        self._unsaved = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_IDLE_MS)
        self._timer.timeout.connect(self.save)

    def watch(self, project: Project, case: OpenCase) -> None:
        """Keep this case from now on."""
        self._case = case
        self._pen = Pen(project, case.id, case.volume.geometry)
        self._pens = [*(pen for pen in self._pens if pen.pending), self._pen]
        self._journal = journal(project, case.id)
        self._unsaved = False
        case.relabelled.connect(self._relabelled)
        case.edited.connect(self._edited)

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
            self._pen.give(self._case.labels.copy() if self._unsaved else None, state)
            self._unsaved = False

    def _wrote(self, value: str | Problem) -> None:
        if isinstance(value, Problem):
            self.failed.emit(value.text)
        else:
            self.saved.emit(value)

    def _relabelled(self) -> None:
        self._unsaved = True
        self._timer.start()

    def _edited(self, what: str, prompts: Sequence[Prompt], source: str) -> None:
        record = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "edit": what,
            "clicks": [prompt_record(prompt) for prompt in prompts],
            **({"source": source} if source else {}),
        }
        try:
            self._journal.append(record)
        except (UserError, OSError) as error:
            self.failed.emit(f"The click could not be written to the journal ({error}); your labels are safe.")


def _writing(pen: Pen) -> Any:
    def steps(stop: threading.Event) -> Iterator[str]:
        pen.write()
        yield pen.case_id

    return steps


def journal(project: Project, case_id: str) -> Journal:
    """Return the journal of a case's edits."""
    return Journal(project.edits_dir / f"{case_id}.jsonl", durable=True)


def prompts_left(project: Project, case_id: str) -> tuple[Prompt, ...]:
    """Return the clicks and boxes that stood when a case was last left."""
    return prompts_of(journal(project, case_id).read())

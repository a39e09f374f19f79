"""Labels and clicks onto the disk: when idle, on accept, on leaving a case, on closing; again after a refusal."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from ..errors import UserError
from ..project import CaseState, Project
from .background import Background, Problem, Steps, called
from .case import OpenCase
from .edits import edit_record, predicted_record
from .history import Entry
from .past import Past
from .pen import Pen

_IDLE_MS = 2000
_AGAIN_MS = 5000


class Keeper(QObject):
    """Saves the labels of the open case, and those of earlier ones that the disk refused.

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
        self._pens: dict[tuple[Path, str], Pen] = {}  # the newest visit of each case
        self._step = 0
        self._unsaved = False
        self._told: dict[Pen, str] = {}  # why the disk refused last
        self._timer = self._make_timer(_IDLE_MS, self.save)
        self._again = self._make_timer(_AGAIN_MS, self._try_again)

    def _make_timer(self, milliseconds: int, then: Callable[[], None]) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(then)
        return timer

    # --- visits -------------------------------------------------------------------------------------------------

    def before_reading(self, project: Project, case_id: str) -> Callable[[], None]:
        """Return a call for the worker that reads a case: first, what an earlier visit left is written.

        The call raises UserError where a reader would not find all.
        """
        pen = self._pens.get((project.root, case_id))
        return (lambda: None) if pen is None else (lambda: pen.prepare_visit(project))

    def watch(self, project: Project, case: OpenCase, past: Past) -> None:
        """Keep this case from now on; labels that its past had to add are saved."""
        key = (project.root, case.id)
        if (before := self._pens.get(key)) is not None:
            before.retire()
            self._told.pop(before, None)
        found = () if past.found is None else (past.found,)
        self._case = case
        self._pen = self._pens[key] = Pen(project, case.id, case.volume.geometry, found)
        self._step = past.step
        self._unsaved = False
        case.relabelled.connect(self._relabelled)
        case.edited.connect(self._edited)
        case.replaced.connect(self._replaced)
        if past.unsaved:
            self._relabelled()

    def leave(self) -> None:
        """Save what is unsaved and keep the case no more; what the disk refuses is tried again."""
        self.save()
        self._timer.stop()
        self._case = self._pen = None

    # --- saving -------------------------------------------------------------------------------------------------

    @property
    def unsaved(self) -> bool:
        """Whether any labels are not on the disk yet."""
        return self._unsaved or any(pen.pending for pen in self._pens.values())

    @property
    def problem(self) -> str:
        """Why they could not be written; empty where nothing was refused."""
        return next((text for pen, text in self._told.items() if pen.pending), "")

    def save(self, state: CaseState | None = None) -> None:
        """Save in the background, and set the state of the case afterwards if asked."""
        if self._pen is None:
            return
        self._hand_over(state)
        if self._pen.pending:
            self._timer.stop()
            self._write(self._pen)

    def save_now(self) -> bool:
        """Save before this returns, also what a worker was still to write; False if the disk refuses. For closing."""
        self._hand_over()
        for pen in self._pens.values():
            try:
                pen.write()
            except (UserError, OSError, MemoryError) as error:
                self._tell(pen, str(error))
        return not self.unsaved

    def close(self) -> None:
        """Save a last time, and try nothing again."""
        self.save_now()
        self._timer.stop()
        self._again.stop()

    def written(self, project: Project | None) -> Callable[[], None]:
        """Return a call for a worker that returns once all of a project is on the disk, or raises UserError."""
        pens = [pen for (root, _), pen in self._pens.items() if project is None or root == project.root]

        def write() -> None:
            for pen in pens:
                pen.write()

        return write

    def _hand_over(self, state: CaseState | None = None) -> None:
        if self._case is None:
            return
        self._case.settle()
        if self._unsaved or state is not None:
            self._note()
            self._pen.give(self._case.labels if self._unsaved else None, state, self._step)
            self._unsaved = False

    def _write(self, pen: Pen) -> None:
        self._background.start(
            f"saving the labels of {pen.case_id}", _writing(pen), lambda value: self._wrote(pen, value)
        )

    def _wrote(self, pen: Pen, value: str | Problem) -> None:
        if isinstance(value, Problem):
            self._tell(pen, value.text)
        else:
            self._told.pop(pen, None)
            self.saved.emit(pen.case_id)
        if pen.pending or pen.owing:
            self._try_later()

    def _try_later(self) -> None:
        if not self._again.isActive():
            self._again.start()

    def _try_again(self) -> None:
        for pen in self._pens.values():
            if pen.pending or pen.owing:
                self._write(pen)

    def _tell(self, pen: Pen, problem: str) -> None:
        if problem != self._told.get(pen):
            self._told[pen] = problem
            self.failed.emit(problem)

    # --- what the case tells ------------------------------------------------------------------------------------

    def _relabelled(self) -> None:
        self._unsaved = True
        self._timer.start()

    def _edited(self, what: str, entry: Entry) -> None:
        self._step += 1
        self._note(edit_record(self._step, what, entry))

    def _replaced(self) -> None:
        self._note(predicted_record())

    def _note(self, *records: dict[str, Any]) -> None:
        """Write records, which from then on outlive this process; bringing them onto the disk is left to a worker."""
        refusal = self._pen.note(*records, synced=False)
        if refusal is not None:
            self.failed.emit(
                f"The last step could not be written to the journal ({refusal}). It is kept in memory and tried again."
            )
        if self._pen.owing:
            self._try_later()
        elif records:
            # a disk that is busy with a checkpoint takes seconds
            sync = called(self._pen.sync)
            self._background.start("syncing the journal", sync, lambda problem: self.failed.emit(problem.text))


def _writing(pen: Pen) -> Steps:
    def steps(stop: threading.Event) -> Iterator[str]:
        pen.write()
        yield pen.case_id

    return steps

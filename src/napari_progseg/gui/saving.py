"""Labels and clicks onto the disk: when idle, on accept, on leaving a case, on closing."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from ..errors import UserError
from ..guidance.clicks import Click
from ..project import CaseState, Project
from ..storage.journal import Journal
from ..volume import LabelMap
from .background import Background, Problem
from .case import OpenCase
from .history import click_record, clicks_of

_IDLE_MS = 2000


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
        self._project: Project | None = None
        self._case: OpenCase | None = None
        self._journal: Journal | None = None
        self._version = 0
        self._written = 0
        self._unsaved = False
        self._newest: Any = None
        self._lock = threading.Lock()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_IDLE_MS)
        self._timer.timeout.connect(self.save)

    def watch(self, project: Project, case: OpenCase) -> None:
        """Keep this case from now on."""
        self._project, self._case = project, case
        self._journal = journal(project, case.id)
        self._unsaved = False
        case.relabelled.connect(self._relabelled)
        case.edited.connect(self._edited)

    def leave(self) -> None:
        """Save what is unsaved and keep nothing any more."""
        self.save()
        self._timer.stop()
        self._project = self._case = self._journal = None

    @property
    def unsaved(self) -> bool:
        """Whether labels changed since they were last handed to the disk."""
        return self._unsaved

    def save(self, then: CaseState | None = None) -> None:
        """Save in the background, and set the state of the case afterwards if asked."""
        if self._project is None or self._case is None or not (self._unsaved or then):
            return
        self._timer.stop()
        write = self._writing(then)
        self._background.start(f"saving the labels of {self._case.id}", write, self._wrote)

    def save_now(self) -> None:
        """Save before this returns, also what a worker was still to write; for closing."""
        self._timer.stop()
        if self._case is not None and self._unsaved:
            self._writing(None)
        if self._newest is None:
            return
        try:
            list(self._newest(threading.Event()))
        except UserError as error:
            self.failed.emit(str(error))

    def _writing(self, then: CaseState | None) -> Any:
        project, case_id, unsaved = self._project, self._case.id, self._unsaved
        geometry = self._case.volume.geometry
        snapshot = LabelMap(self._case.labels.copy(), geometry) if unsaved else None
        self._version += 1
        version = self._version
        self._unsaved = False

        def write(stop: threading.Event) -> Iterator[str]:
            with self._lock:
                # a worker and `save_now` may both get here; an older write never follows a newer one
                if version > self._written:
                    if snapshot is not None:
                        project.save_labels(case_id, snapshot)
                    if then is not None:
                        project.set_state(case_id, then)
                    self._written = version
            yield case_id

        self._newest = write
        return write

    def _wrote(self, value: Any) -> None:
        if isinstance(value, Problem):
            self._unsaved = True
            self.failed.emit(value.text)
        else:
            self.saved.emit(value)

    def _relabelled(self) -> None:
        self._unsaved = True
        self._timer.start()

    def _edited(self, what: str, clicks: Sequence[Click]) -> None:
        record = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "edit": what,
            "clicks": [click_record(click) for click in clicks],
        }
        try:
            self._journal.append(record)
        except (UserError, OSError) as error:
            self.failed.emit(f"The click could not be written to the journal ({error}); your labels are safe.")


def journal(project: Project, case_id: str) -> Journal:
    """Return the journal of a case's edits."""
    return Journal(project.edits_dir / f"{case_id}.jsonl", durable=True)


def clicks_left(project: Project, case_id: str) -> tuple[Click, ...]:
    """Return the clicks that stood when a case was last left."""
    return clicks_of(journal(project, case_id).read())

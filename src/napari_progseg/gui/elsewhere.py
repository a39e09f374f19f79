"""What other programs do to the open project: noticed while the dock is on the screen, and taken in beside the work."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

from ..errors import UserError
from ..manifest import NAME
from ..project import Case, Project
from .background import Job, Problem, called

if TYPE_CHECKING:
    from .desk import Desk

_EVERY_MS = 2000
_Mark = tuple[int, int, int] | None


@dataclass(frozen=True)
class Traces:
    """What tells that a project was changed, without reading it.

    Parameters
    ----------
    manifest : tuple of int or None
        Time, size and number of ``progseg.json``; None where it cannot be reached.
    runs : tuple
        For each run its name, whether its process lives, and its newest checkpoint.
    """

    manifest: _Mark
    runs: tuple[tuple[str, bool, _Mark], ...]

    @classmethod
    def of(cls, project: Project) -> Traces:
        """Look at a project; a few system calls for each run."""
        runs = tuple(
            (run.name, (run / "alive.json").exists(), _mark(run / "checkpoints" / "last.json"))
            for run in project.runs()
        )
        return cls(_mark(project.root / NAME), runs)


@dataclass(frozen=True)
class Look:
    """What a look at a project found, and why its manifest could not be read again."""

    project: Project
    traces: Traces
    problem: str = ""


def look_at(project: Project, before: Traces | None) -> Look:
    """Look at a project, and read its manifest again where that was written since. Runs in a worker."""
    try:
        traces = Traces.of(project)
        if traces.manifest is not None and (before is None or before.manifest != traces.manifest):
            project.reload()
    except UserError as error:
        return Look(project, traces, str(error))
    except OSError:  # the folder cannot be reached now: a later look will tell
        return Look(project, before or Traces(None, ()))
    return Look(project, traces)


class Elsewhere(QObject):
    """Keeps a dock up to date with its project's folder. Lives on the GUI thread, looks in a worker.

    A timer and not Qt's watcher: that hears nothing of what another computer writes to a shared folder.

    Parameters
    ----------
    desk : Desk
        Whose project; it is told of patients, states and runs as if they had changed here.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._seen: Traces | None = None
        self._told: tuple[Case, ...] = ()  # the patients and states that the dock knows of
        self._looking: Job | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self.look)
        desk.project_changed.connect(self._project_changed)
        desk.cases_changed.connect(self._cases_changed)

    def watch(self, on: bool) -> None:
        """Begin to look, at once and then every two seconds, or cease."""
        if on:
            self._timer.start()
            self.look()
        else:
            self._timer.stop()

    def look(self) -> None:
        """Look once, in the background, unless a look is going on."""
        project, background = self._desk.project, self._desk.background
        if project is not None and self._looking is None and not background.closed:
            self._looking = background.start(
                "looking for changes", called(look_at, project, self._seen), self._take, self._ended
            )

    def _take(self, look: Look | Problem) -> None:
        if isinstance(look, Problem) or look.project is not self._desk.project:
            return
        before, self._seen = self._seen, look.traces
        if look.problem:
            self._desk.said.emit(look.problem)
        if look.project.cases != self._told:
            self._desk.cases_changed.emit()
        if before is not None and before.runs != look.traces.runs:
            self._desk.runs.refresh()

    def _ended(self) -> None:
        self._looking = None

    def _project_changed(self) -> None:
        if self._looking is not None:
            self._looking.give_up()
        self._seen = None
        self._cases_changed()
        if self._timer.isActive():
            self.look()

    def _cases_changed(self) -> None:
        # what this window changed itself is no news
        self._told = self._desk.project.cases

    def close(self) -> None:
        """Look no more."""
        with suppress(RuntimeError):  # where the window went without a word, Qt has deleted the timer
            self._timer.stop()


def _mark(path: Path) -> _Mark:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

"""The patient that might be labelled next: looked for in the background, opened when the user says so."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer, Signal

from ..errors import UserError
from ..project import CaseState
from ..suggest.record import last_way, note_opened, note_shown
from ..suggest.suggestion import Suggestion, Way
from . import engine
from .background import Job, Problem

if TYPE_CHECKING:
    from .case import OpenCase
    from .desk import Desk
    from .history import Entry

_PROGRESS_MS = 300
_NO_MODEL = "no trained model yet. Train one, or choose another way."


class Upcoming(QObject):
    """Suggests the next patient and goes there and back. Lives on the GUI thread.

    Parameters
    ----------
    desk : Desk
        Whose project, cases and models.
    """

    changed = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.by: Way = "typical"
        self.trouble = ""
        self.fraction = 0.0
        self._found: tuple[Suggestion, ...] = ()
        self._job: Job | None = None
        self._run: Path | None = None
        self._known: tuple[frozenset[str], ...] = ()
        self._noted: Suggestion | None = None
        self._passed: set[str] = set()
        self._visited: list[str] = []
        self._wanted: str | None = None
        self._predicting: OpenCase | None = None
        self._ticker = QTimer(self)
        self._ticker.setInterval(_PROGRESS_MS)
        self._ticker.timeout.connect(self.changed)
        desk.project_changed.connect(self._project_changed)
        desk.cases_changed.connect(self._cases_changed)
        desk.case_changed.connect(self._case_changed)
        desk.answerer.changed.connect(self._models_changed)

    # --- what is suggested --------------------------------------------------------------------------------------

    @property
    def coming(self) -> Suggestion | None:
        """The suggestion: the first that is neither on screen nor was opened before, then those again."""
        there = [each for each in self._found if each.case != self.on_screen and self._is_open(each.case)]
        return next((each for each in there if each.case not in self._passed), there[0] if there else None)

    @property
    def looking(self) -> bool:
        """Whether a search is going on."""
        return self._job is not None

    @property
    def left(self) -> frozenset[str]:
        """The patients that are not labelled completely, the one on screen included."""
        project = self._desk.project
        return frozenset() if project is None else frozenset(filter(self._is_open, project.scans()))

    @property
    def on_screen(self) -> str | None:
        """The patient on screen."""
        return None if self._desk.case is None else self._desk.case.id

    def _is_open(self, case_id: str) -> bool:
        return self._desk.state_of(case_id) in (CaseState.NOT_STARTED, CaseState.IN_PROGRESS)

    def _model(self) -> Path | None:
        """Return the run that predicts; while the runs of another project are still listed, there is none."""
        run, project = self._desk.answerer.predictor, self._desk.project
        return run if run is not None and project is not None and run.parent == project.runs_dir else None

    def set_way(self, by: Way) -> None:
        """Choose how the next patient is found."""
        self.by, self._found = by, ()
        self.look()

    def look(self) -> None:
        """Look for the next patient in the background; what was found before stays until then."""
        self.cancel()
        project, self.trouble = self._desk.project, ""
        self._run = self._model() if self.by == "uncertain" else None
        if self.by == "uncertain" and self._run is None:
            self.trouble = _NO_MODEL
        elif project is not None:
            self.fraction = 0.0
            self._job = self._desk.background.start(
                "looking for the next patient", self._steps, self._take, self._ended
            )
            self._ticker.start()
        self.changed.emit()

    def cancel(self) -> None:
        """Stop looking; what was found before stays."""
        if self._job is not None:
            self._job.cancel()
            self._ended()

    def _steps(self, stop: threading.Event) -> Iterator[Any]:
        yield engine.suggest_cases(self._desk.project, self.by, self._run, self._progressed, stop.is_set)

    def _progressed(self, fraction: float) -> None:
        self.fraction = fraction

    def _take(self, found: tuple[Suggestion, ...] | Problem) -> None:
        if isinstance(found, Problem):
            self._found, self.trouble = (), found.text
        else:
            self._found = found
            self._note_shown()

    def _ended(self) -> None:
        self._job = None
        self._ticker.stop()
        self.changed.emit()

    # --- there and back -----------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the suggested patient."""
        coming = self.coming
        if coming is None:
            return
        if coming.case in self._passed:
            self._passed.clear()  # all were seen, so they come round again
        self._passed.add(coming.case)
        self._wanted = coming.case
        self._desk.open_case(coming.case)

    def back(self) -> None:
        """Open the patient that was on screen before this one."""
        if len(self._visited) > 1:
            self._visited.pop()
            self._desk.open_case(self._visited[-1])

    def _case_changed(self) -> None:
        case = self._desk.case
        if case is not None:
            if self._is_open(case.id):
                self._note_opened(case.id)
            self._passed.add(case.id)
            if case.id not in self._visited[-1:]:
                self._visited.append(case.id)
            if case.id == self._wanted:
                self._predict(case)
            self._wanted = None
            self._note_shown()
        self.changed.emit()

    # --- the prediction that is there already -------------------------------------------------------------------

    def _predict(self, case: OpenCase) -> None:
        """Let the model predict a case that nobody has worked on with clicks; labels are not touched."""
        usable = self._model() is not None and not (case.has_prediction or case.history.prompts)
        if usable and self._is_open(case.id) and self._desk.answerer.predict(case):
            self._predicting = case
            case.edited.connect(self._edited)

    def _edited(self, what: str, entry: Entry) -> None:
        # the answer to a click must not be replaced by a prediction that knows of no click
        case = self._desk.case
        if case is not None and case.history.prompts and self._predicting is case:
            self._desk.answerer.cancel()

    # --- what happens elsewhere ---------------------------------------------------------------------------------

    def _project_changed(self) -> None:
        project = self._desk.project
        self._found, self._noted, self._wanted = (), None, None
        self._passed.clear()
        self._visited.clear()
        self._known = self._all_and_completed()
        self.by = last_way(project) or "typical"
        self.look()

    def _cases_changed(self) -> None:
        known = self._all_and_completed()
        if known != self._known:
            self._known = known
            self.look()

    def _all_and_completed(self) -> tuple[frozenset[str], ...]:
        project = self._desk.project
        return tuple(frozenset(case.id for case in cases) for cases in (project.cases, project.completed))

    def _models_changed(self) -> None:
        if not self._desk.answerer.predicting:
            self._predicting = None
        if self.by == "uncertain" and self._model() != self._run:
            self.look()

    def close(self) -> None:
        """Stop looking, for good."""
        with suppress(RuntimeError):  # where the window went without a word, Qt has deleted the timer
            self._ticker.stop()
        if self._job is not None:
            self._job.cancel()

    # --- for studies of effort ----------------------------------------------------------------------------------

    def _note_shown(self) -> None:
        coming = self.coming
        if coming is not None and coming != self._noted:
            self._noted = coming
            with suppress(UserError, OSError):  # a study misses a line; the user loses nothing
                note_shown(self._desk.project, coming)

    def _note_opened(self, case_id: str) -> None:
        with suppress(UserError, OSError):
            note_opened(self._desk.project, case_id, self._noted)

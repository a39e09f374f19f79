"""What learns while the user works: the model in use, trained further after each completed patient, and offered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from ..training.offer import Offer, write_offer
from . import engine
from .background import Problem, called
from .runs import RunRow
from .wording import kept_out_sentence, run_number

if TYPE_CHECKING:
    from .desk import Desk

_ABOUT = "After each completed patient the model in use learns on; one that is better is offered."


class Meanwhile(QObject):
    """One switch, off at first. Lives on the GUI thread; nothing on screen changes before the user says so."""

    changed = Signal()  # the switch, or what is said beside it
    offered = Signal(object, object)  # RunRow, Offer; None, None takes the offer back

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._completed: set[str] = set()
        self._due = False
        self._judging = False
        self._shown: Path | None = None
        self.on = False
        self.said = _ABOUT
        desk.project_changed.connect(self._project_changed)
        desk.cases_changed.connect(self._cases_changed)
        desk.runs.listed.connect(self._look)

    def switch(self, on: bool) -> None:
        """Begin or cease; a run that is going on goes on, and what was offered stays offered."""
        self.on = on
        self._say(_ABOUT)
        self._look()

    def use(self, row: RunRow, offer: Offer) -> None:
        """Let an offered model answer from now on; the one before it stays among the runs."""
        self._answer(row, offer, "used")
        self._desk.use_run(row.path)
        self._say(f"{run_number(row.name).capitalize()} answers now; {run_number(offer.start)} is kept, see Results.")

    def put_off(self, row: RunRow, offer: Offer) -> None:
        """Leave an offered model among the runs, where it can be used later."""
        self._answer(row, offer, "later")
        self._say(f"{run_number(row.name).capitalize()} waits in Results, where it can be used.")

    def _answer(self, row: RunRow, offer: Offer, answer: str) -> None:
        self.offered.emit(None, None)
        kept = offer.model_copy(update={"answer": answer})
        self._desk.background.start(
            "keeping an answer", called(write_offer, row.path, kept), self._failed_only, self._desk.runs.refresh
        )

    # --- after a patient ----------------------------------------------------------------------------------------

    def _project_changed(self) -> None:
        self._completed = self._ids()
        self._due = False
        self._shown = None
        self.offered.emit(None, None)
        self._say(_ABOUT)

    def _ids(self) -> set[str]:
        project = self._desk.project
        return set() if project is None else {case.id for case in project.completed}

    def _cases_changed(self) -> None:
        completed = self._ids()
        self._due |= bool(completed - self._completed)
        self._completed = completed
        self._start()

    def _start(self) -> None:
        """Train the model in use further, if a patient is new and nothing else trains."""
        desk = self._desk
        if not (self.on and self._due) or desk.runs.live or desk.runs.starting or self._judging:
            return
        source = desk.answerer.run or desk.answerer.predictor
        if source is None:
            self._say("There is no model to learn on yet: start a run first.")
            return
        self._due = False
        self._say(f"{run_number(source.name).capitalize()} learns on; you can go on working.")
        desk.runs.update(source, self._refused)

    def _refused(self, why: str) -> None:
        self._say(f"{why[0].upper()}{why[1:].rstrip('.')}.")

    # --- after a run --------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Compare the newest run that learned beside the work, or offer it; then see what is due."""
        runs = self._desk.runs
        if self._shown not in {row.path for row in runs.rows}:
            self.offered.emit(None, None)  # it was deleted
        if not self.on or runs.live or self._judging:
            return
        newest = next((row for row in reversed(runs.rows) if row.offer is not None), None)
        if newest is not None and newest.state == "finished" and newest.offer.answer == "open":
            if newest.offer.after is None:
                self._judge(newest)
            else:
                self._offer(newest, newest.offer)
        self._start()

    def _judge(self, row: RunRow) -> None:
        if row.path == self._shown:
            return
        self._shown, self._judging = row.path, True
        self._say(f"Comparing {run_number(row.name)} with {run_number(row.offer.start)} on held-out patients…")
        steps = called(engine.judge_update, self._desk.project, row.path.with_name(row.offer.start), row.path)
        self._desk.background.start(
            "comparing two models", steps, lambda found: self._judged(row, found), self._judgement_ended
        )

    def _judged(self, row: RunRow, found: Offer | Problem) -> None:
        if isinstance(found, Problem):
            self._say(found.text)
        elif found.answer == "worse":
            self._say(kept_out_sentence(row.name, found))
        else:
            self._shown = None
            self._offer(row, found)

    def _judgement_ended(self) -> None:
        self._judging = False
        self._desk.runs.refresh()

    def _offer(self, row: RunRow, offer: Offer) -> None:
        if row.path != self._shown:
            self._shown = row.path
            self._say(_ABOUT)
            self.offered.emit(row, offer)

    def _say(self, text: str) -> None:
        self.said = text
        self.changed.emit()

    def _failed_only(self, value: Any) -> None:
        if isinstance(value, Problem):
            self._say(value.text)

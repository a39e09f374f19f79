"""What the starter learns while the user works: the structures of the project, from each completed patient."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from . import engine, preferences
from .background import CancelledError, Flag, Job, Problem
from .wording import counted

if TYPE_CHECKING:
    from ..project import Project
    from .desk import Desk

_WAIT_S = 0.05


class Lessons(QObject):
    """One switch, remembered for all projects. Lives on the GUI thread; clicks go before lessons."""

    changed = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._job: Job | None = None
        self._seen: frozenset[str] = frozenset()
        self._known: Mapping[int, Any] = {}
        self.on = preferences.starter_learns()
        desk.project_changed.connect(self._project_changed)
        desk.cases_changed.connect(self._look)
        desk.answerer.changed.connect(self._look)

    def switch(self, on: bool) -> None:
        """Begin or cease; ceasing lets the starter answer as it came, and nothing that was learned is lost."""
        self.on = on
        preferences.remember_learning(on)
        if not on:
            self._cease()
        self._use()
        self._look()

    @property
    def at_work(self) -> bool:
        """Whether something is being learned."""
        return self._job is not None

    @property
    def sentence(self) -> str:
        """What is known, for the user; empty where nothing is."""
        if self.at_work and not self._known:
            return "The starter is learning from completed patients…"
        if not self.on or not self._known:
            return ""
        patients = max(len(each.comparisons) for each in self._known.values())
        told = f"The starter has learned from {counted(patients, 'patient')}"
        names = {each.value: each.name for each in self._desk.project.classes}
        worse = [names[value] for value, each in self._known.items() if not each.trusted and value in names]
        if worse:
            return f"{told}; for {', '.join(worse)} it answers as it came, which is better so far."
        return f"{told}."

    def _project_changed(self) -> None:
        self._cease()
        self._seen, self._known = frozenset(), {}
        self._use()
        self._look()

    def _look(self) -> None:
        """Learn what is new, where the starter answers."""
        desk = self._desk
        if not self.on or desk.project is None or desk.answerer.by != "starter" or self.at_work or not desk.device:
            return
        completed = frozenset(case.id for case in desk.project.completed)
        if completed == self._seen:
            return
        self._seen = completed
        steps = _Learning(desk.project, desk)
        self._job = desk.background.start("learning from completed patients", steps, self._learned, self._ended)
        self.changed.emit()

    def _learned(self, known: Mapping[int, Any] | Problem) -> None:
        if isinstance(known, Problem):
            self._desk.said.emit(known.text)
            return
        self._known = known
        self._use()

    def _use(self) -> None:
        self._desk.answerer.learned = self._known if self.on else {}
        self.changed.emit()

    def _ended(self) -> None:
        self._job = None
        self.changed.emit()
        self._look()

    def _cease(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job, self._seen = None, frozenset()


class _Learning:
    """The work of one lesson; it rests while a click is answered."""

    def __init__(self, project: Project, desk: Desk) -> None:
        self._project, self._desk = project, desk

    def __call__(self, stop: Flag) -> Iterator[Mapping[int, Any]]:
        def pause() -> None:
            while self._desk.answerer.answering and not stop.is_set():
                time.sleep(_WAIT_S)
            if stop.is_set():
                raise CancelledError

        yield from engine.learn_completed(self._project, pause)

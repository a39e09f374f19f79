"""The button that learns from all scans, with a sentence on what it does."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QVBoxLayout, QWidget

from .desk import Desk
from .parts import GRID, note
from .runs import threads
from .wording import device_text, learned_sentence, learning_sentence, run_number

_TIP = "Restoration pretraining: restores distorted pieces of all scans, labelled or not, save those kept for the test"


class LearnFromAll(QWidget):
    """One button; `pressed` is emitted when a run over all scans is wanted."""

    pressed = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._minutes = 0.0
        self.button = QPushButton("Learn from all scans")
        self.button.setToolTip(_TIP)
        self.button.clicked.connect(self.pressed)
        self.about = note(lines=2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(self.button)
        column.addWidget(self.about)
        for signal in (desk.project_changed, desk.cases_changed, desk.busy_changed):
            signal.connect(self.refresh)
        desk.runs.news.connect(self.refresh)
        desk.runs.listed.connect(self.refresh)
        self.refresh()

    def set_minutes(self, minutes: float) -> None:
        """Say how long it will take."""
        self._minutes = minutes
        self.refresh()

    def refresh(self) -> None:
        """Show whether it can start, and what it does."""
        runs, project = self._desk.runs, self._desk.project
        scans = 0 if project is None else len(project.scans())
        self.button.setEnabled(scans > 0 and not runs.live and not runs.starting)
        self.about.setText(self._sentence(scans))

    def _sentence(self, scans: int) -> str:
        runs = self._desk.runs
        if runs.live and runs.feed.restores:
            return f"{run_number(runs.feed.name).capitalize()} is learning from all scans: watch it in the Train tab."
        if runs.live:
            return f"Possible once {run_number(runs.feed.name)} has ended."
        row = next((row for row in reversed(runs.rows) if row.trained and row.task == "restoration"), None)
        if row is not None:
            return learned_sentence(row.name, row.patients)
        return learning_sentence(scans, self._minutes, device_text(self._desk.device, threads()))

"""How many more patients? A band of Dice against labelled patients, forecast from the project's own runs."""

from __future__ import annotations

import pyqtgraph as pg
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..evaluation.forecast import Forecast
from ..project import Project
from ..training.budgets import (
    RULE,
    Budgets,
    budgets_of,
    forecast_sentence,
    missing_sentence,
    past_error_sentence,
)
from .background import Job, Problem, called
from .desk import Desk
from .parts import GRID, heading, note
from .plots import dress, quiet_plot
from .runs import RunRow
from .theme import Look
from .wording import counted

_HEIGHT = 130
_BAND_ALPHA = 70


class HowMany(QWidget):
    """The forecast for runs of the chosen run's task; a sentence alone while there are too few."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._job: Job | None = None
        self._seen: object = None
        self.plot = quiet_plot("Dice", _HEIGHT)
        self.plot.getPlotItem().setLabel("bottom", "labelled patients")
        self.about = note(faint=False)
        self.past = note()
        self.rule = note()
        self._top, self._bottom, self._middle = (self.plot.plot([], []) for _ in range(3))
        self._band = pg.FillBetweenItem(self._top, self._bottom)
        self.plot.addItem(self._band)
        self._points = pg.ScatterPlotItem(symbol="o", size=8)
        self.plot.addItem(self._points)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(heading("How many more?"))
        for widget in (self.plot, self.about, self.past, self.rule):
            column.addWidget(widget)
        self.hide()

    def set_look(self, look: Look) -> None:
        """Take the theme's colours."""
        dress(self.plot, look)
        fill = QColor(look.accent)
        fill.setAlpha(_BAND_ALPHA)
        self._band.setBrush(fill)
        for edge in (self._top, self._bottom):
            edge.setPen(pg.mkPen(look.accent, width=1))
        self._middle.setPen(pg.mkPen(look.text, width=1.5, style=Qt.PenStyle.DashLine))
        self._points.setBrush(look.text)
        self._points.setPen(None)

    def show_run(self, row: RunRow | None) -> None:
        """Forecast for runs like this one, in the background, where the finished runs are not those of last time."""
        rows = self._desk.runs.rows
        if row is None or not row.mode.segments or self._desk.project is None:
            self._seen = None
            self.hide()
            return
        seen = (self._desk.project.root, row.task, tuple((each.name, each.state) for each in rows))
        if seen == self._seen:
            return
        self._seen = seen
        if self._job is not None:
            self._job.cancel()
        steps = called(_forecast, self._desk.project, row.task)
        self._job = self._desk.background.start("forecasting", steps, self._found)

    def _found(self, value: tuple[Budgets, Forecast | None] | Problem) -> None:
        if isinstance(value, Problem):
            self._desk.said.emit(value.text)
            return
        budgets, found = value
        self.setVisible(bool(budgets.runs))
        for widget in (self.plot, self.past, self.rule):
            widget.setVisible(found is not None)
        if found is None:
            self.about.setText(missing_sentence(budgets))
            return
        self._draw(budgets, found)
        self.about.setText(forecast_sentence(found))
        self.past.setText(past_error_sentence(budgets.runs, found))
        self.rule.setText(f"{RULE} Measured on {counted(len(budgets.cases), 'patient')}.")

    def _draw(self, budgets: Budgets, found: Forecast) -> None:
        numbers = list(found.patients)
        for curve, values in ((self._top, found.high), (self._bottom, found.low), (self._middle, found.middle)):
            curve.setData(numbers, list(values))
        means = [run.mean(budgets.cases) for run in budgets.runs]
        self._points.setData([run.patients for run in budgets.runs], means)
        self.plot.setYRange(max(0.0, min(*found.low, *means) - 0.05), 1.0, padding=0)
        self.plot.setXRange(numbers[0], numbers[-1], padding=0.04)


def _forecast(project: Project, task: str) -> tuple[Budgets, Forecast | None]:
    budgets = budgets_of(project, task)
    return budgets, budgets.forecast()

"""Dice of a run after so many simulated clicks on patients it has not seen; measured on demand, kept with the run."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from qtpy.QtWidgets import QPushButton, QTableWidgetItem, QVBoxLayout, QWidget

from ..inference.measured import class_means, kept
from . import engine
from .background import Job, Problem, telling
from .desk import Desk
from .parts import GRID, heading, note, swatch
from .plots import dress, quiet_plot
from .runs import RunRow
from .tables import fit, right, table
from .theme import Look, class_colour
from .wording import clicks_sentence, dice_number, run_number

_HEIGHT = 122
_MEAN = "mean"
_MOST_ROWS = 6


class ClickMeter(QWidget):
    """Chart and table of the chosen run; hidden for runs that take no clicks."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._row: RunRow | None = None
        self._job: Job | None = None
        self._look: Look | None = None
        self.about = note(lines=2)
        self.plot = quiet_plot("Dice", _HEIGHT)
        self.plot.getPlotItem().setLabel("bottom", "simulated clicks")
        self.table = table(("Class",))
        self.measure = QPushButton()
        self.measure.setToolTip(
            "Click like a user would on all completed patients that this run has not seen: first into the structure, "
            "then into the largest error"
        )
        self.measure.clicked.connect(self._measure)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(heading("Click meter (simulated clicks)"))
        for widget in (self.about, self.plot, self.table, self.measure):
            column.addWidget(widget)
        self.hide()

    def set_look(self, look: Look) -> None:
        """Take the theme's colours."""
        self._look = look
        dress(self.plot, look)
        self._refresh()

    def show_run(self, row: RunRow | None) -> None:
        """Show what is known of a run."""
        self._row = row
        self.setVisible(row is not None and row.usable and row.task == "interactive")
        self._refresh()

    def _refresh(self) -> None:
        row = self._row
        if row is None or row.task != "interactive":
            return
        found = kept(row.path)
        name = run_number(row.name)
        busy = self._job is not None
        for widget in (self.plot, self.table):
            widget.setVisible(found is not None)
        self.measure.setEnabled(not busy and not self._desk.runs.live)
        self.measure.setText("Measuring…" if busy else "Measure clicks" if found is None else "Measure clicks again")
        if found is None:
            self.about.setText(f"How much do clicks help {name} on patients it has not seen? Not measured yet.")
            return
        self.about.setText(clicks_sentence(name, found, row.step))
        classes = class_means(found)
        self._draw(found, classes)
        self._fill(found, classes)

    def _draw(self, found: dict[str, Any], classes: dict[str, list[float | None]]) -> None:
        self.plot.clear()
        counts = [int(count) for count in found["clicks"]]
        curves = [(list(found["clicks"].values()), self._look.text if self._look else "grey", 2.0)]
        if len(classes) > 1:
            curves += [(values, class_colour(number), 1.5) for number, values in enumerate(classes.values())]
        for values, colour, width in reversed(curves):
            points = [(count, value) for count, value in zip(counts, values, strict=True) if value is not None]
            self.plot.plot(
                [count for count, _ in points],
                [value for _, value in points],
                pen=pg.mkPen(colour, width=width),
                symbol="o",
                symbolSize=5,
                symbolBrush=colour,
                symbolPen=None,
            )
        known = [value for values, _, _ in curves for value in values if value is not None]
        self.plot.setYRange(max(0.0, min(known, default=0.0) - 0.05), 1.0, padding=0)
        self.plot.getPlotItem().getAxis("bottom").setTicks([[(count, str(count)) for count in counts]])

    def _fill(self, found: dict[str, Any], classes: dict[str, list[float | None]]) -> None:
        means = list(found["clicks"].values())
        rows = list(classes.items()) + ([(_MEAN, means)] if len(classes) != 1 else [])
        self.table.setColumnCount(1 + len(means))
        self.table.setHorizontalHeaderLabels(["Clicks", *found["clicks"]])
        self.table.setRowCount(len(rows))
        for number, (name, values) in enumerate(rows):
            item = QTableWidgetItem(name)
            if name in classes and len(classes) > 1:
                item.setIcon(swatch(class_colour(number)))
            self.table.setItem(number, 0, item)
            for place, value in enumerate(values, 1):
                self.table.setItem(number, place, right(dice_number(value)))
        fit(self.table, _MOST_ROWS)

    def _measure(self) -> None:
        row = self._row
        self._job = self._desk.background.start(
            f"measuring clicks of {row.name}",
            telling(engine.measure_run, self._desk.project, row.path),
            self._measured,
            self._ended,
            f"Measuring {run_number(row.name)}…",
        )
        self._refresh()

    def _measured(self, value: dict[str, Any] | Problem) -> None:
        if isinstance(value, Problem):
            self._desk.said.emit(value.text)

    def _ended(self) -> None:
        self._job = None
        self._refresh()

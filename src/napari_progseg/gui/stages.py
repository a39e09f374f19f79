"""Step charts of what changes while a run goes on: patch, batch, active patients, with a cursor at the present."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph as pg
from qtpy.QtWidgets import QVBoxLayout, QWidget

from .feed import RunFeed
from .parts import GRID, note
from .plots import dress, quiet_plot
from .theme import Look
from .wording import counted, size_text

_HEIGHT = 62
_NAMES = ("voxels", "batch", "patients")


class Stages(QWidget):
    """One chart for each thing that changes, over the progress of the run; hidden where nothing does."""

    def __init__(self) -> None:
        super().__init__()
        self.charts = {name: _chart(name) for name in _NAMES}
        self._lines = {name: chart.plot([], []) for name, chart in self.charts.items()}
        self._cursors = {name: pg.InfiniteLine(angle=90) for name in _NAMES}
        self.now = note()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        for name, chart in self.charts.items():
            chart.addItem(self._cursors[name])
            column.addWidget(chart)
        column.addWidget(self.now)
        self.hide()

    def set_look(self, look: Look) -> None:
        """Take the theme's colours."""
        for name, chart in self.charts.items():
            dress(chart, look)
            self._lines[name].setPen(pg.mkPen(look.text, width=1.5))
            self._cursors[name].setPen(pg.mkPen(look.accent, width=2))

    def show_feed(self, feed: RunFeed | None) -> None:
        """Draw the schedule of a run and where it stands."""
        patches = feed.patch_steps() if feed else []
        cases = feed.case_steps() if feed else []
        batches = [(start, batch) for start, _, batch in patches]
        self._draw("voxels", [(start, voxels) for start, voxels, _ in patches])
        self._draw("batch", batches if len({batch for _, batch in batches}) > 1 else [])
        self._draw("patients", cases)
        self.setVisible(bool(patches or cases))
        if feed is not None and feed.newest is not None:
            for cursor in self._cursors.values():
                cursor.setValue(feed.progress)
            newest = feed.newest
            self.now.setText(
                f"Now: patch {size_text(newest.patch)}, {counted(newest.batch, 'patch', 'patches')} a step, "
                f"{counted(newest.active_cases, 'patient')}.{_growing_text(feed)}"
            )

    def _draw(self, name: str, steps: Sequence[tuple[float, float]]) -> None:
        self.charts[name].setVisible(bool(steps))
        xs = [x for start, _ in steps for x in (start, start)][1:] + ([1.0] if steps else [])
        ys = [y for _, value in steps for y in (value, value)]
        self._lines[name].setData(xs, ys)


def _growing_text(feed: RunFeed) -> str:
    """Say why the Dice is still low."""
    if feed.growing is None:
        return ""
    return f" Patches grow to {size_text(feed.growing[1])}; the Dice is low while they are small and rises with them."


def _chart(name: str) -> pg.PlotWidget:
    chart = quiet_plot(name, _HEIGHT)
    item = chart.getPlotItem()
    item.setXRange(0, 1, padding=0)
    item.getAxis("bottom").setStyle(showValues=False)
    item.getAxis("bottom").setHeight(4)
    return chart

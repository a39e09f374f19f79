"""A small plot that nobody drags about, in the theme's colours."""

from __future__ import annotations

import pyqtgraph as pg

from .theme import Look

_AXIS_WIDTH = 46


def quiet_plot(name: str, height: int) -> pg.PlotWidget:
    """Make a plot of a fixed height without menu, buttons or dragging; `name` stands at its left axis."""
    plot = pg.PlotWidget()
    plot.setFixedHeight(height)
    plot.setMouseEnabled(x=False, y=False)
    plot.hideButtons()
    plot.setMenuEnabled(False)
    item = plot.getPlotItem()
    item.setLabel("left", name)
    item.getAxis("left").setWidth(_AXIS_WIDTH)
    for side in ("left", "bottom"):
        item.getAxis(side).enableAutoSIPrefix(False)
    return plot


def dress(plot: pg.PlotWidget, look: Look) -> None:
    """Give background and axes the theme's colours."""
    plot.setBackground(look.background)
    for side in ("left", "bottom"):
        axis = plot.getPlotItem().getAxis(side)
        axis.setPen(look.line)
        axis.setTextPen(look.text)

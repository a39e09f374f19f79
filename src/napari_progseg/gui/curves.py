"""Learning curves: loss, and Dice or distance on the validation patients where there is one."""

from __future__ import annotations

import pyqtgraph as pg
from qtpy.QtWidgets import QVBoxLayout, QWidget

from .feed import RunFeed
from .parts import GRID
from .plots import dress, quiet_plot
from .theme import Look, class_colour

_DISTANCE = "distance (mm)"
_ERRORS = {"l1": "error (L1)", "mse": "error (squared)"}
_HEIGHT = 104
_AXIS_LABEL = 12


class Curves(QWidget):
    """Two plots over one step axis, in the theme's colours; of a restoration run the error alone, as high as both.

    The lower plot shows Dice, higher being better; of a run that learns shapes the distance of surfaces, in mm.
    """

    def __init__(self) -> None:
        super().__init__()
        self.loss = quiet_plot("loss", _HEIGHT)
        self.dice = quiet_plot("Dice", _HEIGHT)
        self.dice.setXLink(self.loss)
        self.loss.getPlotItem().setLabel("bottom", "step")
        self.loss.getPlotItem().showLabel("bottom", False)
        self.dice.getPlotItem().setLabel("bottom", "step")
        self.dice.setFixedHeight(_HEIGHT + _AXIS_LABEL)
        self._loss = self.loss.plot([], [])
        self._classes: dict[str, pg.PlotDataItem] = {}
        self._legend = self.dice.addLegend(offset=(-8, -4), labelTextSize="8pt", colCount=3)
        self._mean = self.dice.plot([], [], name="mean", symbol="o", symbolSize=5)
        self._best = pg.ScatterPlotItem(symbol="star", size=14)
        self.dice.addItem(self._best)
        self._measure_in(shapes=False)
        self._look: Look | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addWidget(self.loss)
        column.addWidget(self.dice)

    def set_look(self, look: Look) -> None:
        """Take the theme's colours."""
        self._look = look
        for plot in (self.loss, self.dice):
            dress(plot, look)
        self._loss.setPen(pg.mkPen(look.text, width=1.5))
        self._mean.setPen(pg.mkPen(look.text, width=2))
        self._mean.setSymbolBrush(look.text)
        self._mean.setSymbolPen(None)
        self._best.setBrush(look.background)
        self._best.setPen(pg.mkPen(look.text, width=1.5))
        self._legend.setLabelTextColor(look.text)
        for _, label in self._legend.items:
            label.setText(label.text, color=look.text)

    def show_feed(self, feed: RunFeed | None) -> None:
        """Draw the curves of a run."""
        self._show_axes(feed)
        losses = feed.losses if feed else []
        self._loss.setData([step for step, _ in losses], [loss for _, loss in losses])
        means = [(v.step, feed.score(v)) for v in feed.validations if feed.score(v) is not None] if feed else []
        self._mean.setData([step for step, _ in means], [score for _, score in means])
        best = feed.best if feed else None
        shown = best is not None and feed.score(best) is not None
        self._best.setData([best.step] if shown else [], [feed.score(best)] if shown else [])
        self._show_classes(feed.class_curves() if feed else {})

    def _show_axes(self, feed: RunFeed | None) -> None:
        alone = feed is not None and feed.restores
        axis = self.loss.getPlotItem().getAxis("left")
        name = _ERRORS[feed.error] if alone else "loss"
        shapes = feed is not None and feed.shapes
        if shapes != (self.dice.getPlotItem().getAxis("left").labelText == _DISTANCE):
            self._measure_in(shapes=shapes)
        if name == axis.labelText:
            return
        axis.setLabel(name)
        self.dice.setHidden(alone)
        self.loss.setFixedHeight(2 * _HEIGHT + _AXIS_LABEL + GRID if alone else _HEIGHT)
        self.loss.getPlotItem().showLabel("bottom", alone)

    def _measure_in(self, *, shapes: bool) -> None:
        """Label the lower plot with Dice, from 0 to 1, or with mm from 0 up to what there is."""
        axis = self.dice.getPlotItem().getAxis("left")
        axis.labelStyle.pop("font-size", None)
        if shapes:  # a longer name than Dice
            axis.labelStyle["font-size"] = "8pt"
        axis.setLabel(_DISTANCE if shapes else "Dice")
        self._legend.setVisible(not shapes)  # it would stand where distances end
        axis.setTicks(None if shapes else [[(0, "0"), (0.5, "0.5"), (1, "1")]])
        if shapes:
            self.dice.enableAutoRange(y=True)
            self.dice.setLimits(yMin=0)
        else:
            self.dice.setLimits(yMin=None)
            self.dice.setYRange(0, 1.05, padding=0)

    def _show_classes(self, curves: dict[str, list[tuple[int, float]]]) -> None:
        if len(curves) < 2:
            curves = {}
        for name in set(self._classes) - set(curves):
            self.dice.removeItem(self._classes.pop(name))
        for position, (name, points) in enumerate(curves.items()):
            if name not in self._classes:
                self._classes[name] = self.dice.plot([], [], name=name, pen=pg.mkPen(class_colour(position), width=1.5))
            self._classes[name].setData([step for step, _ in points], [dice for _, dice in points])

"""A thin strip with one bar for each slice: drawn by itself, clicked to go there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPen
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from .theme import Look

_HEIGHT = 44
_MARGIN = 2


@dataclass(frozen=True, eq=False)
class Stack:
    """One part of every bar.

    Parameters
    ----------
    shares : ndarray, (slices,)
        Its height, 1 for a full bar; what is stacked beyond that is cut off.
    colour : str
        As ``#rrggbb``.
    """

    shares: NDArray[np.float64]
    colour: str


class SliceStrip(QWidget):
    """Bars over the slices, the first slice at the left, the shown one marked."""

    chosen = Signal(int)  # a slice

    def __init__(self, tip: Callable[[int], str]) -> None:
        super().__init__()
        self._tip = tip
        self._stacks: tuple[Stack, ...] = ()
        self._shown: int | None = None
        self._text, self._line = QColor("grey"), QColor("grey")
        self.setMouseTracking(True)
        self.setFixedHeight(_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Return the preferred size."""
        return QSize(200, _HEIGHT)

    def set_look(self, look: Look) -> None:
        """Take the theme's colours."""
        self._text, self._line = QColor(look.text), QColor(look.line)
        self.update()

    def show_bars(self, stacks: Sequence[Stack], shown: int | None) -> None:
        """Draw these parts, the first at the bottom, and mark the shown slice; without parts the strip is empty."""
        self._stacks, self._shown = tuple(stacks), shown
        self.setCursor(Qt.CursorShape.PointingHandCursor if stacks else Qt.CursorShape.ArrowCursor)
        self.update()

    @property
    def totals(self) -> NDArray[np.float64]:
        """Height of the whole bar of each slice."""
        return np.sum([stack.shares for stack in self._stacks], axis=0) if self._stacks else np.zeros(0)

    @property
    def worst(self) -> int | None:
        """The slice with the highest bar; None where there is no bar at all."""
        totals = self.totals
        return int(totals.argmax()) if totals.any() else None

    def slice_at(self, x: float) -> int | None:
        """Return the slice below a position from the left; where several share a pixel, the worst of them."""
        totals = self.totals
        if not len(totals):
            return None
        width = max(1.0, self.width() - 2 * _MARGIN)
        first = int(np.clip((x - _MARGIN) / width, 0, 1) * len(totals))
        first = min(first, len(totals) - 1)
        last = max(first + 1, int((x + 1 - _MARGIN) / width * len(totals)))
        return first + int(totals[first:last].argmax())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt's name
        """Say what the bar below the mouse stands for."""
        at = self.slice_at(event.position().x())
        if at is not None:
            QToolTip.showText(event.globalPosition().toPoint(), self._tip(at), self)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802  Qt's name
        """Choose the slice below the mouse."""
        at = self.slice_at(event.position().x())
        if at is not None and event.button() == Qt.MouseButton.LeftButton:
            self.chosen.emit(at)

    def paintEvent(self, event: object) -> None:  # noqa: N802  Qt's name
        """Draw frame, bars and mark."""
        painter = QPainter(self)
        area = QRectF(self.rect()).adjusted(_MARGIN, _MARGIN, -_MARGIN, -_MARGIN)
        painter.setPen(QPen(self._line, 1))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        count = len(self.totals)
        if count:
            self._draw_bars(painter, area, count)
        if count and self._shown is not None:
            painter.setPen(QPen(self._text, 1.5))
            x = area.left() + (self._shown + 0.5) * area.width() / count
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        painter.end()

    def _draw_bars(self, painter: QPainter, area: QRectF, count: int) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        step = area.width() / count
        # where slices are narrower than a pixel, bars are drawn over each other and the highest is seen
        width = max(1.0, step - 1 if step > 4 else step)
        below = np.zeros(count)
        for stack in self._stacks:
            top = np.minimum(below + stack.shares, 1)
            painter.setBrush(QColor(stack.colour))
            for at in np.flatnonzero(top > below):
                height = max(1.0, (top[at] - below[at]) * area.height())
                painter.drawRect(
                    QRectF(area.left() + at * step, area.bottom() - below[at] * area.height() - height, width, height)
                )
            below = top

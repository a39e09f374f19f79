"""A slice as it is, spoiled, and as the network restores it, side by side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QImage, QPainter
from qtpy.QtWidgets import QGridLayout, QLabel, QSizePolicy, QWidget

from .bridge import Triplet
from .parts import GRID, note
from .wording import run_number, thousands

HEIGHT = 100
NAMES = ("original", "distorted", "restored")
_WAITING = "A slice appears here while the run trains."


class Picture(QWidget):
    """A grey image, as large as its place allows without losing its proportions."""

    def __init__(self) -> None:
        super().__init__()
        self.image = QImage()
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Return the preferred size."""
        return QSize(HEIGHT, HEIGHT)

    def show_slice(self, values: NDArray[np.uint8] | None) -> None:
        """Show (Y, X) grey values; None shows an empty frame."""
        self.image = QImage() if values is None else grey_image(values)
        self.update()

    def paintEvent(self, event: object) -> None:  # noqa: N802  Qt's name
        """Draw the image, or a frame where one will be."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if self.image.isNull():
            painter.setOpacity(0.3)
            side = min(self.width(), self.height()) - 1
            painter.drawRect(QRectF((self.width() - side) / 2, (self.height() - side) / 2, side, side))
        else:
            size = self.image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
            left, top = (self.width() - size.width()) / 2, (self.height() - size.height()) / 2
            painter.drawImage(QRectF(left, top, size.width(), size.height()), self.image)
        painter.end()


class TripletView(QWidget):
    """The newest restored slice of a run, each picture with its name; as high without one as with one."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: Triplet | None = None
        self.pictures = {name: Picture() for name in NAMES}
        self.names = [QLabel(name) for name in NAMES]
        self.caption = note(_WAITING)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(GRID // 2)
        for column, (label, picture) in enumerate(zip(self.names, self.pictures.values(), strict=True)):
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            grid.addWidget(label, 0, column)
            grid.addWidget(picture, 1, column)
            grid.setColumnStretch(column, 1)
        grid.addWidget(self.caption, 2, 0, 1, len(NAMES))

    def show_triplet(self, triplet: Triplet | None, run: str) -> None:
        """Show a restored slice of a run; None says what will be here."""
        if triplet is self._shown:
            return
        self._shown = triplet
        for name, picture in self.pictures.items():
            picture.show_slice(None if triplet is None else getattr(triplet, name))
        if triplet is None:
            self.caption.setText(_WAITING)
        else:
            self.caption.setText(f"{triplet.case} · {run_number(run)} · step {thousands(triplet.step)}")


def grey_image(values: NDArray[np.uint8]) -> QImage:
    """Turn (Y, X) grey values into an image of as many pixels."""
    rows = np.ascontiguousarray(values, dtype=np.uint8)
    height, width = rows.shape
    return QImage(rows.data, width, height, width, QImage.Format.Format_Grayscale8).copy()  # owns its pixels

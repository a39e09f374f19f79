"""A mouse and a keyboard over the canvas of a shown window."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtTest import QTest

from napari_progseg.gui.sketch import camera

SPACING = (3.0, 1.0, 1.0)
AXIAL, CORONAL, SAGITTAL = (0, 1, 2), (1, 0, 2), (2, 0, 1)
LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NONE, CONTROL = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier


class Hand:
    """Mouse and keys of one dock's window; places are voxels of the shown slice."""

    def __init__(self, dock) -> None:
        self.dock, self.viewer = dock, dock.desk.viewer
        self.canvas = dock.window().findChild(QOpenGLWidget)

    def look(self, order, voxel) -> None:
        self.viewer.dims.order = order
        self.viewer.dims.point = [index * step for index, step in zip(voxel, SPACING, strict=True)]
        self.viewer.reset_view()
        QTest.qWait(50)

    def place(self, voxel) -> QPoint:
        """Return the pixel of the canvas that shows a voxel of the shown slice."""
        view = camera(self.viewer)
        world = [voxel[axis] * SPACING[axis] for axis in self.viewer.dims.displayed]
        middle = (self.canvas.height() / 2, self.canvas.width() / 2)
        y, x = (m + (w - c) * view.zoom for m, w, c in zip(middle, world, view.center[-2:], strict=True))
        return QPoint(round(x), round(y))

    def click(self, voxel, button=LEFT) -> None:
        QTest.mouseMove(self.canvas, self.place(voxel))
        QTest.mouseClick(self.canvas, button, NONE, self.place(voxel))

    def double_click(self, voxel) -> None:
        QTest.mouseClick(self.canvas, LEFT, NONE, self.place(voxel))
        QTest.mouseDClick(self.canvas, LEFT, NONE, self.place(voxel))

    def press(self, voxel, button=LEFT, modifier=NONE) -> None:
        QTest.mouseMove(self.canvas, self.place(voxel))
        QTest.mousePress(self.canvas, button, modifier, self.place(voxel))

    def move(self, first, last) -> None:
        for share in (0.3, 0.7, 1):
            QTest.mouseMove(self.canvas, self.place(np.array(first) + share * (np.array(last) - first)))
            QTest.qWait(20)

    def release(self, voxel, button=LEFT, modifier=NONE) -> None:
        QTest.mouseRelease(self.canvas, button, modifier, self.place(voxel))

    def drag(self, first, last, button=LEFT, modifier=NONE) -> None:
        self.press(first, button, modifier)
        self.move(first, last)
        self.release(last, button, modifier)

    def key(self, key) -> None:
        QTest.keyClick(self.canvas, key)

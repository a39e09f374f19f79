"""Drives a real napari window as a person would: mouse on the canvas, presses of buttons, waits for what shows."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.viewer import Viewer
from qtpy.QtCore import QPoint, Qt
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QAbstractButton

from ..errors import UserError

if TYPE_CHECKING:
    from .dock import ProgSegDock

WINDOW = (1280, 800)
_PLUGIN, _WIDGET = "napari-progseg", "Train and annotate"
_POLL_MS = 30
_SETTLE_MS = 250
_STROKE_PARTS = 4


def open_window(*, size: tuple[int, int] | None = None) -> tuple[Viewer, ProgSegDock]:
    """Open napari with the dock, by way of the plugin's manifest as the menu does.

    Parameters
    ----------
    size : tuple of int or None
        Width and height of the window in pixels; None leaves it to napari.
    """
    viewer = Viewer(title="napari-progseg")
    if size is not None:
        viewer.window.resize(*size)
    _, dock = viewer.window.add_plugin_dock_widget(_PLUGIN, _WIDGET)
    return viewer, dock


class Driver:
    """A pair of hands for one window. Lives on the GUI thread.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer, its window shown.
    dock : ProgSegDock
        The dock in it.
    """

    def __init__(self, viewer: Viewer, dock: ProgSegDock) -> None:
        self._viewer, self._dock = viewer, dock
        self._heard = ""
        dock.desk.said.connect(self._hear)

    def _hear(self, sentence: str) -> None:
        self._heard = sentence

    def wait(self, holds: Callable[[], Any], what: str, seconds: float) -> None:
        """Let the window live until something holds.

        Raises
        ------
        UserError
            If it does not hold in time; with the last sentence that the dock said.
        """
        end = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > end:
                said = f"; the dock said: {self._heard}" if self._heard else ""
                raise UserError(f"waited {seconds:.0f} s in vain for {what}{said}")
            QTest.qWait(_POLL_MS)

    def press(self, button: QAbstractButton) -> None:
        """Press a button with the left mouse key; wait until it can be pressed."""
        self.wait(button.isEnabled, f"the button “{button.text()}” to become active", 60)
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        QTest.qWait(_POLL_MS)  # a hand does nothing else at the same moment

    def show_slice(self, z: int) -> None:
        """Show an axial slice of the open case."""
        self._viewer.dims.set_point(0, z * self._dock.desk.case.volume.geometry.spacing_zyx_mm[0])
        QTest.qWait(_SETTLE_MS)

    def click(self, voxel_zyx: tuple[int, int, int], *, swapped: bool = False) -> None:
        """Click a voxel on the canvas; `swapped` uses the right mouse key.

        Raises
        ------
        UserError
            If the click did not arrive at that voxel.
        """
        case = self._dock.desk.case
        self.show_slice(voxel_zyx[0])
        before = len(case.history.clicks)
        self.press_voxel(voxel_zyx, swapped=swapped)
        self.wait(lambda: len(case.history.clicks) > before, f"the click at voxel {voxel_zyx}", 10)
        arrived = case.history.clicks[-1].voxel_zyx
        if max(abs(a - b) for a, b in zip(arrived, voxel_zyx, strict=True)) > 1:
            raise UserError(f"a click at voxel {voxel_zyx} arrived at {arrived}")

    def press_voxel(self, voxel_zyx: tuple[int, int, int], *, swapped: bool = False) -> None:
        """Press and release the mouse on a voxel of the shown axial slice, and wait for nothing."""
        canvas, place = self.canvas(), self._on_canvas(voxel_zyx)
        button = Qt.MouseButton.RightButton if swapped else Qt.MouseButton.LeftButton
        QTest.mouseMove(canvas, place)
        QTest.mousePress(canvas, button, Qt.KeyboardModifier.NoModifier, place)
        QTest.mouseRelease(canvas, button, Qt.KeyboardModifier.NoModifier, place)

    def type_key(self, key: Qt.Key, *, ctrl: bool = False, shift: bool = False) -> None:
        """Press a key on the canvas."""
        modifiers = Qt.KeyboardModifier.NoModifier
        if ctrl:
            modifiers |= Qt.KeyboardModifier.ControlModifier
        if shift:
            modifiers |= Qt.KeyboardModifier.ShiftModifier
        canvas = self.canvas()
        canvas.setFocus()
        QTest.keyClick(canvas, key, modifiers)
        QTest.qWait(_POLL_MS)

    def stroke(self, start_zyx: tuple[int, int, int], end_zyx: tuple[int, int, int]) -> None:
        """Draw a straight stroke in an axial slice with whatever is in hand."""
        self.show_slice(start_zyx[0])
        canvas = self.canvas()
        start, end = self._on_canvas(start_zyx), self._on_canvas(end_zyx)
        QTest.mouseMove(canvas, start)
        QTest.mousePress(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, start)
        for part in range(1, _STROKE_PARTS + 1):
            QTest.mouseMove(canvas, start + (end - start) * part / _STROKE_PARTS)
            QTest.qWait(_POLL_MS)
        QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, end)
        QTest.qWait(_POLL_MS)

    def wait_for_answer(self, seconds: float = 60) -> None:
        """Wait until the newest click is answered."""
        answerer = self._dock.desk.answerer
        self.wait(lambda: not answerer.answering, "the answer to a click", seconds)
        QTest.qWait(_SETTLE_MS)

    def photograph(self, path: Path) -> None:
        """Save the whole window as it is on the screen."""
        path.parent.mkdir(parents=True, exist_ok=True)
        QTest.qWait(_SETTLE_MS)
        self._viewer.window.screenshot(str(path), canvas_only=False, flash=False)

    def canvas(self) -> QOpenGLWidget:
        """Return what napari draws on.

        Raises
        ------
        UserError
            If it is not in the window.
        """
        canvas = self._dock.window().findChild(QOpenGLWidget)
        if canvas is None:
            raise UserError("napari's canvas was not found in the window")
        return canvas

    def _on_canvas(self, voxel_zyx: tuple[int, int, int]) -> QPoint:
        """Return the pixel of the canvas where an axial slice shows a voxel."""
        scene = getattr(self._viewer, "scene", self._viewer)  # napari before 0.9 has the camera on the viewer
        spacing = self._dock.desk.case.volume.geometry.spacing_zyx_mm
        canvas = self.canvas()
        middle = (canvas.height() / 2, canvas.width() / 2)
        y, x = (
            half + (index * step - centre) * scene.camera.zoom
            for half, index, step, centre in zip(
                middle, voxel_zyx[1:], spacing[1:], scene.camera.center[-2:], strict=True
            )
        )
        return QPoint(round(x), round(y))

"""The text on the canvas: ours while the dock lives, the user's before and after."""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from napari.viewer import Viewer

_LETTERS = string.digits + string.ascii_lowercase + "D·.,%()-"
_AT_ONCE = 3
_INTERVAL_MS = 20
_UNSEEN = (0.0, 0.0, 0.0, 0.0)


class CanvasText(QObject):
    """The text overlay of a viewer, borrowed.

    napari makes a letter when it is first drawn, which takes 5 to 10 ms where OpenGL is done in software: the first
    text would hold the window for a quarter of a second. `learn` has the letters made a few at a time.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._overlay = text_overlay(viewer)
        self._before: dict[str, Any] = {}
        self._text = ""
        self._unknown = _LETTERS
        self._timer = QTimer(self)
        self._timer.setInterval(_INTERVAL_MS)
        self._timer.timeout.connect(self._learn_some)

    @property
    def text(self) -> str:
        """What is shown at present, empty while the overlay is the user's."""
        return self._text

    def learn(self) -> None:
        """Have the letters of texts to come made, unseen; a text that the user shows is left alone."""
        if not self._overlay.visible:
            self._borrow()
            self._overlay.color = _UNSEEN
            self._timer.start()

    def show(self, text: str) -> None:
        """Show a text top left; an empty text gives the overlay back to the user."""
        if not text:
            self.restore()
            return
        self._timer.stop()
        self._borrow()
        self._overlay.color = self._before["color"]
        self._text = text
        if self._overlay.text != text:
            self._overlay.text = text

    def restore(self) -> None:
        """Put back what the user had."""
        self._timer.stop()
        self._text = ""
        for name, value in self._before.items():
            setattr(self._overlay, name, value)
        self._before = {}

    def _borrow(self) -> None:
        if not self._before:
            self._before = {name: getattr(self._overlay, name) for name in ("text", "visible", "position", "color")}
            self._overlay.position = "top_left"
            self._overlay.visible = True

    def _learn_some(self) -> None:
        if not self._unknown:
            self.restore()
            return
        self._overlay.text, self._unknown = self._unknown[:_AT_ONCE], self._unknown[_AT_ONCE:]


def text_overlay(viewer: Viewer) -> Any:
    """Return the text overlay, also of napari before 0.9."""
    canvas = getattr(viewer, "canvas", None)
    return canvas.overlays.text if canvas is not None else viewer.text_overlay

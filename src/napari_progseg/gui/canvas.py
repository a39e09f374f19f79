"""The text on the canvas: ours while the dock lives, the user's before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.viewer import Viewer


class CanvasText:
    """The text overlay of a viewer, borrowed."""

    def __init__(self, viewer: Viewer) -> None:
        self._overlay = text_overlay(viewer)
        self._before = {name: getattr(self._overlay, name) for name in ("text", "visible", "position")}
        self._ours = False

    @property
    def text(self) -> str:
        """What is shown at present, empty while the overlay is the user's."""
        return self._overlay.text if self._ours else ""

    def show(self, text: str) -> None:
        """Show a text top left; an empty text gives the overlay back to the user."""
        if not text:
            self.restore()
            return
        if not self._ours:
            self._before = {name: getattr(self._overlay, name) for name in self._before}
            self._overlay.position = "top_left"
            self._overlay.visible = True
            self._ours = True
        if self._overlay.text != text:
            self._overlay.text = text

    def restore(self) -> None:
        """Put back what the user had."""
        if self._ours:
            self._ours = False
            for name, value in self._before.items():
                setattr(self._overlay, name, value)


def text_overlay(viewer: Viewer) -> Any:
    """Return the text overlay, also of napari before 0.9."""
    canvas = getattr(viewer, "canvas", None)
    return canvas.overlays.text if canvas is not None else viewer.text_overlay

"""Clicks, drags, lines and boxes: what the mouse does over the shown slice with a tool in hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..guidance.boxes import BoxPrompt
from .sketch import Outline, Sketch, camera
from .theme import INSIDE_COLOUR, OUTSIDE_COLOUR
from .tools import Tools

if TYPE_CHECKING:
    from napari.layers import Points
    from napari.viewer import Viewer

_STILL_PIXELS = 4
_DRAG_PIXELS = 8  # a hand that only clicks moves less
_CORNERS = 64  # of a circle as it is drawn
Point = NDArray[np.float64]
Voxel = tuple[int, int, int]


class Drawing:
    """Turns gestures on a layer into prompts, and shows those that need more than a press.

    Click: says its sign, or the other one with the right button or Ctrl; pressed inside a structure and drawn to its
    border it is a drag, which a circle shows. Line: a click adds a corner, a right click takes the last one back, a
    double click ends the line. Box: a drag draws it, a right click takes the one below the cursor away.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose canvas is drawn on.
    sketch : Sketch
        Where lines, boxes and circles are shown.
    shape_zyx : tuple of int
        Voxels of the image.
    tools : Tools
        What the user has in hand.
    on_click : callable
        Called with the voxel that was clicked, and whether the other sign is meant (Ctrl+click and right click).
    on_drag : callable
        Called with the voxel where a drag began, and its length in mm.
    on_line : callable
        Called with the corners of a finished line, (N, 3) voxels, not necessarily whole.
    on_box : callable
        Called with first voxel, last voxel and axis of a finished box.
    on_take_away : callable
        Called with the voxel below the cursor, and the axis across which the slice is shown.
    """

    def __init__(
        self,
        viewer: Viewer,
        sketch: Sketch,
        shape_zyx: tuple[int, int, int],
        tools: Tools,
        on_click: Callable[[Voxel, bool], object],
        on_drag: Callable[[Voxel, float], object],
        on_line: Callable[[Point], object],
        on_box: Callable[[Voxel, Voxel, int], object],
        on_take_away: Callable[[Voxel, int], object],
    ) -> None:
        self._viewer, self._sketch, self._tools = viewer, sketch, tools
        self._last = np.array(shape_zyx) - 1
        self._on_click, self._on_drag = on_click, on_drag
        self._on_line, self._on_box, self._on_take_away = on_line, on_box, on_take_away
        self._tool = tools.tool
        self._held = False  # the button is down, and what it draws was not given up
        self._panning = False
        self._corners: list[Point] = []
        self._cursor: Point | None = None
        self._drag: tuple[Point, Point] | None = None
        self._circle: tuple[Point, float] | None = None
        self._view: tuple[float, Any] = (1.0, None)
        self._boxes: Sequence[tuple[BoxPrompt, str]] = ()
        self._layer: Points | None = None
        tools.changed.connect(self._tools_changed)

    def attach(self, layer: Points) -> None:
        """Listen to gestures on this layer, and on no other any more."""
        if layer is not self._layer:
            self.detach()
            self._layer = layer
            layer.mouse_drag_callbacks.append(self._pressed)
            layer.mouse_move_callbacks.append(self._moved)
            layer.mouse_double_click_callbacks.append(self._double_clicked)
        self._panning = False
        layer.mouse_pan = self._tools.tool != "box"

    def detach(self) -> None:
        """Stop listening to the layer."""
        if self._layer is not None:
            self._layer.mouse_drag_callbacks.remove(self._pressed)
            self._layer.mouse_move_callbacks.remove(self._moved)
            self._layer.mouse_double_click_callbacks.remove(self._double_clicked)
            self._layer = None

    def close(self) -> None:
        """Stop listening and take away what is drawn."""
        self._tools.changed.disconnect(self._tools_changed)
        self.give_up()
        self.detach()
        self._sketch.clear()

    def _tools_changed(self) -> None:
        """Forget what is being drawn with a tool that was put down; a line takes the colour of its sign."""
        if self._tools.tool != self._tool:
            self._tool = self._tools.tool
            self.give_up()
        elif self.under_way:
            self._show()

    @property
    def under_way(self) -> bool:
        """Whether a line, a box or a circle is being drawn."""
        return bool(self._corners) or self._drag is not None or self._circle is not None

    def finish(self) -> None:
        """End the line that is being drawn, if there is one."""
        corners, self._corners, self._cursor = self._corners, [], None
        if corners:
            self._show()
            self._on_line(np.array(corners))

    def give_up(self) -> None:
        """Forget what is being drawn, and what the button that is down was about to say."""
        self._held = False
        if self.under_way:
            self._corners, self._cursor, self._drag, self._circle = [], None, None, None
            self._show()

    def pan(self) -> Iterator[None]:
        """Let a drag pan the view, as in the rest of napari, until this goes on."""
        layer, mode = self._layer, self._layer.mode
        self.give_up()
        self._panning = True
        layer.mode, layer.mouse_pan = "pan_zoom", True
        yield
        self._panning = False
        layer.mode = mode
        if str(mode) == "pan_zoom":
            layer.mouse_pan = self._tools.tool != "box"

    # --- gestures -----------------------------------------------------------------------------------------------

    def _pressed(self, layer: Points, event: Any) -> Iterator[None]:
        if self._panning or str(layer.mode) != "pan_zoom" or self._viewer.dims.ndisplay != 2:
            return
        gesture = {"click": self._press_of_click, "line": self._press_of_line, "box": self._press_of_box}
        if (press := gesture.get(self._tools.tool)) is not None:
            self._held = True
            yield from press(layer, event)
            self._held = False

    def _press_of_click(self, layer: Points, event: Any) -> Iterator[None]:
        """Tell a click from a drag; what lies outside reaches nowhere, and the right button zooms when it moves."""
        right, start, first = event.button == 2, np.array(event.pos), self._voxel(layer, event)
        swapped = right or "Control" in event.modifiers
        layer.mouse_pan, reach, still = right, 0.0, True
        yield
        while event.type == "mouse_move":
            still &= _near(event.pos, start)
            drags = not right and self._tools.inside != swapped and not _near(event.pos, start, _DRAG_PIXELS)
            reach = self._distance_mm(layer, event, first) if drags else 0.0
            self._show_circle(first, reach)
            yield
        layer.mouse_pan = True
        self._show_circle(first, 0.0)
        if not self._held or (right and not still) or not self._hits(first):
            return
        if reach:
            self._on_drag(_whole(first), reach)
        else:
            self._on_click(_whole(first), swapped)

    def _show_circle(self, centre: Point, reach_mm: float) -> None:
        """Draw how far a drag reaches; none where it reaches nowhere or was given up."""
        circle = (centre, reach_mm) if reach_mm and self._held else None
        if circle is not None or self._circle is not None:
            self._circle = circle
            self._show()

    def _distance_mm(self, layer: Points, event: Any, first: Point) -> float:
        """Return how far the mouse is from a point, with as many digits as a hand can tell."""
        away = (self._voxel(layer, event) - first) * np.asarray(layer.scale)[-3:]
        return float(f"{np.linalg.norm(away):.4g}")

    def _hits(self, point: Point) -> bool:
        return bool(((np.rint(point) >= 0) & (np.rint(point) <= self._last)).all())

    def _press_of_line(self, layer: Points, event: Any) -> Iterator[None]:
        view = camera(self._viewer)
        self._view = (view.zoom, view.center)
        back, start, still = event.button == 2, np.array(event.pos), True
        yield
        while event.type == "mouse_move":
            still &= _near(event.pos, start)
            yield
        if still and back:
            del self._corners[-1:]
        elif still:
            self._corners.append(self._voxel(layer, event))
        self._show()

    def _press_of_box(self, layer: Points, event: Any) -> Iterator[None]:
        right, start, first = event.button == 2, np.array(event.pos), self._voxel(layer, event)
        yield
        while event.type == "mouse_move":
            if self._held and not right and (self._drag is not None or not _near(event.pos, start)):
                self._drag = (first, self._voxel(layer, event))
                self._show()
            yield
        if self._drag is not None:
            self._drag = (first, self._voxel(layer, event))
            self._end_box()
        elif right and _near(event.pos, start):
            self._on_take_away(_whole(first), self._axis())

    def _end_box(self) -> None:
        ends, self._drag = np.array(self._drag), None
        self._show()
        low, high = np.rint(ends.min(axis=0)), np.rint(ends.max(axis=0))
        if ((high >= 0) & (low <= self._last)).all():
            self._on_box(_whole(np.clip(low, 0, self._last)), _whole(np.clip(high, 0, self._last)), self._axis())

    def _moved(self, layer: Points, event: Any) -> None:
        if self._corners and self._tools.tool == "line":
            self._cursor = self._voxel(layer, event)
            self._show()

    def _double_clicked(self, layer: Points, event: Any) -> None:
        if self._tools.tool != "line" or not self._corners:
            return
        # napari zooms at a double click; here it ends the line, so the view goes back
        view = camera(self._viewer)
        view.zoom, view.center = self._view
        self.finish()

    def _voxel(self, layer: Points, event: Any) -> Point:
        return np.asarray(layer.world_to_data(event.position), dtype=float)[-3:]

    # --- the view -----------------------------------------------------------------------------------------------

    def show_with(self, boxes: Sequence[tuple[BoxPrompt, str]]) -> None:
        """Draw those boxes, each with its colour, that lie in the shown slice, and what is being drawn."""
        self._boxes = boxes
        self._show()

    def _show(self) -> None:
        self._sketch.show(self._outlines() if self._viewer.dims.ndisplay == 2 else ())

    def _outlines(self) -> list[Outline]:
        if not self._boxes and not self.under_way:
            return []
        axis = self._axis()
        plane = float(self._sketch.where()[axis])
        shown = [each for each in self._boxes if each[0].axis == axis and each[0].plane == round(plane)]
        outlines = [_rectangle(box.first_zyx, box.last_zyx, axis, plane, colour) for box, colour in shown]
        if self._drag is not None:
            ends = np.rint(self._drag)
            outlines.append(_rectangle(ends.min(axis=0), ends.max(axis=0), axis, plane, INSIDE_COLOUR))
        if self._circle is not None and round(self._circle[0][axis]) == round(plane):
            voxel = np.rint(self._circle[0])
            outlines += [_rectangle(voxel, voxel, axis, plane, INSIDE_COLOUR), self._circle_outline(axis, plane)]
        return [*outlines, *self._line(axis, plane)]

    def _circle_outline(self, axis: int, plane: float) -> Outline:
        """Return the circle of a drag, round in mm."""
        centre, reach_mm = self._circle
        turns = np.linspace(0, 2 * np.pi, _CORNERS + 1)
        points = np.tile(centre, (_CORNERS + 1, 1))
        one, other = (each for each in range(3) if each != axis)
        for each, wave in ((one, np.sin), (other, np.cos)):
            points[:, each] += reach_mm / self._layer.scale[each - 3] * wave(turns)
        points[:, axis] = plane
        return Outline("path", points, INSIDE_COLOUR)

    def _line(self, axis: int, plane: float) -> list[Outline]:
        """Return the line so far, laid into the shown slice, and a mark at each corner."""
        if not self._corners:
            return []
        colour = INSIDE_COLOUR if self._tools.inside else OUTSIDE_COLOUR
        path = np.array(self._corners if self._cursor is None else [*self._corners, self._cursor])
        path[:, axis] = plane
        marks = [_rectangle(corner, corner, axis, plane, colour) for corner in path[: len(self._corners)]]
        return [*marks, Outline("path", path, colour)] if np.ptp(path, axis=0).any() else marks

    def _axis(self) -> int:
        """Return the axis across which the slice is shown."""
        dims = self._viewer.dims
        displayed = {axis - (dims.ndim - 3) for axis in dims.displayed}
        return next(axis for axis in range(3) if axis not in displayed)


def _whole(point: Point) -> Voxel:
    z, y, x = np.rint(point).astype(int).tolist()
    return z, y, x


def _near(position: Any, start: NDArray[Any], pixels: int = _STILL_PIXELS) -> bool:
    return bool(np.abs(np.array(position) - start).max() <= pixels)


def _rectangle(first: Any, last: Any, axis: int, plane: float, colour: str) -> Outline:
    """Return the outline of whole voxels from the first to the last."""
    low, high = np.array(first, dtype=float) - 0.5, np.array(last, dtype=float) + 0.5
    low[axis] = high[axis] = plane
    one, other = (each for each in range(3) if each != axis)
    corners = np.tile(low, (4, 1))
    corners[1:3, one] = high[one]
    corners[2:, other] = high[other]
    return Outline("rectangle", corners, colour)

"""Prompts of the case on screen: drawn on the canvas, kept in its history."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ..guidance.boxes import BoxPrompt
from ..guidance.clicks import Click
from ..guidance.drags import DragPrompt
from ..guidance.lines import clicks_along
from ..guidance.prompts import Prompt, boxes_in, click_of
from .drawing import Drawing
from .history import Entry
from .sketch import Sketch
from .theme import class_colour

if TYPE_CHECKING:
    from napari.layers import Points

    from .case import OpenCase

BESIDE_BOX = (
    "A click beside a box was not taken: the box says that nothing of the structure is there. Take the box away with a "
    "right click in it (Box tool), or draw a wider one."
)
SHORT_LINE = (
    "The line lies within one axial slice, so it is one click. Drawn in a sagittal or coronal view (Ctrl+E turns the "
    "view) it clicks in every slice that it crosses."
)


class DrawnPrompts:
    """What clicks, drags, lines and boxes do to one case.

    Parameters
    ----------
    case : OpenCase
        The case.
    below_clicks : callable
        Returns a context in which an added layer goes below the clicks.
    """

    def __init__(self, case: OpenCase, below_clicks: Callable[[], AbstractContextManager[None]]) -> None:
        self._case = case
        self._shape = case.volume.geometry.shape_zyx
        sketch = Sketch(case.viewer, case.image, below_clicks)
        self.drawing = Drawing(
            case.viewer,
            sketch,
            self._shape,
            case.tools,
            self._clicked,
            self.add_drag,
            self.add_line,
            self.add_box,
            self.take_box_away,
        )

    def take_in_hand(self, layer: Points) -> None:
        """Let the tool in hand be used over this layer."""
        self.drawing.attach(layer)

    def _clicked(self, voxel_zyx: tuple[int, int, int], swapped: bool) -> None:
        self._case.add_click(voxel_zyx, self._case.tools.inside != swapped)

    def add_drag(self, voxel_zyx: tuple[int, int, int], reach_mm: float) -> Entry | None:
        """Say where the class in hand is and how far it reaches from there; None where a box says the contrary."""
        return self.add((DragPrompt(voxel_zyx, reach_mm, self._case.chosen.value),), "drag")

    def add_line(self, corners: NDArray[Any]) -> Entry | None:
        """Click once in every axial slice that a line, (N, 3) voxels, crosses: one step, answered once."""
        case = self._case
        clicks = clicks_along(corners, self._shape, case.chosen.value, inside=case.tools.inside)
        if len(clicks) == 1:
            case.said.emit(SHORT_LINE)
        return self.add(clicks, "line")

    def add(self, new: tuple[Click | DragPrompt, ...], what: str = "click") -> Entry | None:
        """Add clicks or drags as one step, but none that a box says the contrary of; None if none is left."""
        prompts = self._case.history.prompts
        fitting = tuple(each for each in new if not any(box.refuses(click_of(each)) for box in boxes_in(prompts)))
        if len(fitting) < len(new):
            self._case.said.emit(BESIDE_BOX)
        return self._case.say((*prompts, *fitting), what) if fitting else None

    def add_box(self, first_zyx: tuple[int, int, int], last_zyx: tuple[int, int, int], axis: int) -> Entry:
        """Say where in its slice the class in hand lies; what contradicts that there, earlier boxes too, is dropped."""
        case = self._case
        box = BoxPrompt(first_zyx, last_zyx, axis, case.chosen.value)
        return case.say((*(each for each in case.history.prompts if not _contradict(box, each)), box), "box")

    def take_box_away(self, voxel_zyx: tuple[int, int, int], axis: int) -> None:
        """Take away the newest box that holds this voxel of the slice across an axis."""
        prompts = self._case.history.prompts
        below = [box for box in boxes_in(prompts) if box.axis == axis and box.holds(voxel_zyx)]
        if below:
            self._case.say(tuple(each for each in prompts if each != below[-1]), "box")

    def show(self) -> None:
        """Draw the boxes of the shown slice, and what is being drawn."""
        case = self._case
        if case.closed or case.image not in case.viewer.layers:
            return
        places = {each.value: place for place, each in enumerate(case.classes)}
        boxes = boxes_in(case.history.prompts)
        self.drawing.show_with([(box, class_colour(places.get(box.label, 0))) for box in boxes])

    def close(self) -> None:
        """Stop listening and take the drawing away."""
        self.drawing.close()


def _contradict(box: BoxPrompt, other: Prompt) -> bool:
    if isinstance(other, BoxPrompt):
        return (box.axis, box.plane, box.label) == (other.axis, other.plane, other.label)
    return box.refuses(click_of(other))

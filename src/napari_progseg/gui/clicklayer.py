"""Clicks on the canvas: a points layer that takes them and shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..guidance.clicks import Click
from ..guidance.prompts import Prompt, clicks_in
from .layers import PREFIX, spatial_kwargs
from .theme import INSIDE_COLOUR, OUTSIDE_COLOUR

if TYPE_CHECKING:
    from napari.layers import Layer, Points
    from napari.viewer import Viewer

_STILL_PIXELS = 4
_ON_SCREEN_PIXELS = (13, 17)
_PAST_TENSE = ("added", "removed", "changed")


class ClickLayer:
    """Shows the clicks of a case and reports new ones.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layer is added.
    image : Layer
        The image whose space the clicks share.
    shape_zyx : tuple of int
        Voxels of the image; clicks outside are ignored.
    on_click : callable
        Called with (voxel_zyx, swapped); swapped is True for Ctrl+click and right click.
    on_edit : callable
        Called with the clicks and boxes that are left when the user edits the points with napari's own tools. The point
        in the middle of a box stands for the box: moved away, it is a click of its own.
    handed : napari.layers.Points or None
        A layer that is there already, of another image.
    """

    def __init__(
        self,
        viewer: Viewer,
        image: Layer,
        shape_zyx: tuple[int, int, int],
        on_click: Callable[[tuple[int, int, int], bool], None],
        on_edit: Callable[[tuple[Prompt, ...]], None],
        handed: Points | None = None,
    ) -> None:
        self._viewer = viewer
        self._space = spatial_kwargs(image)
        self._shape = shape_zyx
        self._on_click = on_click
        self._on_edit = on_edit
        self._prompts: tuple[Prompt, ...] = ()
        self._writing = False
        self.new_click: tuple[bool, int] = (True, 1)
        if handed is not None:
            handed.scale, handed.visible = image.scale, True
        self.layer = self._heard(self._add() if handed is None else handed)

    def _add(self) -> Points:
        return self._viewer.add_points(
            name=PREFIX + "clicks",
            ndim=3,
            size=1,
            canvas_size_limits=_ON_SCREEN_PIXELS,
            out_of_slice_display=False,
            features=pd.DataFrame({"number": np.empty(0, int), "sign": np.empty(0, str)}),
            text={"string": "{sign}", "color": "white", "size": 9, "anchor": "center"},
            **self._space,
        )

    def _heard(self, layer: Points) -> Points:
        layer.mouse_drag_callbacks.append(self._pressed)
        layer.events.data.connect(self._edited)
        return layer

    def ensure(self) -> Points:
        """Return the layer, added again if the user removed it."""
        if self.layer not in self._viewer.layers:
            self.layer = self._heard(self._add())
            self.show(self._prompts)
        return self.layer

    def show(self, prompts: Sequence[Prompt]) -> None:
        """Draw clicks, and boxes by their middle: inside a green disc with a plus, outside a vermillion square."""
        self._prompts = tuple(prompts)
        clicks = clicks_in(prompts)
        if self.layer not in self._viewer.layers:
            return
        self._writing = True
        try:
            self.layer.selected_data = set()
            self.layer.data = np.array([click.voxel_zyx for click in clicks], dtype=float).reshape(-1, 3)
            self.layer.features = pd.DataFrame(
                {"number": range(len(clicks)), "sign": ["+" if click.inside else "×" for click in clicks]}
            )
            if clicks:
                self.layer.symbol = ["disc" if click.inside else "square" for click in clicks]
                colours = [INSIDE_COLOUR if click.inside else OUTSIDE_COLOUR for click in clicks]
                # where the size on screen is limited, vispy draws a wide border, so it has the same colour
                self.layer.face_color = self.layer.border_color = colours
                self.layer.size = 1
        finally:
            self._writing = False

    def disconnect(self) -> None:
        """Stop listening."""
        self.layer.events.data.disconnect(self._edited)
        if self._pressed in self.layer.mouse_drag_callbacks:
            self.layer.mouse_drag_callbacks.remove(self._pressed)

    def _pressed(self, layer: Points, event: Any) -> Iterator[None]:
        """Tell a click from a drag: drags stay with napari (pan, zoom)."""
        if str(layer.mode) != "pan_zoom":
            return
        swapped = event.button == 2 or "Control" in event.modifiers
        start = np.array(event.pos)
        still = True
        yield
        while event.type == "mouse_move":
            still &= bool(np.abs(np.array(event.pos) - start).max() <= _STILL_PIXELS)
            yield
        if still and self._viewer.dims.ndisplay == 2:
            voxel = np.round(layer.world_to_data(event.position)).astype(int)
            if np.all(voxel >= 0) and np.all(voxel < self._shape):
                self._on_click(tuple(int(index) for index in voxel), swapped)  # type: ignore[arg-type]

    def _edited(self, event: Any) -> None:
        action = str(getattr(event, "action", ""))
        if self._writing or action not in _PAST_TENSE:
            return
        added = {index % len(self.layer.data) for index in event.data_indices} if action == "added" else set()
        inside, label = self.new_click
        prompts: list[Prompt] = []
        shown = clicks_in(self._prompts)
        for row, (voxel, number) in enumerate(zip(self.layer.data, self.layer.features["number"], strict=True)):
            place = tuple(int(index) for index in np.clip(np.round(voxel), 0, np.array(self._shape) - 1))
            old = None if row in added else shown[int(number)]
            click = Click(place, old.inside if old else inside, old.label if old else label)
            prompts.append(self._prompts[int(number)] if click == old else click)
        self._on_edit(tuple(prompts))

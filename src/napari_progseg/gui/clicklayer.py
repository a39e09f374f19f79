"""Clicks on the canvas: the points layer that shows them, and over which the tools are used."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

_ON_SCREEN_PIXELS = (13, 17)
_PAST_TENSE = ("added", "removed", "changed")


class ClickLayer:
    """Shows the clicks of a case.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layer is added.
    image : Layer
        The image whose space the clicks share.
    shape_zyx : tuple of int
        Voxels of the image.
    on_edit : callable
        Called with the prompts that are left when the user edits the points with napari's own tools. The point in the
        middle of a box stands for the box, the one where a drag began for the drag: moved away, it is a click.
    handed : napari.layers.Points or None
        A layer that is there already, of another image.
    """

    def __init__(
        self,
        viewer: Viewer,
        image: Layer,
        shape_zyx: tuple[int, int, int],
        on_edit: Callable[[tuple[Prompt, ...]], None],
        handed: Points | None = None,
    ) -> None:
        self._viewer = viewer
        self._space = spatial_kwargs(image)
        self._shape = shape_zyx
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
        layer.events.data.connect(self._edited)
        return layer

    def ensure(self) -> Points:
        """Return the layer, added again if the user removed it."""
        if self.layer not in self._viewer.layers:
            self.layer = self._heard(self._add())
            self.show(self._prompts)
        return self.layer

    def show(self, prompts: Sequence[Prompt]) -> None:
        """Draw the click of each prompt: inside a green disc with a plus, outside a vermillion square."""
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

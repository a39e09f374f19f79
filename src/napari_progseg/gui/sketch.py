"""What is drawn over the shown slice: the boxes that stand in it, and the line, box or circle under the user's hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from .layers import PREFIX, spatial_kwargs

if TYPE_CHECKING:
    from napari.layers import Layer, Shapes
    from napari.viewer import Viewer

_WIDTH_PIXELS = 2.5


@dataclass(frozen=True, eq=False)
class Outline:
    """A line, a box or a circle as it is drawn.

    Parameters
    ----------
    kind : {"path", "rectangle"}
        A path joins its points, a rectangle its four corners.
    points : ndarray, (N, 3)
        Voxels (z, y, x), not necessarily whole, in the shown slice.
    colour : str
        ``#rrggbb``.
    """

    kind: Literal["path", "rectangle"]
    points: NDArray[np.float64]
    colour: str


class Sketch:
    """A layer of outlines; there only while there is something to show.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layer is added.
    image : Layer
        The image whose space the outlines share.
    below_clicks : callable
        Returns a context in which an added layer goes below the clicks.
    """

    def __init__(self, viewer: Viewer, image: Layer, below_clicks: Callable[[], AbstractContextManager[None]]) -> None:
        self._viewer, self._image = viewer, image
        self._below_clicks = below_clicks
        self.layer: Shapes | None = None

    def show(self, outlines: Sequence[Outline]) -> None:
        """Draw these outlines in place of the former ones."""
        if not outlines:
            self.clear()
            return
        if self.layer is None or self.layer not in self._viewer.layers:
            self._add()
        self.layer.data = []
        self.layer.add(
            [outline.points for outline in outlines],
            shape_type=[outline.kind for outline in outlines],
            edge_color=[outline.colour for outline in outlines],
            face_color="transparent",
            edge_width=self._width(),
        )

    def _add(self) -> None:
        from napari.layers import Shapes

        # known before it is added: adding it moves the view for a moment, which draws again
        self.layer = Shapes(ndim=3, name=PREFIX + "drawing", **spatial_kwargs(self._image))
        self.layer.editable = False
        with self._below_clicks():
            self._viewer.add_layer(self.layer)

    def _width(self) -> float:
        """Return the width of a line in voxels; where those are not square it is right on average only."""
        dims = self._viewer.dims
        sides = [self._image.scale[axis - (dims.ndim - 3)] for axis in dims.displayed[-2:]]
        return float(_WIDTH_PIXELS / camera(self._viewer).zoom / np.sqrt(np.prod(sides)))

    def where(self) -> NDArray[np.float64]:
        """Return the point that the view shows, (z, y, x) in voxels."""
        return np.asarray(self._image.world_to_data(self._viewer.dims.point[-3:]), dtype=float)

    def clear(self) -> None:
        """Take the layer away."""
        if self.layer is not None and self.layer in self._viewer.layers:
            self._viewer.layers.remove(self.layer)
        self.layer = None


def camera(viewer: Viewer) -> Any:
    """Return the camera of a viewer, also of napari before 0.9."""
    return getattr(viewer, "scene", viewer).camera

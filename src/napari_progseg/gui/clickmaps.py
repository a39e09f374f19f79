"""Click maps as the network sees them, drawn for the shown slice only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import Colormap
from numpy.typing import NDArray

from ..guidance.clicks import Click
from .compare import shown_region
from .layers import PREFIX, spatial_kwargs
from .theme import INSIDE_COLOUR, OUTSIDE_COLOUR

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.viewer import Viewer

_REACH_SIGMAS = 4.0
_MOST_VOXELS_IN_3D = 4_000_000


def drawn_map(
    clicks: Sequence[Click],
    region: tuple[slice, slice, slice],
    spacing_zyx_mm: Sequence[float],
    sigma_mm: float,
) -> NDArray[np.uint8]:
    """Draw the Gaussians of clicks in a region, joined by maximum.

    Parameters
    ----------
    clicks : sequence of Click
        Clicks of one kind.
    region : tuple of three slices
        Part of the volume, (z, y, x), with explicit bounds.
    spacing_zyx_mm : sequence of float
        Voxel size.
    sigma_mm : float
        Width of a click.

    Returns
    -------
    ndarray of uint8
        255 at a click, in the region's shape.
    """
    result = np.zeros(tuple(part.stop - part.start for part in region), dtype=np.uint8)
    reach = [int(_REACH_SIGMAS * sigma_mm / spacing + 0.5) for spacing in spacing_zyx_mm]
    for click in clicks:
        profiles, places = [], []
        for part, centre, spacing, far in zip(region, click.voxel_zyx, spacing_zyx_mm, reach, strict=True):
            first, last = max(part.start, centre - far), min(part.stop, centre + far + 1)
            profiles.append(np.exp(-0.5 * ((np.arange(first, last) - centre) * spacing / sigma_mm) ** 2))
            places.append(slice(first - part.start, max(first, last) - part.start))
        if all(len(profile) for profile in profiles):
            drawn = np.einsum("i,j,k->ijk", *profiles) * 255
            box = tuple(places)
            result[box] = np.maximum(result[box], drawn.astype(np.uint8))
    return result


class ClickMaps:
    """Two additive image layers, inside and outside, that follow the shown slice."""

    def __init__(
        self,
        viewer: Viewer,
        image: Layer,
        shape_zyx: tuple[int, int, int],
        below_clicks: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._viewer = viewer
        self._image = image
        self._shape = shape_zyx
        self._below_clicks = below_clicks
        self._space: dict[str, Any] = spatial_kwargs(image)
        self._layers: dict[bool, Image] = {}

    def show(self, clicks: Sequence[Click], sigma_mm: float) -> None:
        """Draw the maps of these clicks where the view is."""
        region = self._region()
        for inside in (True, False):
            kind = [click for click in clicks if click.inside is inside]
            drawn = drawn_map(kind, region, self._space["scale"], sigma_mm)
            corner = [part.start * step for part, step in zip(region, self._space["scale"], strict=True)]
            self._place(inside, drawn, np.array(corner) + self._space["translate"])

    def hide(self) -> None:
        """Take the layers away."""
        for layer in self._layers.values():
            if layer in self._viewer.layers:
                self._viewer.layers.remove(layer)
        self._layers.clear()

    def _region(self) -> tuple[slice, slice, slice]:
        dims = self._viewer.dims
        point = np.round(self._image.world_to_data(dims.point[-3:])).astype(int)
        region = shown_region(point, [axis - (dims.ndim - 3) for axis in dims.displayed], self._shape)
        if np.prod([part.stop - part.start for part in region]) > _MOST_VOXELS_IN_3D:
            return shown_region(point, (1, 2), self._shape)
        return region

    def _place(self, inside: bool, drawn: NDArray[np.uint8], translate: NDArray[np.float64]) -> None:
        layer = self._layers.get(inside)
        if layer is not None and layer in self._viewer.layers:
            layer.data = drawn
            layer.translate = translate
            return
        colour = INSIDE_COLOUR if inside else OUTSIDE_COLOUR
        with self._below_clicks():
            self._layers[inside] = self._viewer.add_image(
                drawn,
                name=PREFIX + ("inside map" if inside else "outside map"),
                colormap=Colormap(["#00000000", colour], name=f"progseg {colour}"),
                blending="additive",
                contrast_limits=(0, 255),
                **{**self._space, "translate": translate},
            )

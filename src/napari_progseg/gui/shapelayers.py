"""The layers of a predicted shape: points, surface, its outline in the shown slice, and the mask of the mask head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import Colormap, DirectLabelColormap
from numpy.typing import NDArray

from ..shape.frame import to_voxels
from . import layers
from .layers import PREFIX, spatial_kwargs
from .shaped import Form, Shaped, outline
from .sketch import camera
from .sliceguide import shown_slice

if TYPE_CHECKING:
    from napari.layers import Labels, Layer, Points, Surface, Vectors

    from .case import OpenCase

_VIEW_EVENTS = ("current_step", "order", "ndisplay")
_POINT_SHARE = 0.4  # of the mean distance between neighbouring points
_POINT_MM = (0.4, 4.0)
_OUTLINE_PIXELS = 2.0


class ShapeLayers:
    """Shows one predicted shape over the image of a case, and nothing of it in the labels. Lives on the GUI thread.

    Parameters
    ----------
    case : OpenCase
        The case on screen.
    shaped : Shaped
        Its shape.
    colour : str
        Of the structure, ``#rrggbb``.
    """

    def __init__(self, case: OpenCase, shaped: Shaped, colour: str) -> None:
        self.case, self.shaped = case, shaped
        self._viewer = case.viewer
        self._vertices = self._voxels(shaped.patient.vertices)
        self._hidden: list[Layer] = []
        with layers.added_below(self._viewer, case.click_layer.layer):
            self.mask = None if shaped.mask is None else self._add_mask(shaped.mask, colour)
        with layers.added_below(self._viewer, case.click_layer.layer):
            self.surface = self._add_surface(colour)
        with layers.added_below(self._viewer, case.click_layer.layer):
            self.outline = self._add_outline(colour)
        with layers.added_below(self._viewer, case.click_layer.layer):
            self.points = self._add_points(shaped.patient.points[-1], colour)
        for event in _VIEW_EVENTS:
            getattr(self._viewer.dims.events, event).connect(self._view_moved)
        camera(self._viewer).events.zoom.connect(self._zoomed)
        self._view_moved()
        self._zoomed()

    # --- layers -------------------------------------------------------------------------------------------------

    @property
    def _all(self) -> list[Layer]:
        found = (self.mask, self.surface, self.outline, self.points)
        return [layer for layer in found if layer is not None and layer in self._viewer.layers]

    @property
    def _space(self) -> dict[str, Any]:
        return spatial_kwargs(self.case.image)

    def _voxels(self, centred: NDArray[np.float64]) -> NDArray[np.float64]:
        return to_voxels(centred, self.shaped.geometry)

    def _add_points(self, centred: NDArray[np.float64], colour: str) -> Points:
        layer = self._viewer.add_points(
            self._voxels(centred),
            name=PREFIX + "shape points",
            size=self._size(centred),
            face_color="white",
            border_color=colour,
            border_width=0.25,
            out_of_slice_display=True,
            **self._space,
        )
        layer.editable = False
        return layer

    def _size(self, centred: NDArray[np.float64]) -> float:
        """Return the size of a point in voxels, which napari takes along the last axis: small beside its neighbours."""
        low, high = centred.min(axis=0), centred.max(axis=0)
        area = np.pi * np.linalg.norm(high - low) ** 2 / 3  # roughly that of the surface
        wanted = _POINT_SHARE * np.sqrt(area / len(centred))
        return float(np.clip(wanted, *_POINT_MM) / self.shaped.geometry.spacing_zyx_mm[-1])

    def _add_surface(self, colour: str) -> Surface:
        return self._viewer.add_surface(
            (self._vertices, self.shaped.faces),
            name=PREFIX + "shape surface",
            colormap=Colormap([colour, colour], name=f"progseg {colour}"),
            contrast_limits=(0, 1),
            opacity=0.7,
            blending="translucent",
            shading="smooth",
            **self._space,
        )

    def _add_outline(self, colour: str) -> Vectors:
        return self._viewer.add_vectors(
            np.zeros((0, 2, 3)),
            ndim=3,
            name=PREFIX + "shape outline",
            edge_color=colour,
            vector_style="line",
            **self._space,
        )

    def _add_mask(self, mask: NDArray[np.uint8], colour: str) -> Labels:
        layer = self._viewer.add_labels(
            mask,
            name=PREFIX + "shape mask",
            opacity=0.35,
            colormap=DirectLabelColormap(color_dict={None: colour, 0: "transparent"}),
            **self._space,
        )
        layer.editable = False
        return layer

    # --- what is shown ------------------------------------------------------------------------------------------

    def show(self, form: Form, scale: int) -> None:
        """Show another form of the shape, with the points of one of its scales."""
        self._vertices = self._voxels(form.vertices)
        if self.points in self._viewer.layers:
            found = form.points[scale]
            self.points.data = self._voxels(found)
            self.points.editable = False  # napari sets it with the data
            if self.points.current_size != (size := self._size(self.shaped.patient.points[scale])):
                self.points.size = size
                self.points.current_size = size
        if self.surface in self._viewer.layers:
            self.surface.vertices = self._vertices
        self._draw_outline()

    def _view_moved(self, event: Any = None) -> None:
        """Show the surface in 3D alone, where napari shows it whole, and its outline in a slice."""
        if event is None or event.type == "ndisplay":
            self._turned(in_3d=self._viewer.dims.ndisplay == 3)
        self._draw_outline()

    def _turned(self, *, in_3d: bool) -> None:
        self._uncover()
        if in_3d:
            self._cover()
        for layer, visible in ((self.surface, in_3d), (self.outline, not in_3d)):
            if layer in self._viewer.layers:
                layer.visible = visible

    def _cover(self) -> None:
        """Hide what the surface would not be seen behind: in 3D masks are solid."""
        masks = (self.case.prediction_layer, self.case.labels_layer, self.mask)
        self._hidden = [layer for layer in masks if layer in self._viewer.layers and layer.visible]
        for layer in self._hidden:
            layer.visible = False

    def _uncover(self) -> None:
        """Bring back what was hidden."""
        for layer in self._hidden:
            layer.visible = True
        self._hidden = []

    def _draw_outline(self) -> None:
        if self.case.closed or self.outline not in self._viewer.layers or (shown := shown_slice(self.case)) is None:
            return
        pieces = outline(self._vertices, self.shaped.faces, shown.axis, shown.index)
        pieces[:, 1] -= pieces[:, 0]
        self.outline.data = pieces

    def _zoomed(self, event: Any = None) -> None:
        """Keep the outline as wide on the screen, whatever the zoom."""
        if self.outline in self._viewer.layers:
            side = self.shaped.geometry.spacing_zyx_mm[-1]
            self.outline.edge_width = _OUTLINE_PIXELS / camera(self._viewer).zoom / side

    def close(self) -> None:
        """Stop listening and take the layers away."""
        for event in _VIEW_EVENTS:
            getattr(self._viewer.dims.events, event).disconnect(self._view_moved)
        camera(self._viewer).events.zoom.disconnect(self._zoomed)
        self._uncover()
        for layer in self._all:
            self._viewer.layers.remove(layer)

"""The layer that shows where prediction and reference agree, computed for the shown slice only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import layers
from .box import Region
from .compare import LARGE_VOXELS, agreement

if TYPE_CHECKING:
    from napari.layers import Labels, Layer
    from napari.viewer import Viewer


class AgreementLayer:
    """Takes the place of prediction and labels while it is shown.

    Parameters
    ----------
    viewer : napari.Viewer
        Where the layer is added when it is first needed.
    image : Layer
        The image whose space it shares.
    below_clicks : callable
        Returns a context in which an added layer goes below the clicks.
    handed : napari.layers.Labels or None
        A layer that is there already, of another image.
    """

    def __init__(
        self,
        viewer: Viewer,
        image: Layer,
        below_clicks: Callable[[], AbstractContextManager[None]],
        handed: Labels | None = None,
    ) -> None:
        self._viewer, self._image, self._below_clicks = viewer, image, below_clicks
        self._values: NDArray[np.uint8] | None = None
        self._hidden: list[Layer] = []
        self.layer = handed

    @property
    def present(self) -> bool:
        """Whether the layer is in the viewer."""
        return self.layer is not None and self.layer in self._viewer.layers

    @property
    def shown(self) -> bool:
        """Whether it has taken the place of prediction and labels."""
        return bool(self._hidden)

    def show(self, predicted: NDArray[Any], reference: NDArray[Any], shown: Region, hide: Sequence[Layer]) -> None:
        """Compare a region of two label maps, (Z, Y, X), and hide the layers that would cover the result."""
        if self._viewer.dims.ndisplay == 3 and predicted.size > LARGE_VOXELS:
            return
        if self._values is None:
            # untouched planes of a zeroed array take no memory
            self._values = np.zeros(predicted.shape, np.uint8)
            if self.present:
                layers.refill(self.layer, self._values, self._image.scale)
        self._values[shown] = agreement(predicted[shown], reference[shown])
        if not self.present:
            with self._below_clicks():
                self.layer = layers.add_agreement(self._viewer, self._values, self._image)
        if not self._hidden:
            self._hidden = list(hide)
            for layer in self._hidden:
                layer.visible = False
            self.layer.visible = True
        layers.redraw(self.layer)

    def hide(self) -> None:
        """Hide the layer and bring back what it had covered."""
        if not self._hidden:
            return
        for layer in self._hidden:
            layer.visible = True
        self._hidden = []
        if self.present:
            self.layer.visible = False

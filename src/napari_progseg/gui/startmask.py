"""A mask to start from: any labels layer of the viewer, or a file, brought onto the case on screen."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .. import io
from ..classes import merged, outside, values_of
from ..errors import UserError
from ..geometry import GRID_TOLERANCE_VOXELS, Geometry
from ..io.decoded import as_labels
from ..placement import geometry_of
from ..volume import LabelClass
from .box import Box, difference

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer
    from napari.viewer import Viewer

_KEPT = "the mask on screen stays as it is"


@dataclass(frozen=True, eq=False)
class StartMask:
    """A mask to start from: class values (Z, Y, X), where it came from, what was left out, for the user; and its boxes.

    The boxes are the mask as a change of an empty volume, for the journal.
    """

    labels: NDArray[Any]
    source: str
    left_out: str
    boxes: tuple[Box, ...]


def possible_layers(viewer: Viewer, besides: Collection[Layer | None]) -> list[Labels]:
    """Return the labels layers that may hold a mask to start from, topmost first."""
    from napari.layers import Labels

    return [layer for layer in reversed(viewer.layers) if isinstance(layer, Labels) and layer not in besides]


def layer_values(layer: Labels, image: Image, geometry: Geometry) -> NDArray[Any]:
    """Return a copy of a layer's values, (Z, Y, X), if the layer lies on the voxels of an image.

    Parameters
    ----------
    layer : Labels
        Any labels layer.
    image : Image
        The layer of the case's image.
    geometry : Geometry
        The image's grid.

    Raises
    ------
    UserError
        If the layer has other axes, another size, or lies elsewhere.
    """
    fault = _fault(layer, image, geometry)
    if fault is not None:
        raise UserError(
            f"The layer “{layer.name}” {fault}; {_KEPT}. Choose a layer on the image's grid, or resample this one."
        )
    return np.array(layer.data)


def _fault(layer: Labels, image: Image, geometry: Geometry) -> str | None:
    shape = geometry.shape_zyx
    if layer.multiscale or layer.ndim != len(shape):
        return f"is not one volume of three axes like the image, which is {_size(shape)} voxels"
    if tuple(layer.data.shape) != shape:
        return f"is {_size(layer.data.shape)} voxels, the image {_size(shape)}"
    corners = np.array([(0, 0, 0), *(np.eye(3, dtype=int) * (np.array(shape) - 1))])
    apart = [np.subtract(layer.data_to_world(corner), image.data_to_world(corner)) for corner in corners]
    if (np.abs(apart) > GRID_TOLERANCE_VOXELS * np.array(geometry.spacing_zyx_mm)).any():
        return "lies elsewhere than the image, or has voxels of another size"
    own = geometry_of(layer.metadata)
    different = None if own is None else geometry.mismatch(own)
    return None if different is None else f"came from a file on another grid ({different})"


def file_values(path: Path, geometry: Geometry) -> NDArray[Any]:
    """Read a labels file on the grid of an image, (Z, Y, X).

    Raises
    ------
    UserError
        If it cannot be read as labels, or lies on another grid.
    """
    found = io.read_labels(path, like=geometry)
    if different := geometry.mismatch(found.geometry):
        raise UserError(
            f"{path.name} lies on another grid than the image: {different}; {_KEPT}. "
            "Choose a file on the image's grid, or resample this one."
        )
    return found.labels


def mask_of(values: NDArray[Any], classes: Sequence[LabelClass], source: str) -> StartMask:
    """Keep the values, (Z, Y, X), that are classes of the project, each class by its first value.

    Raises
    ------
    UserError
        If they are no label values, or no voxel holds a class.
    """
    labels = as_labels(values, f"“{source}”")
    found = values_of(labels)
    foreign = outside(found, classes)
    known = ", ".join(f"{each.name} = {'+'.join(map(str, each.values))}" for each in classes)
    if len(foreign) == len(found):
        raise UserError(
            f"“{source}” holds no voxel of a class of this project ({known}); {_KEPT}. "
            "Give its voxels these values, or choose another."
        )
    named = ", ".join(map(str, foreign))
    left_out = f"Value {named} of “{source}” is no class of this project ({known}) and was left out." if foreign else ""
    kept = np.where(np.isin(labels, foreign), 0, labels).astype(labels.dtype) if foreign else labels
    mask = merged(kept, classes)
    return StartMask(mask, source, left_out, difference(np.zeros(mask.shape, mask.dtype), mask))


def _size(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))

"""The simulated user of a whole volume: where a person would click or drag next, with distances in mm."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .clicks import Click
from .drags import DragPrompt
from .prompts import Prompt

Gesture = Literal["click", "drag"]
Mask = NDArray[np.bool_]
SMALLEST_ERROR = 5
WRONG_BY = 0.2


def first_gesture(
    reference: Mask,
    spacing_zyx_mm: tuple[float, float, float],
    label: int,
    gesture: Gesture,
    generator: np.random.Generator,
) -> Prompt | None:
    """Begin a structure at its innermost voxel.

    Parameters
    ----------
    reference : ndarray of bool, (Z, Y, X)
        What is to be marked.
    gesture : {"click", "drag"}
        A drag goes on to the farthest voxel of the structure's piece in the same axial, coronal or sagittal slice,
        whichever is longest, and is wrong by up to a fifth either way, evenly drawn.
    generator : numpy.random.Generator
        Draws how wrong a drag is.

    Returns
    -------
    Click, DragPrompt or None
        None where there is no structure.
    """
    if not reference.any():
        return None
    z, y, x = innermost_voxel(reference, spacing_zyx_mm)
    if gesture == "click":
        return Click((z, y, x), inside=True, label=label)
    far = max(_farthest(reference, (z, y, x), axis, spacing_zyx_mm) for axis in range(3))
    reach = max(far, min(spacing_zyx_mm)) * generator.uniform(1 - WRONG_BY, 1 + WRONG_BY)
    return DragPrompt((z, y, x), float(reach), label)


def next_click(marked: Mask, reference: Mask, spacing_zyx_mm: tuple[float, float, float], label: int) -> Click | None:
    """Click the innermost voxel of the largest error in 3D.

    Missing and surplus pieces (face-connected) are kept apart; those of fewer than 5 voxels are left alone.

    Returns
    -------
    Click or None
        None where there is nothing left to click.
    """
    best: tuple[int, Mask, bool] | None = None
    for error, inside in ((reference & ~marked, True), (marked & ~reference, False)):
        pieces, count = ndimage.label(error)
        if not count:
            continue
        areas = np.bincount(pieces.ravel())
        areas[0] = 0
        if areas.max() >= max(SMALLEST_ERROR, 0 if best is None else best[0] + 1):
            best = int(areas.max()), pieces == areas.argmax(), inside
    if best is None:
        return None
    return Click(innermost_voxel(best[1], spacing_zyx_mm), inside=best[2], label=label)


def innermost_voxel(mask: Mask, spacing_zyx_mm: tuple[float, float, float]) -> tuple[int, int, int]:
    """Return the voxel of a mask that lies deepest, in mm; what lies beyond the scan counts as outside."""
    found = ndimage.find_objects(mask.astype(np.uint8))[0]
    crop = np.pad(mask[found], 1)
    depth = ndimage.distance_transform_edt(crop, sampling=spacing_zyx_mm)
    z, y, x = np.unravel_index(int(depth.argmax()), crop.shape)
    corner = [part.start - 1 for part in found]
    return int(z) + corner[0], int(y) + corner[1], int(x) + corner[2]


def _farthest(
    reference: Mask, start_zyx: tuple[int, int, int], axis: int, spacing_zyx_mm: tuple[float, float, float]
) -> float:
    """Return how far the piece of a structure reaches from a voxel within the slice across an axis, in mm."""
    pieces, _ = ndimage.label(reference.take(start_zyx[axis], axis))
    centre, spacing = (np.delete(each, axis) for each in (start_zyx, spacing_zyx_mm))
    places = np.argwhere(pieces == pieces[tuple(centre)])
    return float(np.sqrt((((places - centre) * spacing) ** 2).sum(axis=1)).max())

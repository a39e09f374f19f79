"""Largest region and innermost point for masks on the CPU, sample by sample on small boxes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

# the largest depth whose squared distances, and their sums, fit into int16
_MOST_INT16_DEPTH = 120

Distances = NDArray[np.signedinteger[Any]]


def largest(kinds: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """Find the largest face-connected region of every sample over several kinds of region.

    Parameters
    ----------
    kinds : ndarray of bool, (B, N, *S)
        N masks a sample, whose regions are kept apart.

    Returns
    -------
    region : ndarray of bool, (B, *S)
        The largest region; of equal ones the first kind's, then the one whose first voxel in C order comes first.
    kind : ndarray of int64, (B,)
        Its kind, 0 to N - 1.
    area : ndarray of int64, (B,)
        Its number of voxels; 0 where the sample has no region.
    """
    batch, n_kinds, *shape = kinds.shape
    # one call for the whole batch: planes of different samples and kinds are not neighbours
    neighbours = np.zeros((3,) * (len(shape) + 1), dtype=bool)
    neighbours[1] = ndimage.generate_binary_structure(len(shape), 1)
    labels, n_labels = ndimage.label(kinds.reshape(-1, *shape), neighbours)
    areas = np.bincount(labels.ravel(), minlength=n_labels + 1)
    # labels count up in C order, so those of one sample are consecutive and the first maximum wins ties
    ends = np.maximum.accumulate(labels.reshape(batch, -1).max(axis=1))
    labels = labels.reshape(batch, n_kinds, *shape)
    region = np.zeros((batch, *shape), dtype=bool)
    kind, area = np.zeros(batch, dtype=np.int64), np.zeros(batch, dtype=np.int64)
    for sample, (begin, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
        if end > begin:
            best = begin + 1 + int(areas[begin + 1 : end + 1].argmax())
            found = labels[sample] == best
            area[sample] = areas[best]
            kind[sample] = found.reshape(n_kinds, -1).any(axis=1).argmax()
            region[sample] = found[kind[sample]]
    return region, kind, area


def innermost(masks: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Find the voxel of every mask that lies farthest from everything outside it.

    Parameters
    ----------
    masks : ndarray of bool, (B, *S)
        What lies beyond the border counts as outside.

    Returns
    -------
    points : ndarray of int64, (B, D)
        Of equal ones the first in C order; 0 where the mask is empty.
    found : ndarray of bool, (B,)
        False where the mask is empty.
    """
    points = np.zeros((len(masks), masks.ndim - 1), dtype=np.int64)
    found = np.zeros(len(masks), dtype=bool)
    for sample, mask in enumerate(masks):
        box = _bounding_box(mask)
        if box is not None:
            distances = squared_distances(mask[box])
            deepest = np.unravel_index(int(distances.argmax()), distances.shape)
            points[sample] = [side.start + index for side, index in zip(box, deepest, strict=True)]
            found[sample] = True
    return points, found


def squared_distances(mask: NDArray[np.bool_]) -> Distances:
    """Measure the exact squared Euclidean distance of every voxel to the nearest one outside the mask.

    Integer arithmetic along one axis after the other, 2 to 7 times faster in 3D than scipy's transform, whose feature
    indices are not needed here.

    Parameters
    ----------
    mask : ndarray of bool, S
        What lies beyond the border counts as outside.

    Returns
    -------
    ndarray of int16 or int32, S
        Squared distances in voxels; 0 outside the mask.
    """
    depth = _depth_along_last(np.pad(mask, 1))
    deepest = int(depth.max())
    squared: Distances = np.square(depth.astype(np.int16 if deepest <= _MOST_INT16_DEPTH else np.int32))
    for axis in range(mask.ndim - 2, -1, -1):
        # along the first axis of contiguous memory a shift is one long run
        along = np.ascontiguousarray(np.moveaxis(squared, axis, 0))
        squared = np.moveaxis(_lowered(along), 0, axis)
    return squared[(slice(1, -1),) * mask.ndim]


def _depth_along_last(padded: NDArray[np.bool_]) -> NDArray[np.int32]:
    n = padded.shape[-1]
    index = np.arange(n, dtype=np.int32)
    before = np.maximum.accumulate(np.where(padded, 0, index), axis=-1)
    after = np.minimum.accumulate(np.where(padded, n - 1, index)[..., ::-1], axis=-1)[..., ::-1]
    return np.asarray(np.minimum(index - before, after - index), dtype=np.int32)


def _lowered(squared: Distances) -> Distances:
    """Lower each value to the least of its line's values plus the squared distance, along axis 0."""
    result = squared.copy()
    # a step farther than the greatest depth cannot lower anything
    for step in range(1, min(math.isqrt(int(squared.max())), len(squared) - 1) + 1):
        raised = squared + squared.dtype.type(step * step)
        np.minimum(result[step:], raised[:-step], out=result[step:])
        np.minimum(result[:-step], raised[step:], out=result[:-step])
    return result


def _bounding_box(mask: NDArray[np.bool_]) -> tuple[slice, ...] | None:
    box = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        occupied = np.flatnonzero(mask.any(axis=others))
        if len(occupied) == 0:
            return None
        box.append(slice(int(occupied[0]), int(occupied[-1]) + 1))
    return tuple(box)


def at(masks: NDArray[np.bool_], starts: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Find the face-connected region of every mask that holds a voxel.

    Parameters
    ----------
    masks : ndarray of bool, (B, *S)
        Masks.
    starts : ndarray of int64, (B,)
        One voxel each, as an index in C order.

    Returns
    -------
    ndarray of bool, (B, *S)
        Empty where the voxel is not in the mask.
    """
    out = np.zeros_like(masks)
    for sample, (mask, start) in enumerate(zip(masks, starts, strict=True)):
        if mask.flat[start]:
            labels, _ = ndimage.label(mask)
            out[sample] = labels == labels.flat[start]
    return out

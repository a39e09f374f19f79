"""Boxes of voxels, within and beside each other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..data.preprocess import Box

Start = tuple[int, int, int]


def box_of(mask: NDArray[np.bool_]) -> Box:
    """Return the smallest box that holds a mask (Z, Y, X) with at least one voxel."""
    z, y, x = ndimage.find_objects(mask.astype(np.uint8))[0]
    return z, y, x


def distinct(boxes: Iterable[Box]) -> dict[tuple[tuple[int, int], ...], Box]:
    """Return boxes by their corners, each once, in the order in which they first came."""
    return {tuple((part.start, part.stop) for part in box): box for box in boxes}


def overlap(one: Box, other: Box) -> bool:
    """Whether two boxes share a voxel."""
    return all(a.start < b.stop and b.start < a.stop for a, b in zip(one, other, strict=True))


def common_part(one: Box, other: Box) -> Box:
    """Return the voxels that two boxes share."""
    z, y, x = (slice(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(one, other, strict=True))
    return z, y, x


def inner(box: Box, window: Box) -> Box:
    """Return a box in the coordinates of a window that it overlaps."""
    z, y, x = (slice(max(b.start - w.start, 0), b.stop - w.start) for b, w in zip(box, window, strict=True))
    return z, y, x


def around(window: Box, shape: Sequence[int]) -> Box:
    """Return a window and as much again on each side of it, within a volume of that shape."""
    z, y, x = (
        slice(max(part.start - (part.stop - part.start), 0), min(part.stop + (part.stop - part.start), size))
        for part, size in zip(window, shape, strict=True)
    )
    return z, y, x


def tiles(mask: NDArray[np.bool_], size: Sequence[int]) -> Iterator[NDArray[np.float64]]:
    """Cover every connected piece of a mask with as few windows of a size as lie side by side over its extent.

    Parameters
    ----------
    mask : ndarray of bool, (Z, Y, X)
        What is to be covered.
    size : sequence of int
        Voxels of a window along each axis.

    Yields
    ------
    ndarray, (3,)
        Centre of a window that holds some of a piece, in voxels of the mask.
    """
    pieces, _ = ndimage.label(mask, np.ones((3,) * mask.ndim))
    for number, box in enumerate(ndimage.find_objects(pieces), 1):
        piece = pieces[box] == number
        counts = [math.ceil(n / most) for n, most in zip(piece.shape, size, strict=True)]
        for index in np.ndindex(*counts):
            edges = [
                (n * i // count, n * (i + 1) // count) for n, i, count in zip(piece.shape, index, counts, strict=True)
            ]
            if piece[tuple(slice(*edge) for edge in edges)].any():
                yield np.array([part.start + (a + b - 1) / 2 for part, (a, b) in zip(box, edges, strict=True)])

"""A line drawn across slices, as one click in each (proposed in the limited-data paper, section 4)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .clicks import Click


def clicks_along(
    points: ArrayLike, shape: Sequence[int], label: int, axis: int = 0, *, inside: bool = True
) -> tuple[Click, ...]:
    """Return a click for every slice that a polyline crosses.

    Parameters
    ----------
    points : array-like, (N, 3)
        Vertices in voxels (z, y, x), not necessarily whole, in the order in which they were drawn.
    shape : sequence of int
        Voxels of the image, (Z, Y, X); where the line leaves it there is no click.
    label : int
        Label value of the structure.
    axis : int
        Which axis counts slices; 0 for axial ones.
    inside : bool
        Whether the line runs through the structure, or only where it is not.

    Returns
    -------
    tuple of Click
        By slice. Where the line crosses a slice more than once, its first crossing counts.

    Raises
    ------
    ValueError
        If `points` are not finite positions.
    """
    vertices = np.asarray(points, dtype=np.float64)
    if vertices.ndim != 2 or vertices.shape[1] != 3 or not np.isfinite(vertices).all():
        raise ValueError("a line needs vertices (z, y, x)")
    first: dict[int, NDArray[np.float64]] = {}
    for begin, end in pairwise([vertices[0], *vertices]) if len(vertices) else ():
        for crossing in _crossings(begin, end, axis):
            first.setdefault(round(float(crossing[axis])), crossing)
    voxels = (np.rint(first[index]).astype(int) for index in sorted(first))
    return tuple(
        Click((int(z), int(y), int(x)), inside, label)
        for z, y, x in voxels
        if all(0 <= v < n for v, n in zip((z, y, x), shape, strict=True))
    )


def _crossings(begin: NDArray[np.float64], end: NDArray[np.float64], axis: int) -> list[NDArray[np.float64]]:
    """Return where a piece of the line meets slices, in its direction; a piece within a slice meets it at its begin."""
    low, high = sorted((begin[axis], end[axis]))
    slices = np.arange(np.ceil(low - 0.5), np.floor(high + 0.5) + 1)
    if begin[axis] > end[axis]:
        slices = slices[::-1]
    length = end[axis] - begin[axis]
    shares = np.clip((slices - begin[axis]) / length, 0, 1) if length else np.zeros(len(slices))
    met = begin + shares[:, None] * (end - begin)
    met[:, axis] = slices
    return list(met)

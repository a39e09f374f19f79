"""Voxels counted in every slice along each axis, kept up to date box by box; knows neither Qt nor napari."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class SliceCounts:
    """How many voxels of a mask lie in each slice.

    Parameters
    ----------
    shape_zyx : sequence of int
        Shape of the volume.

    Attributes
    ----------
    along : tuple of three ndarray of int64
        One number a slice, for slices along z, y and x.
    """

    def __init__(self, shape_zyx: Sequence[int]) -> None:
        self.along = tuple(np.zeros(size, np.int64) for size in shape_zyx)

    def add(self, mask: NDArray[Any], start_zyx: Sequence[int], sign: int = 1) -> None:
        """Count a box of the mask, (z, y, x) bool, that begins at a voxel; sign -1 takes it out again."""
        for counts, start, size, index in zip(self.along, start_zyx, mask.shape, np.nonzero(mask), strict=True):
            counts[start : start + size] += sign * np.bincount(index, minlength=size)


class SliceErrors:
    """Missed and extra voxels and those of the reference, in every slice; `compare.agreement` says which is which."""

    def __init__(self, shape_zyx: Sequence[int]) -> None:
        self.missed, self.extra, self.reference = (SliceCounts(shape_zyx) for _ in range(3))

    def add(self, predicted: NDArray[Any], reference: NDArray[Any], start_zyx: Sequence[int], sign: int = 1) -> None:
        """Count the errors of a box, (z, y, x) label values, that begins at a voxel; sign -1 takes them out again."""
        wrong = predicted != reference
        nothing = predicted == 0
        self.missed.add(wrong & nothing, start_zyx, sign)
        self.extra.add(wrong & ~nothing, start_zyx, sign)


def shares(counts: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Relate the counts of slices, (N,), to the size of the structure there.

    Where the structure is small or absent, half its median size stands in, so that a few voxels at its tip do not
    look worse than a slice that is wrong throughout.
    """
    held = sizes[sizes > 0]
    least = float(np.median(held)) / 2 if len(held) else 1.0
    return counts / np.maximum(sizes, max(least, 1.0))

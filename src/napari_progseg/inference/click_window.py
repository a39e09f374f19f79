"""Cubic windows of any scale out of a scan, and what was found in them back onto its voxels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..data.preprocess import Box

Array = NDArray[np.float32]


@dataclass(frozen=True)
class ClickWindow:
    """A cube of `size` voxels a side, `step_mm` apart, wherever it lies in a scan.

    Parameters
    ----------
    centre_zyx : tuple of float
        Its middle, in voxels of the scan.
    step_mm : float
        Distance of its voxels, alike along all axes.
    spacing_zyx_mm : tuple of float
        Of the scan.
    size : int
        Voxels a side.
    """

    centre_zyx: tuple[float, float, float]
    step_mm: float
    spacing_zyx_mm: tuple[float, float, float]
    size: int

    @property
    def ratio(self) -> NDArray[np.float64]:
        """Voxels of the scan per voxel of the window, along each axis."""
        return self.step_mm / np.array(self.spacing_zyx_mm)

    @property
    def side_mm(self) -> float:
        """Length of a side."""
        return self.step_mm * self.size

    def moved_into(self, shape_zyx: Sequence[int]) -> ClickWindow:
        """Return the window moved so that no more of it than need be lies beyond a scan of `shape_zyx` voxels."""
        half = (self.size - 1) / 2 * self.ratio
        last = np.array(shape_zyx) - 1
        low, high = np.minimum(half, last / 2), np.maximum(last - half, last / 2)
        z, y, x = np.clip(self.centre_zyx, low, high).tolist()
        return replace(self, centre_zyx=(z, y, x))

    def to_window(self, voxels_zyx: NDArray[np.float64] | Sequence[Sequence[float]]) -> NDArray[np.float64]:
        """Turn voxels of the scan, (N, 3), into those of the window."""
        voxels = np.asarray(voxels_zyx, dtype=np.float64).reshape(-1, 3)
        return np.asarray((voxels - np.array(self.centre_zyx)) / self.ratio + (self.size - 1) / 2)

    def to_scan(self, voxels: NDArray[np.float64] | Sequence[Sequence[float]]) -> NDArray[np.float64]:
        """Turn voxels of the window, (N, 3), into those of the scan."""
        inner = np.asarray(voxels, dtype=np.float64).reshape(-1, 3) - (self.size - 1) / 2
        return np.asarray(inner * self.ratio + np.array(self.centre_zyx))

    def cut(self, image: NDArray[np.generic]) -> Array:
        """Resample the window out of a scan (Z, Y, X); beyond its border the nearest voxels are repeated.

        Where the window is coarser than the scan, voxels are averaged in blocks first.
        """
        axes = [self._axis(axis, image.shape[axis]) for axis in range(3)]
        values: Array = np.asarray(image[tuple(slice(low, high) for low, high, _, _ in axes)])
        for axis, (_, _, block, at) in enumerate(axes):
            if block > 1:
                shape = (*values.shape[:axis], -1, block, *values.shape[axis + 1 :])
                values = values.reshape(shape).mean(axis + 1, dtype=np.float32)
            values = _linear(values, at, axis)
        return np.ascontiguousarray(values, dtype=np.float32)

    def back(self, values: Array, shape_zyx: Sequence[int], within: Box | None = None) -> tuple[Box, Array]:
        """Carry values (size, size, size) linearly to the voxels of a scan whose centres lie in the window.

        Parameters
        ----------
        within : tuple of slice or None
            Voxels of the window that matter; voxels of the scan outside of them are left out.

        Returns
        -------
        region : tuple of slice
            Voxels of the scan.
        values : ndarray, as large as the region
            What lies there.
        """
        region: list[slice] = []
        inner = within or (slice(0, self.size),) * 3
        for axis, (part, n) in enumerate(zip(inner, shape_zyx, strict=True)):
            ends = np.array([part.start - 0.5, part.stop - 0.5]) - (self.size - 1) / 2
            low, high = ends * self.ratio[axis] + self.centre_zyx[axis]
            first, last = max(0, int(np.ceil(low))), min(n, int(np.ceil(high)))
            region.append(slice(first, max(first, last)))
            at = (np.arange(first, max(first, last)) - self.centre_zyx[axis]) / self.ratio[axis] + (self.size - 1) / 2
            values = _linear(values, np.clip(at, 0, self.size - 1), axis)
        return tuple(region), values  # type: ignore[return-value]

    def _axis(self, axis: int, n: int) -> tuple[int, int, int, NDArray[np.float64]]:
        """Return first and last + 1 voxel that are needed, how many are averaged, and where samples lie in these."""
        ratio = float(self.ratio[axis])
        at = (np.arange(self.size) - (self.size - 1) / 2) * ratio + self.centre_zyx[axis]
        at = np.clip(at, 0, n - 1)
        block = max(1, min(int(ratio + 0.25), n))
        low, high = int(np.floor(at[0])), int(np.ceil(at[-1])) + 1
        low, high = max(0, low - block // 2), min(n, high + block // 2)
        # whole blocks that cover all samples, as far as the scan has them
        count = min(-(-(high - low) // block), n // block)
        low = min(low, n - count * block)
        return low, low + count * block, block, (at - low - (block - 1) / 2) / block


def _linear(values: Array, at: NDArray[np.float64], axis: int) -> Array:
    """Interpolate along one axis; beyond the ends the last value is repeated."""
    last = values.shape[axis] - 1
    at = np.clip(at, 0, last)
    lower = np.floor(at).astype(int)
    weight = (at - lower).astype(np.float32).reshape([-1 if other == axis else 1 for other in range(values.ndim)])
    # whole numbers would wrap around where the next value is smaller
    below = np.take(values, lower, axis).astype(np.float32)
    above = np.take(values, np.minimum(lower + 1, last), axis).astype(np.float32)
    return np.asarray(below + (above - below) * weight, dtype=np.float32)

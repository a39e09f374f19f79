"""Between the file's grid and the network's: intensities to [0, 1], resampling, and the way back; box by box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from ..volume import Volume
from .plan import Plan

SAME_SPACING = 0.02
PERCENTILES = (0.5, 99.5)
_SAMPLED = 2_000_000
Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Prepared:
    """An image as the network sees it, computed where it is asked for.

    Parameters
    ----------
    image : ndarray, (Z, Y, X)
        Intensities as stored.
    low, high : float
        Intensities that become 0 and 1; values outside are clipped.
    shape : tuple of int
        Voxels of the network's grid, (z, y, x).
    """

    image: NDArray[Any]
    low: float
    high: float
    shape: tuple[int, int, int]

    @property
    def ratio(self) -> tuple[float, float, float]:
        """Original voxels per network voxel along z, y, x."""
        z, y, x = (n / m for n, m in zip(self.image.shape, self.shape, strict=True))
        return z, y, x

    def box(self, start: tuple[int, int, int], size: tuple[int, int, int]) -> NDArray[np.float32]:
        """Return a box of the network's grid, `size` voxels from `start` on; 0 outside the image."""
        out = np.zeros(size, np.float32)
        inner = [(max(a, 0), min(a + n, m)) for a, n, m in zip(start, size, self.shape, strict=True)]
        if any(b <= a for a, b in inner):
            return out
        target = tuple(slice(a - s, b - s) for (a, b), s in zip(inner, start, strict=True))
        out[target] = self._resampled(inner)
        return out

    def _resampled(self, ranges: list[tuple[int, int]]) -> NDArray[np.float32]:
        axes = [_AxisCoordinates.make(r, q, n) for r, q, n in zip(ranges, self.ratio, self.image.shape, strict=True)]
        raw = self.image[tuple(slice(axis.low, axis.high) for axis in axes)].astype(np.float32)
        values: NDArray[np.float32] = ((raw - np.float32(self.low)) / np.float32(self.high - self.low)).clip(0, 1)
        for number, axis in enumerate(axes):
            values = axis.applied(values, number)
        return values

    def to_voxels(self, voxels_zyx: NDArray[np.float64]) -> NDArray[np.float64]:
        """Turn voxels of the image, (N, 3), into voxels of the network's grid."""
        voxels = np.asarray(voxels_zyx, dtype=np.float64)
        return np.asarray((voxels + 0.5) / np.array(self.ratio) - 0.5)

    def back(
        self, values: NDArray[np.float32], start: tuple[int, int, int], keep: tuple[int, int] | None = None
    ) -> tuple[Box, NDArray[np.float32]]:
        """Carry values (C, z, y, x) of a box back to the image's grid, linearly.

        Parameters
        ----------
        values : ndarray, (C, z, y, x)
            Values of a box of the network's grid.
        start : tuple of int
            Where the box begins, (z, y, x).
        keep : tuple of int or None
            First and last + 1 of the network's slices that are wanted; the others help to interpolate at the seams.

        Returns
        -------
        region : tuple of slice
            Image voxels whose centres lie in the box.
        values : ndarray, (C, *region)
            The values there.
        """
        region: list[slice] = []
        for axis, (begin, ratio, n, m) in enumerate(zip(start, self.ratio, self.image.shape, self.shape, strict=True)):
            size = values.shape[axis + 1]
            low, high = max(begin, 0), min(begin + size, m)
            begins, ends = keep if keep is not None and axis == 0 else (low, high)
            first, last = int(np.ceil(begins * ratio - 0.5)), int(np.ceil(ends * ratio - 0.5))
            first, last = max(first, 0), min(last, n)
            region.append(slice(first, last))
            if ratio == 1.0:
                values = np.take(values, np.arange(first - begin, last - begin), axis + 1)
                continue
            at = np.clip((np.arange(first, last) + 0.5) / ratio - 0.5, low, high - 1) - begin
            values = _linear(values, at, axis + 1)
        return tuple(region), values  # type: ignore[return-value]


@dataclass(frozen=True)
class _AxisCoordinates:
    """Where samples of one axis lie in the image, and the slab of the image they need."""

    low: int
    high: int
    at: NDArray[np.float64] | None
    blur: float

    @classmethod
    def make(cls, wanted: tuple[int, int], ratio: float, n: int) -> _AxisCoordinates:
        if ratio == 1.0:
            return cls(wanted[0], wanted[1], None, 0.0)
        at = np.clip((np.arange(*wanted) + 0.5) * ratio - 0.5, 0, n - 1)
        blur = 0.5 * np.sqrt(ratio**2 - 1) if ratio > 1 else 0.0
        margin = int(np.ceil(4 * blur)) + 1
        low, high = max(int(at[0]) - margin, 0), min(int(at[-1]) + margin + 2, n)
        return cls(low, high, at - low, float(blur))

    def applied(self, values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
        if self.at is None:
            return values
        if self.blur:
            values = gaussian_filter1d(values, self.blur, axis=axis, mode="nearest")
        return _linear(values, self.at, axis)


def _linear(values: NDArray[np.float32], at: NDArray[np.float64], axis: int) -> NDArray[np.float32]:
    lower = np.clip(np.floor(at).astype(int), 0, values.shape[axis] - 1)
    upper = np.minimum(lower + 1, values.shape[axis] - 1)
    weight = (at - lower).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(values.ndim)])
    return np.asarray(np.take(values, lower, axis) * (1 - weight) + np.take(values, upper, axis) * weight)


def prepare(volume: Volume, plan: Plan) -> Prepared:
    """Look at a volume's intensities and spacing; no voxel is copied yet."""
    low, high = plan.window if plan.window is not None else _percentiles(volume.image)
    shape = [
        _network_size(n, have, want)
        for n, have, want in zip(volume.image.shape, volume.geometry.spacing_zyx_mm, plan.spacing_zyx_mm, strict=True)
    ]
    if plan.dims == 2:
        shape[0] = volume.image.shape[0]
    return Prepared(volume.image, low, high, tuple(shape))  # type: ignore[arg-type]


def _network_size(n: int, have_mm: float, want_mm: float) -> int:
    return n if abs(have_mm / want_mm - 1) < SAME_SPACING else max(1, round(n * have_mm / want_mm))


def _percentiles(image: NDArray[Any]) -> tuple[float, float]:
    step = max(1, round((image.size / _SAMPLED) ** (1 / 3)))
    low, high = np.percentile(image[::step, ::step, ::step], PERCENTILES)
    return float(low), float(high if high > low else low + 1)


def nearest_labels(labels: NDArray[Any], shape: tuple[int, int, int]) -> NDArray[Any]:
    """Carry labels (Z, Y, X) to the network's grid by the nearest voxel."""
    for axis, (n, m) in enumerate(zip(labels.shape, shape, strict=True)):
        if n != m:
            labels = np.take(labels, np.minimum(((np.arange(m) + 0.5) * n / m).astype(int), n - 1), axis)
    return labels

"""Prediction against reference: Dice that follows every change, and the agreement of the shown slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .slicecounts import SliceErrors

AGREED, EXTRA, MISSED = 1, 2, 3
LARGE_VOXELS = 32_000_000


class Tally:
    """Counts of voxels per class from which Dice follows at once, and of errors in every slice.

    Parameters
    ----------
    values : sequence of int
        Label values of the classes.
    shape_zyx : sequence of int
        Shape of the volume.
    """

    def __init__(self, values: Sequence[int], shape_zyx: Sequence[int]) -> None:
        self.values = tuple(values)
        self.slices = SliceErrors(shape_zyx)
        self._both = dict.fromkeys(self.values, 0)
        self._predicted = dict.fromkeys(self.values, 0)
        self._reference = dict.fromkeys(self.values, 0)

    @classmethod
    def of(cls, predicted: NDArray[Any], reference: NDArray[Any], values: Sequence[int]) -> Tally:
        """Count two label maps of equal shape (Z, Y, X), one plane at a time so that no large array is made."""
        tally = cls(values, reference.shape)
        for z, (predicted_plane, reference_plane) in enumerate(zip(predicted, reference, strict=True)):
            tally._count(predicted_plane, reference_plane, +1)
            tally.slices.add(predicted_plane[None], reference_plane[None], (z, 0, 0))
            tally.slices.reference.add(reference_plane[None], (z, 0, 0))
            for value in tally.values:
                tally._reference[value] += int(np.count_nonzero(reference_plane == value))
        return tally

    def change(
        self, start_zyx: Sequence[int], before: NDArray[Any], after: NDArray[Any], reference: NDArray[Any]
    ) -> None:
        """Take into account that a box of the prediction changed; it begins at a voxel, the arrays have its shape."""
        for predicted, sign in ((before, -1), (after, +1)):
            self._count(predicted, reference, sign)
            self.slices.add(predicted, reference, start_zyx, sign)

    def dice(self) -> dict[int, float | None]:
        """Return Dice per label value; None where prediction and reference are both empty."""
        sizes = {value: self._predicted[value] + self._reference[value] for value in self.values}
        return {value: 2 * self._both[value] / size if size else None for value, size in sizes.items()}

    def has_reference(self) -> bool:
        """Say whether the reference holds any class at all."""
        return any(self._reference.values())

    def _count(self, predicted: NDArray[Any], reference: NDArray[Any], sign: int) -> None:
        for value in self.values:
            is_value = predicted == value
            self._predicted[value] += sign * int(np.count_nonzero(is_value))
            self._both[value] += sign * int(np.count_nonzero(is_value & (reference == value)))


def agreement(predicted: NDArray[Any], reference: NDArray[Any]) -> NDArray[np.uint8]:
    """Compare label maps of any equal shape over all classes.

    Returns
    -------
    ndarray of uint8
        1 where both hold the same class, 2 where the prediction is extra or of another class, 3 where a class is
        missed, 0 where both are background.
    """
    result = np.zeros(predicted.shape, dtype=np.uint8)
    result[(predicted == 0) & (reference != 0)] = MISSED
    result[(predicted != 0) & (predicted != reference)] = EXTRA
    result[(predicted != 0) & (predicted == reference)] = AGREED
    return result


def shown_region(
    point: Sequence[int], displayed: Sequence[int], shape: tuple[int, int, int]
) -> tuple[slice, slice, slice]:
    """Return the region of a volume that a 2D view shows; the whole volume for a 3D view.

    Parameters
    ----------
    point : sequence of int
        Voxel (z, y, x) through which the view cuts.
    displayed : sequence of int
        The axes that the view spans.
    shape : tuple of int
        Shape (Z, Y, X) of the volume.
    """
    return tuple(  # type: ignore[return-value]
        slice(0, size) if axis in displayed else slice(clipped := min(max(int(index), 0), size - 1), clipped + 1)
        for axis, (index, size) in enumerate(zip(point, shape, strict=True))
    )

"""What every format's reader hands over, and the checks that hold for all formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UserError
from ..geometry import Geometry
from ..volume import LabelMap, Modality, Volume

# More would shift the far end of a 500 mm scan by a voxel; less is rounding in the header.
SHEAR_TOLERANCE_DEGREES = 0.1
LABEL_TOLERANCE = 1e-4
LARGEST_LABEL = 65535


@dataclass(frozen=True, eq=False)
class Decoded:
    """The content of one file in the file's own order.

    Parameters
    ----------
    path : Path
        The file, or the folder of a DICOM series.
    array_ijk : ndarray, (I, J, K)
        Voxel values with the file's scaling applied, native byte order.
    geometry : Geometry
        The grid of the file.
    modality : {"ct", "mr"} or None
        What the file says it is.
    names : dict of int to str
        Names of label values, where the file has them.
    notes : tuple of str
        What the reader chose or skipped, one sentence each.
    """

    path: Path
    array_ijk: NDArray[Any]
    geometry: Geometry
    modality: Modality | None = None
    names: dict[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def volume(self) -> Volume:
        """Return the image in canonical order (a view).

        Raises
        ------
        UserError
            If a voxel is NaN or infinite.
        """
        if problem := non_finite(self.array_ijk):
            raise UserError(f"{self.path.name}: {problem}")
        image = self.geometry.to_canonical(self.array_ijk)
        return Volume(image, self.geometry, self.modality, self.path, self.notes)

    def label_map(self) -> LabelMap:
        """Return the labels in canonical order.

        Raises
        ------
        UserError
            If a voxel is no whole number from 0 to 65535.
        """
        labels = as_labels(self.array_ijk, self.path.name)
        return LabelMap(self.geometry.to_canonical(labels), self.geometry, self.names)


def three_axes(path: Path, shape: Sequence[int]) -> tuple[int, int, int]:
    """Return (I, J, K) of a file's shape, without trailing axes of length 1.

    Raises
    ------
    UserError
        If the file holds a 2D picture, several frames, or no voxels.
    """
    sizes = [int(n) for n in shape]
    while len(sizes) > 3 and sizes[-1] == 1:
        sizes.pop()
    named = " × ".join(map(str, sizes))
    if any(n < 1 for n in sizes):
        raise UserError(f"{path.name}: the header promises a volume of {named} voxels; the file is damaged")
    if len(sizes) < 3 or 1 in sizes[:3]:
        raise UserError(f"{path.name}: a single 2D slice ({named}); a 3D volume is needed")
    if len(sizes) > 3:
        several = " × ".join(map(str, sizes[3:]))
        raise UserError(
            f"{path.name}: 4D ({named}): {several} frames, channels or one-hot labels; one 3D volume with one value "
            "a voxel is needed, save the one you want as its own file"
        )
    return sizes[0], sizes[1], sizes[2]


def checked_geometry(path: Path, shape_ijk: tuple[int, int, int], affine_lps: ArrayLike) -> Geometry:
    """Return the grid of a file.

    Raises
    ------
    UserError
        If the affine is singular or not finite, or the voxel axes are not at right angles.
    """
    try:
        geometry = Geometry(shape_ijk, np.asarray(affine_lps, dtype=np.float64))
    except ValueError as error:
        raise UserError(f"{path.name}: the voxel grid cannot be used: {error}; export the file again") from error
    if geometry.shear_degrees > SHEAR_TOLERANCE_DEGREES:
        raise UserError(
            f"{path.name}: the voxel grid is sheared by {geometry.shear_degrees:.2f}° (axes not at right angles, as "
            "after a tilted gantry or an affine registration); resample it to a right-angled grid first"
        )
    return geometry


def native(array: NDArray[Any]) -> NDArray[Any]:
    """Return an owned array in this machine's byte order, swapped in place where it is not."""
    if array.dtype.isnative:
        return array
    return array.byteswap(inplace=True).view(array.dtype.newbyteorder("="))


def storable(array: NDArray[Any], path: Path) -> NDArray[Any]:
    """Return integers as they are, booleans as uint8 and floats as float32.

    Raises
    ------
    UserError
        If the voxels are colours or complex numbers, or a value does not fit into float32.
    """
    if array.dtype == np.bool_:
        return array.view(np.uint8)
    if array.dtype.kind in "iu":
        return array
    if array.dtype.kind != "f":
        raise UserError(f"{path.name}: {_kind(array.dtype)}; one real value a voxel is needed")
    if array.dtype == np.float32:
        return array
    with np.errstate(over="ignore"):
        single = array.astype(np.float32)
    if array.dtype.itemsize > 4 and not np.isfinite(single).all() and np.isfinite(array).all():
        raise UserError(f"{path.name}: values up to {np.abs(array).max():.3g} are outside of single precision")
    return single


def rescaled(array: NDArray[Any], slope: float, intercept: float) -> NDArray[Any]:
    """Apply slope and intercept; int16 where every result is a whole number that fits, else float32."""
    if slope == 1 and intercept == 0:
        return array
    if array.dtype.kind in "iu" and float(slope).is_integer() and float(intercept).is_integer() and array.size:
        ends = sorted(int(v) * int(slope) + int(intercept) for v in (array.min(), array.max()))
        if ends[0] >= -32768 and ends[1] <= 32767:
            # wraps and unwraps exactly: the true result is in range, and int16 arithmetic is modulo 2**16
            scaled = array.astype(np.int16)
            scaled *= np.array(int(slope) & 0xFFFF, np.uint16).view(np.int16)
            scaled += np.array(int(intercept) & 0xFFFF, np.uint16).view(np.int16)
            return scaled
    result = array.astype(np.float32)
    result *= np.float32(slope)
    result += np.float32(intercept)
    return result


def non_finite(array_ijk: NDArray[Any]) -> str | None:
    """Say how many voxels are NaN or infinite and where the first lies, (i, j, k); None if there are none."""
    if array_ijk.dtype.kind != "f":
        return None
    count, first = 0, ""
    for k in range(array_ijk.shape[2]):
        bad = ~np.isfinite(array_ijk[:, :, k])
        if not bad.any():
            continue
        if not count:
            i, j = (int(n) for n in np.argwhere(bad)[0])
            first = f"({i}, {j}, {k}) in the file's order"
        count += int(bad.sum())
    if not count:
        return None
    return f"{count:,} voxels are NaN or infinite, the first at voxel {first}; fill them in the source file first"


def as_labels(array: NDArray[Any], name: str) -> NDArray[np.unsignedinteger[Any]]:
    """Return label values as uint8, or uint16 where one exceeds 255.

    Parameters
    ----------
    array : ndarray
        Integers, or floats that are whole within 1e-4.
    name : str
        What to call the array in a refusal.

    Raises
    ------
    UserError
        If a value is fractional, NaN, negative or over 65535.
    """
    if not array.size:
        return array.astype(np.uint8)
    low, high = array.min(), array.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UserError(f"{name}: labels hold NaN or infinite values; they are no label map")
    if low < -LABEL_TOLERANCE or high > LARGEST_LABEL + LABEL_TOLERANCE:
        raise UserError(
            f"{name}: label values run from {low:g} to {high:g}; they must be whole numbers from 0 to {LARGEST_LABEL}"
        )
    kind: type[np.unsignedinteger[Any]] = np.uint8 if round(float(high)) <= 255 else np.uint16
    if array.dtype.kind in "iub":
        return array.astype(kind, copy=False)
    labels: NDArray[Any] = np.rint(array)
    off = np.abs(array - labels)
    if off.max() > LABEL_TOLERANCE:
        worst = array.reshape(-1)[int(off.reshape(-1).argmax())]
        raise UserError(
            f"{name}: a label is {worst:g}, not a whole number; this looks like an image or a probability map"
        )
    return labels.astype(kind)


def _kind(dtype: np.dtype[Any]) -> str:
    if dtype.names:
        return f"RGB colours ({len(dtype.names)} components a voxel)"
    return "complex numbers" if dtype.kind == "c" else f"values of type {dtype}"

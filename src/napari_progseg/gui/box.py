"""Changed voxels of an array, kept compressed, with the way back and forth; knows neither Qt nor napari."""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Region = tuple[slice, slice, slice]
_MOST_PLANES = 16  # of one box, so that boxes lie close around what changed
_LARGE_VOXELS, _THREADS = 2**24, 4
_FAST = 1


@dataclass(frozen=True, eq=False)
class Box:
    """The voxels that changed within a box of an array, and their values before and after.

    Parameters
    ----------
    region : tuple of three slices
        Where the box lies, (z, y, x), with start and stop.
    dtype : dtype
        Type of the values.
    where : bytes
        Compressed bits, one a voxel of the box: whether it changed.
    before, after : bytes
        Compressed values of the voxels that changed.
    """

    region: Region
    dtype: np.dtype[Any]
    where: bytes
    before: bytes
    after: bytes

    @property
    def size(self) -> int:
        """Bytes that it takes in memory, roughly."""
        return len(self.where) + len(self.before) + len(self.after) + 1000

    @property
    def shape(self) -> tuple[int, ...]:
        """Size of the box in voxels, (z, y, x)."""
        return tuple(part.stop - part.start for part in self.region)

    def apply(self, array: NDArray[Any], *, back: bool = False) -> None:
        """Write the changed voxels into the array, (Z, Y, X), as they were after the change, or before it."""
        self._fill(array[self.region], self.before if back else self.after)

    def old(self, array: NDArray[Any]) -> NDArray[Any]:
        """Return what the box held before the change, (z, y, x), from an array that holds the change."""
        content = array[self.region].copy()
        self._fill(content, self.before)
        return content

    def _fill(self, content: NDArray[Any], packed: bytes) -> None:
        bits = np.frombuffer(zlib.decompress(self.where), np.uint8)
        changed = np.unpackbits(bits, count=math.prod(self.shape)).view(bool).reshape(self.shape)
        content[changed] = np.frombuffer(zlib.decompress(packed), self.dtype)

    def record(self) -> dict[str, Any]:
        """Turn it into what a journal stores."""
        return {
            "start": [part.start for part in self.region],
            "shape": list(self.shape),
            "type": self.dtype.str,
            **{name: base64.b64encode(getattr(self, name)).decode("ascii") for name in ("where", "before", "after")},
        }

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Box:
        """Return the box that a journal stored.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it stored none.
        """
        corners = zip(record["start"], record["shape"], strict=True)
        z, y, x = (slice(int(start), int(start) + int(size)) for start, size in corners)
        packed = (base64.b64decode(record[name], validate=True) for name in ("where", "before", "after"))
        return cls((z, y, x), np.dtype(record["type"]), *packed)


def in_order(boxes: Sequence[Box], *, back: bool) -> Sequence[Box]:
    """Put changes that are kept oldest first into the order in which they are taken back, or made again."""
    return boxes[::-1] if back else boxes


def dense(boxes: Iterable[Box], like: NDArray[Any]) -> NDArray[Any]:
    """Make changes of an empty volume, of the shape and type of another one."""
    volume = np.zeros(like.shape, like.dtype)
    for box in boxes:
        box.apply(volume)
    return volume


def difference(before: NDArray[Any], after: NDArray[Any], start_zyx: Sequence[int] = (0, 0, 0)) -> tuple[Box, ...]:
    """Keep where two contents of a region differ.

    Parameters
    ----------
    before, after : ndarray, (Z, Y, X)
        The contents; values are kept in the type of `before`.
    start_zyx : sequence of int
        Voxel at which the region begins.

    Returns
    -------
    tuple of Box
        None where nothing differs, else each of at most 16 planes.
    """

    def slab(first: int) -> Box | None:
        planes = slice(first, first + _MOST_PLANES)
        return _box(before[planes], after[planes], (start_zyx[0] + first, *start_zyx[1:]))

    firsts = range(0, len(before), _MOST_PLANES)
    if before.size < _LARGE_VOXELS:
        return tuple(box for box in map(slab, firsts) if box is not None)
    with ThreadPoolExecutor(_THREADS) as pool:  # numpy and zlib let other threads work meanwhile
        return tuple(box for box in pool.map(slab, firsts) if box is not None)


def changes(array: NDArray[Any], region: Region, values: NDArray[Any]) -> tuple[Box, ...]:
    """Write values into a region of an array, (Z, Y, X), in place and keep what that changed."""
    start = [part.start or 0 for part in region]
    boxes = difference(array[region], values, start)
    for box in boxes:
        inner = tuple(slice(part.start - at, part.stop - at) for part, at in zip(box.region, start, strict=True))
        array[box.region] = values[inner]
    return boxes


def _box(before: NDArray[Any], after: NDArray[Any], start_zyx: Sequence[int]) -> Box | None:
    tight, different = _different(before, after)
    if different is None:
        return None
    z, y, x = (slice(start + part.start, start + part.stop) for start, part in zip(start_zyx, tight, strict=True))
    values = (before[tight][different], after[tight][different].astype(before.dtype))
    packed = (zlib.compress(each, _FAST) for each in (np.packbits(different), *values))
    return Box((z, y, x), before.dtype, *packed)


def _different(before: NDArray[Any], after: NDArray[Any]) -> tuple[Region, NDArray[np.bool_] | None]:
    """Return the smallest box in which two arrays differ, and where in it; one plane after the other, in cache."""
    planes: dict[int, NDArray[np.bool_]] = {}
    rows, columns = (np.zeros(size, bool) for size in before.shape[1:])
    for z, (old, new) in enumerate(zip(before, after, strict=True)):
        different = old != new
        if different.any():
            planes[z] = different
            rows |= different.any(axis=1)
            columns |= different.any(axis=0)
    if not planes:
        return (slice(0, 0),) * 3, None
    first, last = min(planes), max(planes)
    y, x = (slice(int(found[0]), int(found[-1]) + 1) for found in (np.flatnonzero(rows), np.flatnonzero(columns)))
    whole = np.zeros((last + 1 - first, y.stop - y.start, x.stop - x.start), bool)
    for z, different in planes.items():
        whole[z - first] = different[y, x]
    return (slice(first, last + 1), y, x), whole

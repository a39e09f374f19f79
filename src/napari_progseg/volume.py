"""Images and label maps that never travel without their geometry."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .geometry import Geometry

Modality = Literal["ct", "mr"]


@dataclass(frozen=True, eq=False)
class Volume:
    """An image on a canonical grid.

    Parameters
    ----------
    image : ndarray, (Z, Y, X)
        Intensities as stored (HU for CT), canonical orientation; usually a view of the file's array.
    geometry : Geometry
        The grid of the file.
    modality : {"ct", "mr"} or None
        What the file itself says (DICOM); None where it does not say.
    source : Path or None
        The file, or the folder of a DICOM series.
    notes : tuple of str
        What the reader did or skipped, one sentence each.
    """

    image: NDArray[Any]
    geometry: Geometry
    modality: Modality | None = None
    source: Path | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_shape(self.image, self.geometry)


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Label values on a canonical grid.

    Parameters
    ----------
    labels : ndarray of uint8 or uint16, (Z, Y, X)
        One value a voxel, 0 is background; the values are those of the file.
    geometry : Geometry
        The grid of the file.
    names : dict of int to str
        Name of each value, where known.
    """

    labels: NDArray[np.unsignedinteger[Any]]
    geometry: Geometry
    names: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_shape(self.labels, self.geometry)
        if self.labels.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"label values are uint8 or uint16, got {self.labels.dtype}")


@dataclass(frozen=True)
class LabelClass:
    """A structure to segment.

    Parameters
    ----------
    name : str
        What the user calls it.
    values : tuple of int
        Label values that mean this structure, 1 to 65535; it is written with the first.
    """

    name: str
    values: tuple[int, ...]

    @property
    def value(self) -> int:
        """The value it is written with."""
        return self.values[0]


def _check_shape(array: NDArray[Any], geometry: Geometry) -> None:
    if array.shape != geometry.shape_zyx:
        raise ValueError(f"array {array.shape} does not lie on a grid of {geometry.shape_zyx}")

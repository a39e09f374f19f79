"""A drag: pressed inside a structure and drawn to its border, so that one gesture gives its place and its size."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .clicks import Click


@dataclass(frozen=True, slots=True)
class DragPrompt:
    """One drag.

    The pressed voxel belongs to the structure, and from there the structure reaches about so far, in any direction of
    the patient. How far is a guess by eye: whoever answers may go beyond it where the image says so.

    Parameters
    ----------
    voxel_zyx : tuple of int
        Canonical voxel (z, y, x) at which the button went down.
    reach_mm : float
        Distance in mm from there to where it was let go.
    label : int
        Label value of the structure.

    Raises
    ------
    ValueError
        If the reach is no length.
    """

    voxel_zyx: tuple[int, int, int]
    reach_mm: float
    label: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.reach_mm) and self.reach_mm > 0):
            raise ValueError(f"a drag reaches some mm, not {self.reach_mm}")

    @property
    def begin(self) -> Click:
        """The inside click that it stands for."""
        return Click(self.voxel_zyx, inside=True, label=self.label)

    def disc(self, shape_yx: tuple[int, ...], spacing_yx_mm: tuple[float, ...]) -> NDArray[np.bool_]:
        """Return the voxels of its axial slice that lie within its reach.

        Parameters
        ----------
        shape_yx : tuple of int
            Size of the slice, (Y, X).
        spacing_yx_mm : tuple of float
            Size of its voxels.

        Returns
        -------
        ndarray of bool, (Y, X)
        """
        rows, columns = (
            ((np.arange(size) - at) * step) ** 2
            for size, at, step in zip(shape_yx, self.voxel_zyx[1:], spacing_yx_mm, strict=True)
        )
        within: NDArray[np.bool_] = rows[:, None] + columns <= self.reach_mm**2
        return within

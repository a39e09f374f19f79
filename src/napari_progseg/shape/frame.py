"""Points between the voxels of a volume, millimetres about its middle, and the world of its file."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..geometry import Geometry

Points = NDArray[np.float64]


def to_centred(voxels_zyx: ArrayLike, geometry: Geometry) -> Points:
    """Turn voxel indices into centred mm.

    Parameters
    ----------
    voxels_zyx : array-like, (N, 3)
        Canonical indices ordered (z, y, x); fractions are allowed.
    geometry : Geometry
        The grid.

    Returns
    -------
    ndarray, (N, 3) float64
        Millimetres along the grid's axes, ordered (z, y, x); the middle of the volume is the origin.
    """
    return np.asarray((np.asarray(voxels_zyx, dtype=np.float64) - _middle(geometry)) * geometry.spacing_zyx_mm)


def to_voxels(points: ArrayLike, geometry: Geometry) -> Points:
    """Turn centred mm, (N, 3) ordered (z, y, x), into canonical voxel indices of the same order."""
    return np.asarray(np.asarray(points, dtype=np.float64) / geometry.spacing_zyx_mm + _middle(geometry))


def to_world(points: ArrayLike, geometry: Geometry) -> Points:
    """Turn centred mm, (N, 3) ordered (z, y, x), into LPS world mm ordered (x, y, z)."""
    affine = geometry.world_from_zyx
    return np.asarray(to_voxels(points, geometry) @ affine[:3, :3].T + affine[:3, 3])


def from_world(points_xyz: ArrayLike, geometry: Geometry) -> Points:
    """Turn LPS world mm, (N, 3) ordered (x, y, z), into centred mm ordered (z, y, x)."""
    affine = geometry.world_from_zyx
    offsets = np.asarray(points_xyz, dtype=np.float64) - affine[:3, 3]
    return to_centred(np.linalg.solve(affine[:3, :3], offsets.T).T, geometry)


def _middle(geometry: Geometry) -> Points:
    return (np.array(geometry.shape_zyx, dtype=np.float64) - 1) / 2

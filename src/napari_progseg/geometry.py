"""Canonical voxel grid, the file's own grid and the world in millimetres, with exact maps between them.

Canonical orientation is IPL: axis 0 (z) runs from superior to Inferior, axis 1 (y) from anterior to Posterior and
axis 2 (x) from right to Left. In napari this shows axial slices in the radiological convention, coronal and sagittal
slices with the head up, and a 3D view that is not mirrored.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

AXIS_LABELS = ("z", "y", "x")
GRID_TOLERANCE_VOXELS = 1e-3

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
# world axis (LPS) and sign of its increase along the canonical axes z, y, x
_CANONICAL = ((2, -1), (1, 1), (0, 1))


@dataclass(frozen=True, eq=False)
class Geometry:
    """The voxel grid of one file and its place in the world.

    Parameters
    ----------
    shape_ijk : tuple of int
        Number of voxels along the file's own axes (i, j, k), i first as nibabel and ITK count.
    affine_lps : ndarray, (4, 4) float64
        Maps file indices (i, j, k, 1) to world millimetres, x to the Left, y to Posterior, z to Superior.
    """

    shape_ijk: tuple[int, int, int]
    affine_lps: NDArray[np.float64] = field(repr=False)

    def __post_init__(self) -> None:
        affine = np.array(self.affine_lps, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise ValueError(f"an affine is a finite 4x4 matrix, got {affine!r}")
        if abs(np.linalg.det(affine[:3, :3])) < 1e-12:
            raise ValueError("the affine is singular: two voxel axes point the same way")
        affine.flags.writeable = False
        object.__setattr__(self, "affine_lps", affine)
        object.__setattr__(self, "shape_ijk", tuple(int(n) for n in self.shape_ijk))

    @classmethod
    def from_ras(cls, shape_ijk: tuple[int, int, int], affine_ras: ArrayLike) -> Geometry:
        """Build from a NIfTI affine (x to the Right, y to Anterior, z to Superior)."""
        return cls(shape_ijk, _LPS_TO_RAS @ np.asarray(affine_ras, dtype=np.float64))

    @classmethod
    def from_spacing(cls, shape_zyx: tuple[int, int, int], spacing_zyx_mm: tuple[float, float, float]) -> Geometry:
        """Build an unrotated grid whose file order is the canonical order reversed (x, y, z)."""
        z, y, x = spacing_zyx_mm
        return cls((shape_zyx[2], shape_zyx[1], shape_zyx[0]), np.diag([x, y, -z, 1.0]))

    @property
    def affine_ras(self) -> NDArray[np.float64]:
        """The NIfTI form of the affine, (4, 4)."""
        return _LPS_TO_RAS @ self.affine_lps

    @cached_property
    def axes(self) -> tuple[int, int, int]:
        """File axis of each canonical axis (z, y, x)."""
        return tuple(axis for axis, _ in self._orientation)  # type: ignore[return-value]

    @cached_property
    def flips(self) -> tuple[bool, bool, bool]:
        """Whether the canonical axes (z, y, x) run against their file axes."""
        return tuple(flip for _, flip in self._orientation)  # type: ignore[return-value]

    @cached_property
    def _orientation(self) -> tuple[tuple[int, bool], ...]:
        of_file_axis = _world_axes(self.affine_lps)
        world = [int(w) for w in of_file_axis[:, 0]]
        return tuple((world.index(w), int(of_file_axis[world.index(w), 1]) != sign) for w, sign in _CANONICAL)

    @property
    def shape_zyx(self) -> tuple[int, int, int]:
        """Number of voxels along the canonical axes."""
        return tuple(self.shape_ijk[a] for a in self.axes)  # type: ignore[return-value]

    @property
    def spacing_zyx_mm(self) -> tuple[float, float, float]:
        """Distance between voxel centres along the canonical axes, from the affine's columns, in mm."""
        lengths = np.linalg.norm(self.affine_lps[:3, :3], axis=0)
        return tuple(float(lengths[a]) for a in self.axes)  # type: ignore[return-value]

    @cached_property
    def world_from_zyx(self) -> NDArray[np.float64]:
        """Affine from canonical indices (z, y, x, 1) to LPS world mm, (4, 4)."""
        ijk_from_zyx = np.zeros((4, 4))
        ijk_from_zyx[3, 3] = 1.0
        for canonical, (axis, flip) in enumerate(zip(self.axes, self.flips, strict=True)):
            ijk_from_zyx[axis, canonical] = -1.0 if flip else 1.0
            ijk_from_zyx[axis, 3] = self.shape_ijk[axis] - 1 if flip else 0
        return np.asarray(self.affine_lps @ ijk_from_zyx)

    @property
    def orientation(self) -> str:
        """Where the file axes i, j, k run to, such as ``'LPS'``."""
        letters = ("RL", "AP", "IS")
        return "".join(letters[int(w)][int(s > 0)] for w, s in _world_axes(self.affine_lps))

    @property
    def obliquity_degrees(self) -> float:
        """Largest angle between a voxel axis and its nearest world axis, in degrees."""
        directions = self.affine_lps[:3, :3] / np.linalg.norm(self.affine_lps[:3, :3], axis=0)
        return float(np.degrees(np.arccos(np.clip(np.abs(directions).max(axis=0), 0, 1)).max()))

    @property
    def shear_degrees(self) -> float:
        """Largest departure of two voxel axes from a right angle, in degrees."""
        directions = self.affine_lps[:3, :3] / np.linalg.norm(self.affine_lps[:3, :3], axis=0)
        cosines = np.abs(directions.T @ directions)[np.triu_indices(3, 1)]
        return float(np.degrees(np.arcsin(np.clip(cosines.max(), 0, 1))))

    def to_canonical(self, array_ijk: NDArray[Any]) -> NDArray[Any]:
        """View an array in file order (i, j, k) as (z, y, x); no copy."""
        view = array_ijk.transpose(self.axes)
        return view[tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flips)]

    def from_canonical(self, array_zyx: NDArray[Any]) -> NDArray[Any]:
        """View an array in canonical order (z, y, x) in file order (i, j, k); no copy."""
        unflipped = array_zyx[tuple(slice(None, None, -1) if flip else slice(None) for flip in self.flips)]
        return unflipped.transpose(np.argsort(self.axes))

    def voxels_to_canonical(self, voxels_ijk: ArrayLike) -> NDArray[np.float64]:
        """Turn file indices, (N, 3) ordered (i, j, k), into canonical indices, (N, 3) ordered (z, y, x)."""
        voxels = np.atleast_2d(np.asarray(voxels_ijk, dtype=np.float64))[:, self.axes]
        last = np.array(self.shape_zyx) - 1
        return np.where(self.flips, last - voxels, voxels)

    def voxels_from_canonical(self, voxels_zyx: ArrayLike) -> NDArray[np.float64]:
        """Turn canonical indices, (N, 3) ordered (z, y, x), into file indices, (N, 3) ordered (i, j, k)."""
        voxels = np.atleast_2d(np.asarray(voxels_zyx, dtype=np.float64))
        last = np.array(self.shape_zyx) - 1
        return np.asarray(np.where(self.flips, last - voxels, voxels)[:, np.argsort(self.axes)])

    def mismatch(self, other: Geometry, tolerance_voxels: float = GRID_TOLERANCE_VOXELS) -> str | None:
        """Say how another grid differs from this one, or None where they agree.

        Two grids agree when their shapes do and no corner lies more than `tolerance_voxels` of this grid's voxels
        away from its counterpart; the files may store their axes in different orders.
        """
        if self.shape_zyx != other.shape_zyx:
            return f"shapes (z, y, x) {self.shape_zyx} and {other.shape_zyx} differ"
        last = np.array(self.shape_zyx, dtype=float) - 1
        corners = np.array([[*(last * bits), 1.0] for bits in np.ndindex(2, 2, 2)])
        shift_mm = corners @ (other.world_from_zyx - self.world_from_zyx).T
        shift = np.abs(np.linalg.solve(self.world_from_zyx[:3, :3], shift_mm[:, :3].T)).max()
        if shift > tolerance_voxels:
            return (
                f"the grids lie {shift:.3g} voxels apart (spacings {_mm(self.spacing_zyx_mm)} and "
                f"{_mm(other.spacing_zyx_mm)} mm, orientations {self.orientation} and {other.orientation})"
            )
        return None


def _world_axes(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the nearest world axis of each voxel axis and its sign, (3, 2)."""
    from nibabel.orientations import io_orientation  # nibabel takes 0.2 s, which napari's menus would wait for

    return np.asarray(io_orientation(affine))


def _mm(spacing: tuple[float, float, float]) -> str:
    return "×".join(f"{value:.4g}" for value in spacing)

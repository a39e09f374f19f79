"""Closed surfaces of triangles, and how a mask becomes one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from skimage.measure import marching_cubes

from ..errors import UserError

Points = NDArray[np.float64]
Spacing = tuple[float, float, float]

# in hippocampi of 1 mm, 1.5 would need two modes fewer but round the tips off (overlap with the mask 0.95, not 0.98)
_SMOOTH_VOXELS = 1.0
_THINNER_VOXELS = 0.5
_LEAST_KEPT = 0.8
_PAD = 4
_FILLINGS = 8
_VOLUME_TOLERANCE = 1e-4
# of vertices, roughly; more would only cost time
_MOST_STEPS = 12_000


@dataclass(frozen=True, eq=False)
class Mesh:
    """A surface of triangles.

    Parameters
    ----------
    vertices : ndarray, (V, 3) float64
        In mm, ordered (z, y, x).
    faces : ndarray, (F, 3) int32
        Vertices of each triangle, counter-clockwise from outside where (z, y, x) is taken for a right-handed frame.
    """

    vertices: Points
    faces: NDArray[np.int32]

    @cached_property
    def normals(self) -> Points:
        """Unit normals of the vertices, (V, 3), that point outwards; each triangle counts with its area."""
        a, b, c = (self.vertices[self.faces[:, corner]] for corner in range(3))
        areas = np.cross(b - a, c - a)
        corners = self.faces.ravel()
        each = np.repeat(areas, 3, axis=0)
        summed = np.stack([np.bincount(corners, each[:, axis], len(self.vertices)) for axis in range(3)], axis=1)
        lengths = np.linalg.norm(summed, axis=1, keepdims=True)
        return np.asarray(summed / np.where(lengths > 0, lengths, 1))

    @property
    def area_mm2(self) -> float:
        """Area of the surface."""
        a, b, c = (self.vertices[self.faces[:, corner]] for corner in range(3))
        return float(np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2)

    @property
    def volume_mm3(self) -> float:
        """Volume inside, negative where the triangles run the other way round."""
        a, b, c = (self.vertices[self.faces[:, corner]] for corner in range(3))
        return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)

    def mirrored(self) -> Mesh:
        """Mirror left to right (x becomes -x); the outside stays outside."""
        return Mesh(self.vertices * [1.0, 1.0, -1.0], self.faces[:, ::-1])


def surface_of(mask: NDArray[np.bool_], spacing_zyx_mm: Spacing) -> tuple[Mesh, tuple[str, ...]]:
    """Build the surface of a structure.

    The mask is smoothed by a filter that leaves quadratic surfaces where they are, so that the steps of the voxels
    vanish, and the surface then holds the volume of the mask. Cavities are filled. Large structures get larger
    triangles.

    Parameters
    ----------
    mask : ndarray of bool, (Z, Y, X)
        The structure; a part at the border of the volume is closed there.
    spacing_zyx_mm : tuple of float
        Distance between voxel centres.

    Returns
    -------
    mesh : Mesh
        One closed surface in centred mm.
    notes : tuple of str
        What was left out, one sentence each.

    Raises
    ------
    UserError
        If the mask is empty.
    """
    largest, notes = _largest(np.asarray(mask, dtype=bool))
    box = ndimage.find_objects(largest.astype(np.uint8))[0]
    filled = ndimage.binary_fill_holes(largest[box])
    spacing = np.array(spacing_zyx_mm, dtype=np.float64)
    field, step = _resampled(_smoothed(np.pad(filled, _PAD).astype(np.float64)), spacing)
    vertices, faces, *_ = marching_cubes(field, 0.5, spacing=tuple(step), allow_degenerate=False)  # type: ignore[no-untyped-call]
    corner = np.array([side.start - _PAD for side in box]) - (np.array(mask.shape) - 1) / 2
    mesh = _largest_part(Mesh(vertices.astype(np.float64) + corner * spacing, faces.astype(np.int32)))
    outwards = mesh if mesh.volume_mm3 > 0 else Mesh(mesh.vertices, mesh.faces[:, ::-1])
    return _filled_to(outwards, filled.sum() * spacing.prod()), notes


def _largest(mask: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    labels, count = ndimage.label(mask, ndimage.generate_binary_structure(3, 3))
    if count == 0:
        raise UserError("The mask is empty, so it has no surface; nothing was changed; choose another label or case")
    sizes = np.bincount(labels.ravel())[1:]
    if count == 1:
        return mask, ()
    parts = "another part" if count == 2 else f"{count - 1} other parts"
    share = 100 * (1 - sizes.max() / sizes.sum())
    note = f"only the largest part was used; {parts} with {share:.2g} % of the voxels left out"
    return labels == 1 + sizes.argmax(), (note,)


def _smoothed(solid: Points) -> Points:
    """Blur twice as much as wanted and take half of it back: a kernel of the fourth order, which does not shrink."""
    for width in (_SMOOTH_VOXELS, _THINNER_VOXELS):
        once = ndimage.gaussian_filter(solid, width, mode="constant")
        field = 2 * once - ndimage.gaussian_filter(once, width, mode="constant")
        # what is one voxel thin would vanish
        if field[solid > 0].mean() > 0.5 and (field > 0.5).sum() > _LEAST_KEPT * solid.sum():
            return np.asarray(field)
    return solid


def _resampled(field: Points, spacing: Points) -> tuple[Points, Points]:
    """Give thick slices between them, and large structures a coarser grid; also return the new spacing in mm."""
    inside = field > 0.5
    area = sum(np.count_nonzero(np.diff(inside, axis=axis)) * spacing.prod() / spacing[axis] for axis in range(3))
    goal = max(float(spacing.min()), float(np.sqrt(area / _MOST_STEPS)))
    steps = np.array(field.shape) - 1
    counts = np.maximum(np.rint(steps * spacing / goal), 2).astype(int)
    counts = np.where(np.abs(spacing / goal - 1) < 0.2, steps, counts)
    if (counts == steps).all():
        return field, spacing
    zoomed = ndimage.zoom(field, (counts + 1) / (steps + 1), order=1, grid_mode=False)
    return np.asarray(zoomed), steps * spacing / counts


def _filled_to(mesh: Mesh, volume_mm3: float) -> Mesh:
    """Move the surface along its normals, commonly by less than a tenth of a voxel, until it holds a volume."""
    for _ in range(_FILLINGS):
        missing = volume_mm3 - mesh.volume_mm3
        if abs(missing) < _VOLUME_TOLERANCE * volume_mm3:
            break
        mesh = Mesh(mesh.vertices + missing / mesh.area_mm2 * mesh.normals, mesh.faces)
    return mesh


def _largest_part(mesh: Mesh) -> Mesh:
    """Keep the part with the most vertices: smoothing may cut a thin neck."""
    size = len(mesh.vertices)
    edges = np.vstack([mesh.faces[:, :2], mesh.faces[:, 1:]])
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(size, size))
    count, part = connected_components(graph, directed=False)
    if count == 1:
        return mesh
    kept = part == np.bincount(part).argmax()
    renamed = np.cumsum(kept) - 1
    return Mesh(mesh.vertices[kept], renamed[mesh.faces[kept[mesh.faces[:, 0]]]].astype(np.int32))

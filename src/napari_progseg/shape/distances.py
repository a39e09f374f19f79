"""How far points and surfaces lie from surfaces, in mm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree
from trimesh.triangles import closest_point

from .mesh import Mesh

Points = NDArray[np.float64]

_FIRST_CANDIDATES = 12
_MOST_PAIRS = 1_000_000


@dataclass(frozen=True)
class SurfaceDistance:
    """How far two surfaces lie apart.

    Parameters
    ----------
    mean_mm : float
        Mean distance from the vertices of each to the other surface; the mean of both directions.
    hausdorff_mm : float
        The largest distance of any vertex of either to the other surface.
    """

    mean_mm: float
    hausdorff_mm: float


def closest_on(points: ArrayLike, mesh: Mesh) -> Points:
    """Find the nearest point of a surface, also within its triangles.

    Parameters
    ----------
    points : array-like, (N, 3)
        In the frame of the mesh, mm.
    mesh : Mesh
        At least one triangle.

    Returns
    -------
    ndarray, (N, 3) float64
        The nearest points of the surface; exact.
    """
    wanted = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    triangles = mesh.vertices[mesh.faces]
    middles = triangles.mean(axis=1)
    reach = float(np.linalg.norm(triangles - middles[:, None], axis=2).max())
    tree = cKDTree(middles)
    found = np.empty_like(wanted)
    open_ = np.arange(len(wanted))
    count = min(_FIRST_CANDIDATES, len(triangles))
    while len(open_):
        unsure = []
        step = max(_MOST_PAIRS // count, 1)
        for chunk in (open_[at : at + step] for at in range(0, len(open_), step)):
            found[chunk], beyond = _nearest(wanted[chunk], triangles, tree, count)
            nearest = np.linalg.norm(found[chunk] - wanted[chunk], axis=1)
            # triangles that were not tried lie with all of their points beyond that distance
            unsure.append(chunk[nearest > beyond - reach] if count < len(triangles) else chunk[:0])
        open_ = np.concatenate(unsure)
        count = min(3 * count, len(triangles))
    return found


def distances_to(points: ArrayLike, mesh: Mesh) -> Points:
    """Measure how far points, (N, 3) mm, lie from a surface: (N,) mm, never negative."""
    wanted = np.asarray(points, dtype=np.float64).reshape(-1, 3)
    return np.asarray(np.linalg.norm(closest_on(wanted, mesh) - wanted, axis=1))


def surface_distance(a: Mesh, b: Mesh) -> SurfaceDistance:
    """Measure how far two surfaces lie apart, from the vertices of each to the triangles of the other."""
    there, back = distances_to(a.vertices, b), distances_to(b.vertices, a)
    return SurfaceDistance(float(there.mean() + back.mean()) / 2, float(max(there.max(), back.max())))


def point_rmse(a: ArrayLike, b: ArrayLike) -> float:
    """Return the root of the mean squared distance of corresponding points, (P, 3) each, in mm."""
    offsets = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    return float(np.sqrt((offsets**2).sum(axis=-1).mean()))


def _nearest(points: Points, triangles: Points, tree: cKDTree, count: int) -> tuple[Points, Points]:
    """Try the `count` triangles with the nearest middles; also return the distance (N,) of the last middle."""
    away, which = tree.query(points, k=[*range(1, count + 1)])
    tried = closest_point(triangles[which.ravel()], np.repeat(points, count, axis=0))  # type: ignore[no-untyped-call]
    on = np.asarray(tried, dtype=np.float64).reshape(len(points), count, 3)
    best = ((on - points[:, None]) ** 2).sum(axis=2).argmin(axis=1)
    return np.asarray(on[np.arange(len(points)), best]), np.asarray(away[:, -1])

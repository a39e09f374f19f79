"""Smooth warps of space that carry given points to given places."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist

from .mesh import Mesh

Points = NDArray[np.float64]

_MOST_DISTANCES = 4_000_000


def thin_plate(source: ArrayLike, target: ArrayLike, *, regularisation: float = 0.0) -> Callable[[ArrayLike], Points]:
    """Find the smoothest map of space that carries points to their targets.

    Parameters
    ----------
    source, target : array-like, (M, 3)
        Where the points are and where they go, in mm.
    regularisation : float
        How far, in mm, the targets may be missed for smoothness: 0 meets them exactly, a large value leaves the affine
        map that fits best.

    Returns
    -------
    callable
        Maps (N, 3) mm to (N, 3) mm.

    Notes
    -----
    The thin-plate spline of three dimensions, whose kernel is the distance, with an affine part: Bookstein, IEEE TPAMI
    11 (1989) 567-585; Wahba, Spline Models for Observational Data (1990) for the regularised one.
    """
    start, goal = np.asarray(source, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if start.shape != goal.shape:
        raise ValueError(f"each point has one target; got {start.shape} and {goal.shape}")
    middle = start.mean(axis=0)
    size = float(np.sqrt(((start - middle) ** 2).mean())) or 1.0
    knots = (start - middle) / size
    weights = _solved(thin_plate_system(knots, regularisation / size), np.vstack([goal, np.zeros((4, 3))]))

    def apply(points: ArrayLike) -> Points:
        scaled = (np.asarray(points, dtype=np.float64) - middle) / size
        step = max(_MOST_DISTANCES // max(len(knots), 1), 1)
        chunks = [scaled[at : at + step] for at in range(0, len(scaled), step)]
        return np.vstack([np.empty((0, 3)), *(_basis(chunk, knots) @ weights for chunk in chunks)])

    return apply


def warped(mesh: Mesh, source: ArrayLike, target: ArrayLike) -> Mesh:
    """Carry a surface along with points, (M, 3) mm, that move from `source` to `target`."""
    return Mesh(thin_plate(source, target)(mesh.vertices), mesh.faces)


def thin_plate_system(knots: Points, regularisation: float) -> Points:
    """Return the matrix (M + 4, M + 4) of the linear equations of a thin-plate spline with M knots, (M, 3)."""
    count = len(knots)
    system = np.zeros((count + 4, count + 4))
    system[:count] = _basis(knots, knots)
    system[count:, :count] = system[:count, count:].T
    system[np.arange(count), np.arange(count)] += regularisation
    return system


def _basis(points: Points, knots: Points) -> Points:
    """Return the kernel to each knot, then the affine terms, (N, M + 4)."""
    return np.hstack([-cdist(points, knots), np.ones((len(points), 1)), points])


def _solved(system: Points, right: Points) -> Points:
    try:
        solution = np.linalg.solve(system, right)
    except np.linalg.LinAlgError:
        solution = np.full_like(right, np.nan)
    scale = np.abs(right).max() or 1.0
    if np.isfinite(solution).all() and np.abs(system @ solution - right).max() <= 1e-6 * scale:
        return np.asarray(solution)
    # knots that coincide or lie in one plane leave some of the weights free
    return np.asarray(np.linalg.lstsq(system, right)[0])

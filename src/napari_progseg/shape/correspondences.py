"""Points that mean the same place on every case's surface."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .mesh import Mesh

Points = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Correspondences:
    """Corresponding points of several cases.

    Parameters
    ----------
    cases : tuple of str
        Names of the N cases.
    points : ndarray, (N, P, 3) float64
        On each case's surface, centred mm; ordered so that any first part of them is spread evenly.
    mirrored : ndarray, (N,) bool
        Whose points are of the surface mirrored left to right (x is -x).
    template : Mesh
        The surface of the case that is nearest to all others, centred mm.
    template_points : ndarray, (P, 3) float64
        The points on it.
    notes : tuple of str
        What the user should know, one sentence each.
    """

    cases: tuple[str, ...]
    points: Points
    mirrored: NDArray[np.bool_]
    template: Mesh
    template_points: Points
    notes: tuple[str, ...] = ()

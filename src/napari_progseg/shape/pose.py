"""Poses: the similarity transforms between the frame of a shape model and the volumes its cases come from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

Points = NDArray[np.float64]

_ROUNDS = 200
_TOLERANCE = 1e-12


@dataclass(frozen=True, eq=False)
class Pose:
    """A similarity transform from local to centred mm: centred = scale · rotation @ local + translation.

    Parameters
    ----------
    rotation : ndarray, (3, 3) float64
        A proper rotation (determinant 1) of columns ordered (z, y, x).
    scale : float
        Above 0.
    translation : ndarray, (3,) float64
        In mm, ordered (z, y, x).
    """

    rotation: Points
    scale: float
    translation: Points

    def apply(self, points: ArrayLike) -> Points:
        """Carry local points, (N, 3) mm ordered (z, y, x), to centred mm."""
        return np.asarray(self.scale * np.asarray(points, dtype=np.float64) @ self.rotation.T + self.translation)

    def inverse(self, points: ArrayLike) -> Points:
        """Carry centred points, (N, 3) mm ordered (z, y, x), to local mm."""
        moved = np.asarray(points, dtype=np.float64) - self.translation
        return np.asarray(moved @ self.rotation / self.scale)


@dataclass(frozen=True, eq=False)
class Poses:
    """The poses of several cases.

    Parameters
    ----------
    rotations : ndarray, (N, 3, 3) float64
        Proper rotations of columns ordered (z, y, x).
    scales : ndarray, (N,) float64
        Above 0.
    translations : ndarray, (N, 3) float64
        In mm, ordered (z, y, x).
    """

    rotations: Points
    scales: Points
    translations: Points

    @classmethod
    def of(cls, vectors: ArrayLike) -> Poses:
        """Build from what `vectors` returns, (N, 7)."""
        numbers = np.asarray(vectors, dtype=np.float64).reshape(-1, 7)
        rotations = np.asarray(Rotation.from_rotvec(numbers[:, :3]).as_matrix())
        return cls(rotations, np.exp(numbers[:, 3]), numbers[:, 4:].copy())

    @property
    def vectors(self) -> Points:
        """Seven free numbers a case, (N, 7): rotation vector in radians (3), log scale, translation in mm (3)."""
        turns = Rotation.from_matrix(self.rotations).as_rotvec()
        return np.hstack([turns, np.log(self.scales)[:, None], self.translations])

    def __getitem__(self, index: int) -> Pose:
        return Pose(self.rotations[index], float(self.scales[index]), self.translations[index])

    def __len__(self) -> int:
        return len(self.scales)


def fitted(moving: ArrayLike, fixed: ArrayLike) -> Pose:
    """Find the similarity that brings points nearest to their counterparts, in the least-squares sense.

    Parameters
    ----------
    moving, fixed : array-like, (P, 3)
        Points in mm in corresponding order.

    Returns
    -------
    Pose
        `pose.apply(moving)` lies nearest to `fixed`; never a reflection, also where one would lie nearer.

    Raises
    ------
    ValueError
        If one of the two is a single point.

    Notes
    -----
    Umeyama, IEEE TPAMI 13 (1991) 376-380.
    """
    start, goal = np.asarray(moving, dtype=np.float64), np.asarray(fixed, dtype=np.float64)
    middle, target = start.mean(axis=0), goal.mean(axis=0)
    rotation, gain = _turn((goal - target).T @ (start - middle))
    spread = float(((start - middle) ** 2).sum())
    if spread <= 0 or gain <= 0:
        raise ValueError("points that all coincide have no pose")
    scale = gain / spread
    return Pose(rotation, scale, target - scale * rotation @ middle)


def aligned(points: ArrayLike) -> tuple[Points, Poses]:
    """Take the poses out of corresponding points (generalised Procrustes with scaling).

    Each case is `fitted` from the mean shape, so an unseen case fitted to the mean is treated like the others.

    Parameters
    ----------
    points : array-like, (N, P, 3)
        Centred mm.

    Returns
    -------
    local : ndarray, (N, P, 3) float64
        The shapes without their poses. Their mean is centred at 0, the geometric mean of the scales is 1 and the
        chordal mean of the rotations the identity.
    poses : Poses
        ``poses[i].apply(local[i])`` is ``points[i]`` again.
    """
    cases = np.asarray(points, dtype=np.float64)
    mean = cases[0] - cases[0].mean(axis=0)
    for _ in range(_ROUNDS):
        mean, poses = _framed(mean, cases)
        local = _without(cases, poses)
        change = np.abs(local.mean(axis=0) - mean).max()
        mean = local.mean(axis=0)
        if change <= _TOLERANCE * np.abs(mean).max():
            break
    return local, poses


def _framed(mean: Points, cases: Points) -> tuple[Points, Poses]:
    """Fit all cases, then turn and scale the mean so that their poses are small deviations."""
    fits = [fitted(mean, case) for case in cases]
    rotations, scales = np.array([fit.rotation for fit in fits]), np.array([fit.scale for fit in fits])
    size = float(np.exp(np.log(scales).mean()))
    turn, _ = _turn(rotations.mean(axis=0))
    translations = np.array([fit.translation for fit in fits])
    return size * mean @ turn.T, Poses(rotations @ turn.T, scales / size, translations)


def _without(cases: Points, poses: Poses) -> Points:
    return np.array([poses[index].inverse(case) for index, case in enumerate(cases)])


def _turn(matrix: Points) -> tuple[Points, float]:
    """Return the proper rotation nearest to a matrix, and the trace of its product with the matrix."""
    left, sizes, right = np.linalg.svd(matrix)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(left) * np.linalg.det(right)) or 1.0])
    return np.asarray(left * signs @ right), float(sizes @ signs)

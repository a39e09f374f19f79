"""Matching of a reference surface to another: first as a rigid body that may grow, then bending as little as it can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from scipy.spatial.transform import Rotation

from .distances import closest_on
from .mesh import Mesh
from .pose import Pose, aligned, fitted

Points = NDArray[np.float64]

_RANK = 300
_SAMPLE = 400
_ICP_ROUNDS = 40
_ICP_TOLERANCE = 1e-4
# scans are turned the same way by their files, so a body that lies the other way round must fit clearly better
TURNED_DEGREES = 60.0
_TURNED_GAIN = 0.8
_MIRRORED_GAIN = 0.97

# smoothness per point, and weight of normals in radii of the body: both were chosen on 40 hippocampi, 10 unseen
_BENDING = tuple(np.geomspace(0.03, 0.0002, 8))
_ROUNDS = 5
_NORMALS = (0.55, 0.2)
_REFINED_BENDING = (0.1, 0.03)
_REFINED_ROUNDS = 3
_REFINED_NORMALS = 0.35
_KEPT_VARIANCE = 0.9


@dataclass(frozen=True, eq=False)
class Reference:
    """A surface with points that are carried to other surfaces.

    Parameters
    ----------
    points : ndarray, (P, 3) float64
        On the surface or near it, mm.
    surface : Mesh
        In the same frame.
    """

    points: Points
    surface: Mesh

    @cached_property
    def spline(self) -> _Spline:
        """Smooths displacements of the points and carries the surface along; costs more than one matching."""
        return _Spline(self.points, np.vstack([self.points, self.surface.vertices]))

    @cached_property
    def below(self) -> NDArray[np.intp]:
        """Nearest vertex of each point, (P,)."""
        return np.asarray(cKDTree(self.surface.vertices).query(self.points)[1])

    @cached_property
    def sample(self) -> Points:
        """A few vertices, (S, 3), for the rigid part."""
        return _thinned(self.surface.vertices)

    @property
    def radius(self) -> float:
        """Root mean square distance of the surface from its middle, mm."""
        return _radius(self.surface.vertices)


@dataclass(frozen=True, eq=False)
class Modes:
    """The main ways in which matched points vary, for guessing where points lie.

    Parameters
    ----------
    mean : ndarray, (P, 3) float64
        In the local frame of aligned shapes, mm.
    axes : ndarray, (K, 3 P) float64
        Orthonormal.
    """

    mean: Points
    axes: Points

    @classmethod
    def of(cls, points: Points) -> Modes:
        """Keep as many modes of (N, P, 3) points as make up nine tenths of the variance."""
        local, _ = aligned(points)
        mean = local.mean(axis=0)
        _, sizes, axes = np.linalg.svd((local - mean).reshape(len(local), -1), full_matrices=False)
        variance = np.cumsum(sizes**2)
        count = int(np.searchsorted(variance, _KEPT_VARIANCE * variance[-1])) + 1
        return cls(mean, axes[: min(count, len(local) - 1)])

    def nearest(self, points: Points) -> Points:
        """Return the shape of these modes that is nearest to points, (P, 3) local mm."""
        scores = self.axes @ (points - self.mean).ravel()
        return np.asarray(self.mean + (scores @ self.axes).reshape(self.mean.shape))


@dataclass(frozen=True)
class Placed:
    """Where a reference lies over another surface before it bends.

    Parameters
    ----------
    pose : Pose
        Carries the reference over the surface.
    apart : float
        Mean distance of the two in radii of the surface.
    mirrored : bool
        Whether it is the surface mirrored left to right.
    """

    pose: Pose
    apart: float
    mirrored: bool = False

    @property
    def degrees(self) -> float:
        """By how much the reference is turned."""
        return float(np.degrees(Rotation.from_matrix(self.pose.rotation).magnitude()))


def placed(reference: Reference, surface: Mesh, *, reflect: bool = False) -> Placed:
    """Lay a reference over a surface by a similarity transform: iterative closest points from several starts.

    With `reflect`, the surface mirrored left to right is tried too and taken where it fits clearly better.
    """
    straight = _placed(reference, surface)
    if not reflect:
        return straight
    other = _placed(reference, surface.mirrored())
    if other.apart >= _MIRRORED_GAIN * straight.apart:
        return straight
    return Placed(other.pose, other.apart, mirrored=True)


def matched(reference: Reference, surface: Mesh, place: Placed) -> Points:
    """Carry the points of a reference to a surface.

    The reference bends from coarse to fine towards the nearest parts of the surface that face the same way. Points are
    drawn along the surface's normals only, so that where they lie within it is left to the smoothness of a thin-plate
    spline.

    Parameters
    ----------
    reference : Reference
        In any frame.
    surface : Mesh
        In centred mm, mirrored already if `place` says so.
    place : Placed
        Where the reference lies before it bends.

    Returns
    -------
    ndarray, (P, 3) float64
        On the surface, centred mm.
    """
    target = Mesh(place.pose.inverse(surface.vertices), surface.faces)
    weights = np.geomspace(*_NORMALS, len(_BENDING)) * reference.radius
    moved = np.vstack([reference.points, reference.surface.vertices])
    for bending, weight in zip(_BENDING, weights, strict=True):
        pull = _pull(reference, target, float(weight))
        for _ in range(_ROUNDS):
            moved = reference.spline.smooth(moved[: len(reference.points)] + pull(moved), bending)
    return closest_on(place.pose.apply(moved[: len(reference.points)]), surface)


def refined(reference: Reference, modes: Modes, points: Points, surface: Mesh) -> Points:
    """Slide points along a surface to where the modes of all cases expect them.

    Points that correspond better vary in fewer modes, so each case's points are replaced by what the strongest modes
    say of them, and bend from there to the surface (Davies et al., IEEE TMI 21 (2002) 525-537, on why few modes).

    Parameters
    ----------
    reference : Reference
        With the mean shape of about these modes.
    modes : Modes
        From the points of all cases.
    points : ndarray, (P, 3)
        On the surface, centred mm.
    surface : Mesh
        Centred mm.

    Returns
    -------
    ndarray, (P, 3) float64
        On the surface, centred mm.
    """
    pose = fitted(modes.mean, points)
    target = Mesh(pose.inverse(surface.vertices), surface.faces)
    expected = reference.spline.smooth(modes.nearest(pose.inverse(points)), 0.0)
    pull = _pull(reference, target, _REFINED_NORMALS * reference.radius)
    count, moved = len(points), expected
    for bending in _REFINED_BENDING:
        for _ in range(_REFINED_ROUNDS):
            moved = expected + reference.spline.smooth((moved - expected)[:count] + pull(moved), bending)
    return closest_on(pose.apply(moved[:count]), surface)


def _pull(reference: Reference, target: Mesh, weight: float) -> Callable[[Points], Points]:
    """Return how the points are drawn to a surface where the reference has `moved` to: (P + V, 3) to (P, 3) mm.

    Nearness counts position and, with a weight in mm, direction. Parts of the surface that no point found draw theirs.
    """
    facing = target.normals
    there = np.hstack([target.vertices, weight * facing])
    tree = cKDTree(there)
    count = len(reference.points)

    def pull(moved: Points) -> Points:
        directions = Mesh(moved[count:], reference.surface.faces).normals[reference.below]
        here = np.hstack([moved[:count], weight * directions])
        _, nearest = tree.query(here)
        drawn = _along(target.vertices[nearest] - moved[:count], facing[nearest])
        _, finder = cKDTree(here).query(there)
        back = _along(target.vertices - moved[finder], facing)
        times = np.bincount(finder, minlength=count)[:, None]
        sums = np.stack([np.bincount(finder, back[:, axis], count) for axis in range(3)], axis=1)
        return np.asarray(np.where(times > 0, (drawn + sums / np.maximum(times, 1)) / 2, drawn))

    return pull


def _along(offsets: Points, directions: Points) -> Points:
    return np.asarray((offsets * directions).sum(axis=1, keepdims=True) * directions)


class _Spline:
    """Thin-plate smoothing of values at fixed knots, evaluated at fixed points, quickly for any smoothness.

    The eigenvectors of the bending energy are found once; its strongest ones, as good as flat, are left out.
    """

    def __init__(self, knots: Points, points: Points) -> None:
        middle, radius = knots.mean(axis=0), _radius(knots) or 1.0
        scaled, wanted = (knots - middle) / radius, (points - middle) / radius
        affine, kernel = _affine(scaled), -cdist(scaled, scaled)
        beyond = np.linalg.qr(affine, mode="complete")[0][:, 4:]
        size = beyond.shape[1]
        kept = (max(size - _RANK, 0), size - 1)
        sizes, axes = eigh(beyond.T @ kernel @ beyond, subset_by_index=kept)
        self._sizes = np.maximum(sizes, 0)[:, None] / len(knots)
        self._axes = beyond @ axes
        self._count = len(knots)
        self._inverse = np.linalg.pinv(affine)
        self._bent = kernel @ self._axes
        self._affine_there = _affine(wanted)
        self._bent_there = -cdist(wanted, scaled) @ self._axes

    def smooth(self, values: Points, bending: float) -> Points:
        """Smooth values at the knots, (M, 3), and evaluate them at the points, (N, 3).

        `bending` is the price of bending a knot, 0 for as little smoothing as there is.
        """
        gains = self._axes.T @ values / (self._count * np.maximum(self._sizes + bending, 1e-12))
        straight = self._inverse @ (values - self._bent @ gains)
        return np.asarray(self._affine_there @ straight + self._bent_there @ gains)


def _affine(points: Points) -> Points:
    return np.hstack([np.ones((len(points), 1)), points])


def _placed(reference: Reference, surface: Mesh) -> Placed:
    tree, sample = cKDTree(surface.vertices), _thinned(surface.vertices)
    radius = _radius(surface.vertices)
    found = []
    for start in _starts(reference.surface.vertices, surface.vertices):
        pose = _closest_points(reference.sample, surface.vertices, tree, start)
        over = pose.apply(reference.surface.vertices)
        there = np.mean(tree.query(pose.apply(reference.sample))[0])
        back = np.mean(cKDTree(over).query(sample)[0])
        found.append(Placed(pose, float(there + back) / 2 / radius))
    best = min(found, key=lambda each: each.apart)
    upright = [each for each in found if each.degrees <= TURNED_DEGREES]
    if not upright:
        return best
    straight = min(upright, key=lambda each: each.apart)
    return best if best.apart < _TURNED_GAIN * straight.apart else straight


def _starts(moving: Points, fixed: Points) -> Iterator[Pose]:
    """Centre on centre, as the scans lie; then principal axes on principal axes, in all four ways."""
    middle, goal = moving.mean(axis=0), fixed.mean(axis=0)
    scale = _radius(fixed) / _radius(moving)
    mine, theirs = _axes(moving - middle), _axes(fixed - goal)
    turns = [np.eye(3)]
    turns += [theirs @ np.diag([a, b, a * b]) @ mine.T for a in (1.0, -1.0) for b in (1.0, -1.0)]
    for turn in turns:
        yield Pose(turn, scale, goal - scale * turn @ middle)


def _axes(offsets: Points) -> Points:
    """Return the principal axes of points as the columns of a rotation."""
    axes = np.linalg.eigh(offsets.T @ offsets)[1]
    return np.asarray(axes * [1.0, 1.0, np.linalg.det(axes)])


def _closest_points(moving: Points, fixed: Points, tree: cKDTree, pose: Pose) -> Pose:
    last = np.inf
    for _ in range(_ICP_ROUNDS):
        away, nearest = tree.query(pose.apply(moving))
        now = float((away**2).mean())
        if now >= (1 - _ICP_TOLERANCE) * last:
            break
        last = now
        pose = fitted(moving, fixed[nearest])
    return pose


def _thinned(points: Points) -> Points:
    return points[:: max(len(points) // _SAMPLE, 1)]


def _radius(points: Points) -> float:
    return float(np.sqrt(((points - points.mean(axis=0)) ** 2).sum(axis=1).mean()))

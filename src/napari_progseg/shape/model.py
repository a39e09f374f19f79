"""The statistical shape model: a mean, its modes of variation at several numbers of points, and the poses left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UserError
from .correspondences import Correspondences
from .mesh import Mesh
from .pose import Points, Poses, aligned
from .warp import warped

FEWEST_CASES = 3
SCALES = (64, 128, 256, 512)
VARIANCE = 0.95

# a mode this much weaker than the first is rounding, not anatomy
_NOTHING = 1e-12


@dataclass(frozen=True, eq=False)
class Level:
    """Principal components of corresponding points.

    Parameters
    ----------
    mean : ndarray, (P, 3) float64
        The mean shape in local mm.
    modes : ndarray, (K, P, 3) float64
        The displacement in mm of one standard deviation of each mode, the strongest first; zeros where a mode has
        no variance.
    share : ndarray, (K,) float64
        Share of the total variance of each mode.
    """

    mean: Points
    modes: Points
    share: Points

    @classmethod
    def of(cls, points: ArrayLike, variance: float = VARIANCE, modes: int | None = None) -> Level:
        """Find the modes of aligned shapes.

        Parameters
        ----------
        points : array-like, (N, P, 3)
            Local mm.
        variance : float
            Share of the variance to keep, above 0 and at most 1: as few modes as keep it.
        modes : int or None
            Keep so many instead. There are never more than N − 1.

        Returns
        -------
        Level
            The largest displacement of each mode is positive, so that modes do not depend on the solver.
        """
        shapes = np.asarray(points, dtype=np.float64)
        if not 0 < variance <= 1 or (modes is not None and modes < 1):
            raise ValueError(f"keep a share of the variance up to 1, or at least one mode; got {variance} and {modes}")
        count, mean = len(shapes), shapes.mean(axis=0)
        _, sizes, axes = np.linalg.svd((shapes - mean).reshape(count, -1), full_matrices=False)
        deviations = sizes / np.sqrt(max(count - 1, 1))
        deviations[deviations <= _NOTHING * max(deviations[0], np.abs(mean).max())] = 0
        total = (deviations**2).sum()
        share = deviations**2 / total if total > 0 else np.zeros_like(deviations)
        kept = min(_enough(share, variance) if modes is None else modes, max(count - 1, 1), len(axes))
        signs = np.sign(axes[np.arange(kept), np.abs(axes[:kept]).argmax(axis=1)])
        directions = (signs * deviations[:kept])[:, None] * axes[:kept]
        return cls(mean, directions.reshape(kept, *mean.shape), share[:kept])

    def scores(self, points: ArrayLike) -> Points:
        """Return the whitened scores of shapes: (N, P, 3) local mm becomes (N, K), in standard deviations."""
        offsets = (np.asarray(points, dtype=np.float64) - self.mean).reshape(-1, self.mean.size)
        directions = self.modes.reshape(len(self.modes), -1)
        squared = (directions**2).sum(axis=1)
        return np.asarray(offsets @ directions.T / np.where(squared > 0, squared, 1))

    def shapes(self, scores: ArrayLike) -> Points:
        """Return the shapes of whitened scores: (N, K) becomes (N, P, 3) local mm; zeros give the mean itself."""
        weights = np.atleast_2d(np.asarray(scores, dtype=np.float64))
        return np.asarray(self.mean + np.tensordot(weights, self.modes, axes=1))


@dataclass(frozen=True, eq=False)
class ShapeModel:
    """What is known of a structure's shape from its training cases.

    Parameters
    ----------
    structure : str
        What the structure is called.
    cases : tuple of str
        Names of the N training cases, at least three.
    points : ndarray, (N, P, 3) float64
        Corresponding points in local mm, ordered so that any first part of them is spread evenly.
    poses : Poses
        From local to each case's centred mm.
    mirrored : ndarray, (N,) bool
        Whose points are of the surface mirrored left to right.
    scales : tuple of int
        Number of points of each level, ascending, the last at most P.
    variance : float
        Share of the variance that each level keeps.
    modes : int or None
        Number of modes of each level instead.
    surface : Mesh
        The mean shape as a surface, local mm.
    notes : tuple of str
        What the user should know of how it came about, one sentence each.

    Raises
    ------
    UserError
        With fewer than three cases, or a level of more points than there are.
    """

    structure: str
    cases: tuple[str, ...]
    points: Points
    poses: Poses
    mirrored: NDArray[np.bool_]
    scales: tuple[int, ...]
    variance: float
    modes: int | None
    surface: Mesh
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_cases(self.cases, self.structure)
        _check_scales(self.scales, self.points.shape[1])

    @classmethod
    def of(
        cls,
        correspondences: Correspondences,
        structure: str,
        scales: Sequence[int] = SCALES,
        variance: float = VARIANCE,
        modes: int | None = None,
    ) -> ShapeModel:
        """Build from corresponding points: align them, and warp the template onto their mean; see the class."""
        _check_cases(correspondences.cases, structure)
        local, poses = aligned(correspondences.points)
        surface = warped(correspondences.template, correspondences.template_points, local.mean(axis=0))
        return cls(
            structure=structure,
            cases=correspondences.cases,
            points=local,
            poses=poses,
            mirrored=correspondences.mirrored,
            scales=tuple(scales),
            variance=variance,
            modes=modes,
            surface=surface,
            notes=correspondences.notes,
        )

    @cached_property
    def levels(self) -> tuple[Level, ...]:
        """One level a scale, coarse to fine; each has its own modes."""
        return tuple(Level.of(self.points[:, :count], self.variance, self.modes) for count in self.scales)

    def surface_at(self, points: ArrayLike) -> Mesh:
        """Return the mean surface warped to a shape.

        Parameters
        ----------
        points : array-like, (P_s, 3)
            Local mm; the first P_s points of the model, of any level.

        Returns
        -------
        Mesh
            Local mm, with the faces of `surface`.
        """
        goal = np.asarray(points, dtype=np.float64)
        return warped(self.surface, self.points.mean(axis=0)[: len(goal)], goal)


def _enough(share: Points, variance: float) -> int:
    """Count the first modes that together keep a share of the variance."""
    # rounding must not ask for one mode more
    return int(np.searchsorted(np.cumsum(share), variance - _NOTHING)) + 1 if share.any() else 1


def _check_cases(cases: Sequence[str], structure: str) -> None:
    if len(cases) < FEWEST_CASES:
        raise UserError(
            f"A shape model of {structure} needs at least {FEWEST_CASES} labelled cases and there are {len(cases)}; "
            "nothing was changed; label more cases"
        )


def _check_scales(scales: Sequence[int], count: int) -> None:
    if not scales or min(scales) < 1 or any(np.diff(scales) <= 0):
        raise UserError(
            f"The numbers of points of the scales must grow from one to the next and {tuple(scales)} do not; "
            "nothing was changed; give them in ascending order"
        )
    if scales[-1] > count:
        raise UserError(
            f"The finest scale asks for {scales[-1]} points and the correspondences have {count}; "
            f"nothing was changed; choose scales of at most {count} points"
        )

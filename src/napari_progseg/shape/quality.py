"""How good a shape model is, as literature measures it: compactness, generalisation and specificity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist

from .distances import point_rmse
from .model import FEWEST_CASES, Level
from .pose import Points

_DRAWN = 1000


@dataclass(frozen=True, eq=False)
class Quality:
    """What a model of N cases is worth with 1, 2, … N − 2 modes (Davies, PhD thesis, Manchester 2002).

    Parameters
    ----------
    compactness : ndarray, (N - 2,)
        Share of the variance that so many modes keep; larger is better.
    generalisation : ndarray, (N - 2,)
        Distance of corresponding points, root mean square in mm, between a case and what a model of the others makes
        of it; mean over the cases, smaller is better.
    specificity : ndarray, (N - 2,)
        The same distance between a random shape and the nearest case; smaller is better.
    """

    compactness: Points
    generalisation: Points
    specificity: Points

    @classmethod
    def of(cls, points: ArrayLike, rng: np.random.Generator) -> Quality:
        """Measure a model of aligned shapes, (N, P, 3) local mm, at least three."""
        shapes = np.asarray(points, dtype=np.float64)
        if len(shapes) < FEWEST_CASES:
            raise ValueError(f"to leave one out takes at least {FEWEST_CASES} cases, got {len(shapes)}")
        level = Level.of(shapes, modes=len(shapes) - 1)
        return cls(compactness(level)[:-1], generalisation(shapes), specificity(level, shapes, rng)[:-1])

    def at(self, modes: int) -> tuple[float, float, float]:
        """Return the three with so many modes, from 1 to N − 2."""
        if not 1 <= modes <= len(self.compactness):
            raise ValueError(f"measured with 1 to {len(self.compactness)} modes, not with {modes}")
        last = modes - 1
        return float(self.compactness[last]), float(self.generalisation[last]), float(self.specificity[last])


def compactness(level: Level) -> Points:
    """Return the share of the variance that the first 1, 2, … K modes of a level keep, (K,)."""
    return np.asarray(np.cumsum(level.share))


def generalisation(points: ArrayLike) -> Points:
    """Leave out each case in turn and describe it by the modes of the others.

    Parameters
    ----------
    points : array-like, (N, P, 3)
        Local mm. The cases were aligned together, also with the one left out.

    Returns
    -------
    ndarray, (N - 2,)
        With 1, 2, … modes: root mean square distance of corresponding points in mm, mean over the cases.
    """
    shapes = np.asarray(points, dtype=np.float64)
    errors = []
    for left_out, shape in enumerate(shapes):
        level = Level.of(np.delete(shapes, left_out, axis=0), modes=len(shapes) - 2)
        parts = level.scores(shape[None])[0][:, None, None] * level.modes
        errors.append([point_rmse(level.mean + part, shape) for part in np.cumsum(parts, axis=0)])
    return np.asarray(np.mean(errors, axis=0))


def specificity(level: Level, points: ArrayLike, rng: np.random.Generator, count: int = _DRAWN) -> Points:
    """Draw random shapes and measure how far each lies from the nearest case.

    Parameters
    ----------
    level : Level
        With N − 1 modes, in which distances between cases are exact.
    points : array-like, (N, P, 3)
        The cases of the level, local mm.
    rng : Generator
        Draws the shapes: a standard normal score for each mode.
    count : int
        How many shapes.

    Returns
    -------
    ndarray, (K,)
        With 1, 2, … K modes: root mean square distance of corresponding points in mm, mean over the shapes.
    """
    lengths = np.sqrt((level.modes**2).sum(axis=(1, 2)) / len(level.mean))
    real = level.scores(points) * lengths
    drawn = rng.standard_normal((count, len(lengths))) * lengths
    kept = np.tri(len(lengths))
    return np.array([cdist(drawn * modes, real).min(axis=1).mean() for modes in kept])

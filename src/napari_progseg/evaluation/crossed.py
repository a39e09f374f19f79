"""Means over seeds and cases, and how sure they are: both are resampled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
# means of K methods, (..., K), into what is asked, (...)
Contrast = Callable[[Floats], Floats]


@dataclass(frozen=True)
class CrossedInterval:
    """A mean over seeds and cases with its bootstrap interval.

    Parameters
    ----------
    mean, low, high : float
        The value and the ends of the percentile interval.
    level : float
        Its nominal coverage, such as 0.95.
    seeds, cases : int
        How many of each there are.
    """

    mean: float
    low: float
    high: float
    level: float
    seeds: int
    cases: int

    @property
    def verdict(self) -> str:
        """Say on which side of zero the whole interval lies: ``above``, ``below`` or ``open``."""
        return "above" if self.low > 0 else "below" if self.high < 0 else "open"


def crossed_interval(
    scores: ArrayLike,
    rng: np.random.Generator,
    *,
    contrast: Contrast | None = None,
    level: float = 0.95,
    resamples: int = 10_000,
) -> CrossedInterval:
    """Resample seeds and, independently, cases; every seed meets the same cases.

    Of S seeds S - 1 are drawn with replacement, of C cases C - 1: drawing as many as there are makes the spread too
    small by (S - 1) / S (Rao & Wu 1988), which at few seeds is much. With one seed only the cases are resampled.

    Parameters
    ----------
    scores : array-like, (K, S, C)
        K methods on the same S seeds and C cases; NaN where a score is not defined. A seed and case counts where all K
        are defined.
    contrast : callable or None
        Makes one number of the K means, broadcasting over leading axes; None takes the first mean. For a paired
        difference ``lambda means: means[..., 0] - means[..., 1]``.

    Raises
    ------
    ValueError
        If no seed and case has all scores.
    """
    table = np.asarray(scores, dtype=np.float64)
    defined = np.asarray(np.isfinite(table).all(axis=0))
    if table.ndim != 3 or not defined.any():
        raise ValueError("an interval over seeds and cases needs scores of shape (K, S, C), some of them finite")
    answer = contrast or (lambda means: means[..., 0])
    filled = np.where(defined, table, 0.0)
    _, seeds, cases = table.shape
    by_seed, by_case = (_weights(n, rng, resamples) for n in (seeds, cases))
    means = _means(filled, defined, by_seed, by_case)
    drawn = answer(means[np.isfinite(means).all(axis=1)])
    observed = _means(filled, defined, np.ones((1, seeds)), np.ones((1, cases)))
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return CrossedInterval(float(answer(observed)[0]), float(low), float(high), level, seeds, cases)


def _weights(n: int, rng: np.random.Generator, resamples: int) -> Floats:
    """Count how often each of n is drawn, (resamples, n)."""
    return rng.multinomial(max(1, n - 1), np.full(n, 1 / n), size=resamples).astype(np.float64)


def _means(filled: Floats, defined: NDArray[np.bool_], by_seed: Floats, by_case: Floats) -> Floats:
    """Return weighted means (B, K); NaN where a resample holds no defined score."""
    count = ((by_seed @ defined) * by_case).sum(axis=1)
    sums = np.stack([((by_seed @ method) * by_case).sum(axis=1) for method in filled], axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / count[:, None])

"""Paired comparison of two methods on the same cases, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

FEWEST_PAIRS = 6


@dataclass(frozen=True)
class Interval:
    """A mean with its bootstrap interval.

    Parameters
    ----------
    mean : float
        Mean of the values.
    low, high : float
        Ends of the percentile interval.
    level : float
        Its coverage, such as 0.95.
    n : int
        Number of values.
    """

    mean: float
    low: float
    high: float
    level: float
    n: int


@dataclass(frozen=True)
class SignedRank:
    """Outcome of a Wilcoxon signed-rank test.

    Parameters
    ----------
    p : float
        Two-sided p value; 1 where all differences are zero.
    n : int
        Number of pairs.
    note : str
        What the reader must know; empty if nothing.
    """

    p: float
    n: int
    note: str = ""


def bootstrap_interval(
    values: ArrayLike, rng: np.random.Generator, *, level: float = 0.95, resamples: int = 10_000
) -> Interval:
    """Draw cases with replacement to find how far the mean may lie off.

    Parameters
    ----------
    values : array-like, (N,)
        One finite number a case; for a paired comparison the differences (see `paired`).
    rng : numpy.random.Generator
        Draws the cases.
    level : float
        Coverage of the percentile interval, between 0 and 1.
    resamples : int
        Number of draws of N cases.

    Raises
    ------
    ValueError
        If there are no values or one is not finite.
    """
    sample = np.asarray(values, dtype=np.float64)
    if sample.ndim != 1 or len(sample) == 0 or not np.isfinite(sample).all():
        raise ValueError("a bootstrap needs a list of at least one finite number")
    means = _resampled_means(sample, rng, resamples)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(sample.mean()), float(low), float(high), level, len(sample))


def wilcoxon(first: Sequence[float | None], second: Sequence[float | None]) -> SignedRank:
    """Test whether paired scores of two methods differ (Wilcoxon signed rank, two-sided).

    Parameters
    ----------
    first, second : sequence of float or None, (N,)
        Scores of the same cases in the same order; pairs with None are left out.

    Returns
    -------
    SignedRank
        With fewer than 6 pairs no difference can reach p < 0.05, which the note says.
    """
    differences = paired(first, second)
    n = len(differences)
    note = f"{n} pairs are too few: p < 0.05 needs at least {FEWEST_PAIRS}" if n < FEWEST_PAIRS else ""
    if not differences.any():
        return SignedRank(1.0, n, note or "all differences are zero")
    return SignedRank(float(stats.wilcoxon(differences).pvalue), n, note)


def paired(first: Sequence[float | None], second: Sequence[float | None]) -> NDArray[np.float64]:
    """Return first minus second for each case where both scores are defined, (M,) float64.

    Raises
    ------
    ValueError
        If the two lists differ in length.
    """
    pairs = zip(first, second, strict=True)
    return np.array([one - other for one, other in pairs if one is not None and other is not None], dtype=np.float64)


def _resampled_means(sample: NDArray[np.float64], rng: np.random.Generator, resamples: int) -> NDArray[np.float64]:
    # in blocks, so that thousands of cases do not fill the memory
    block = max(1, 10**6 // len(sample))
    sizes = [min(block, resamples - begin) for begin in range(0, resamples, block)]
    return np.concatenate([rng.choice(sample, size=(size, len(sample))).mean(axis=1) for size in sizes])

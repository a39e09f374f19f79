"""How much the result of an arm varies from seed to seed, and whether less than that of a reference."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..evaluation.crossed import CrossedInterval
from .analysis import Rows, patients_of

# with fewer, an interval that resamples seeds holds the true ratio in two of three studies only
FEWEST_SEEDS = 5
_RESAMPLES = 10_000
_LEVEL = 0.95


@dataclass(frozen=True)
class Stability:
    """Spread of an arm over seeds.

    Parameters
    ----------
    deviation : float
        Standard deviation over seeds of the mean over test cases, mm; over the seeds of `ratio` where there is one.
    ratio : CrossedInterval or None
        That deviation over the reference's on the same seeds, seeds resampled in pairs; None for the reference, with
        fewer than two seeds in common, or where the reference does not vary. Below `FEWEST_SEEDS` its ends are NaN-free
        but equal to the value: there is no interval.
    """

    group: str
    patients: int
    measure: str
    deviation: float
    ratio: CrossedInterval | None
    seeds: int

    @property
    def has_interval(self) -> bool:
        """Whether there are seeds enough."""
        return self.ratio is not None and self.seeds >= FEWEST_SEEDS


def stabilities(
    rows: Rows, groups: Sequence[str], reference: str, measures: Sequence[str], rng: np.random.Generator
) -> tuple[Stability, ...]:
    """Say how much each arm varies from seed to seed; arms with one seed are left out."""
    found = []
    for patients in patients_of(rows):
        for measure in measures:
            known = _means(rows, reference, patients, measure)
            for group in groups:
                own = _means(rows, group, patients, measure)
                if len(own) > 1:
                    found.append(_stability(group, patients, measure, own, known if group != reference else {}, rng))
    return tuple(found)


def _means(rows: Rows, group: str, patients: int, measure: str) -> dict[int, float]:
    means = {seed: row.mean(measure) for (name, n, seed), row in rows.items() if (name, n) == (group, patients)}
    return {seed: mean for seed, mean in means.items() if mean is not None}


def _stability(
    group: str,
    patients: int,
    measure: str,
    own: dict[int, float],
    reference: dict[int, float],
    rng: np.random.Generator,
) -> Stability:
    shared = sorted(own.keys() & reference.keys())
    pairs = np.array([(own[seed], reference[seed]) for seed in shared])
    if len(pairs) < 2 or not pairs[:, 1].std():
        return Stability(group, patients, measure, statistics.stdev(own.values()), None, len(own))
    deviation, other = pairs.std(axis=0, ddof=1)
    ends = _ends(pairs, rng) if len(pairs) >= FEWEST_SEEDS else (deviation / other,) * 2
    ratio = CrossedInterval(float(deviation / other), float(ends[0]), float(ends[1]), _LEVEL, len(pairs), 1)
    return Stability(group, patients, measure, float(deviation), ratio, len(pairs))


def _ends(pairs: np.ndarray[tuple[int, int], np.dtype[np.float64]], rng: np.random.Generator) -> tuple[float, float]:
    """Resample seeds, one fewer than there are (see `crossed_interval`); a resample needs two different seeds."""
    seeds = len(pairs)
    weights = rng.multinomial(seeds - 1, np.full(seeds, 1 / seeds), size=_RESAMPLES)
    weights = weights[(weights > 0).sum(axis=1) > 1] / (seeds - 1)
    centred = pairs - pairs.mean(axis=0)
    variances = weights @ centred**2 - (weights @ centred) ** 2
    own, other = np.sqrt(np.maximum(variances, np.finfo(float).tiny)).T
    low, high = np.quantile(own / other, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return float(low), float(high)

"""Numbers drawn from rows: means, paired differences, time to a target, cost."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..evaluation.crossed import Contrast, CrossedInterval, crossed_interval
from .rows import Point, Row

# the share of the best Dice a run has to reach
TARGET = 0.9


class Score(NamedTuple):
    """A group and how it is measured: a number of clicks as text, or ``"emptied"``; `how` says so in words."""

    group: str
    measure: str
    how: str = ""

    @property
    def label(self) -> str:
        """Name for tables and figures."""
        return f"{self.group}, {self.how}" if self.how else self.group


@dataclass(frozen=True)
class Comparison:
    """A paired difference.

    Parameters
    ----------
    name : str
        Such as ``SegPretrained - Seg``.
    scores : tuple of Score
        What is compared.
    contrast : callable
        Makes the difference of the means (..., K) in that order.
    """

    name: str
    scores: tuple[Score, ...]
    contrast: Contrast


def difference(first: Score, second: Score) -> Comparison:
    """Compare two scores."""
    return Comparison(f"{first.label} - {second.label}", (first, second), lambda means: means[..., 0] - means[..., 1])


def over_the_better(first: Score, others: Sequence[Score], name: str) -> Comparison:
    """Compare with whichever of the others has the higher mean, chosen anew in every resample."""
    return Comparison(name, (first, *others), lambda means: means[..., 0] - means[..., 1:].max(axis=-1))


@dataclass(frozen=True)
class Mean:
    """Mean Dice of a score at a number of patients."""

    score: Score
    patients: int
    interval: CrossedInterval


@dataclass(frozen=True)
class Difference:
    """A paired difference at a number of patients."""

    comparison: Comparison
    patients: int
    interval: CrossedInterval


@dataclass(frozen=True)
class Reaching:
    """When the runs of a group reached the target.

    Parameters
    ----------
    target : float
        Validation Dice.
    steps, seconds : float or None
        Median over the seeds, runs that did not reach it counting as later than all others; None: most did not.
    mean_steps : CrossedInterval
        Mean over the seeds, which are resampled; runs that did not reach it count with all their steps.
    reached, seeds : int
        Seeds that reached it, of how many.
    start_seconds : float
        Median time of the runs they begin with, which comes before; 0 where there are none.
    """

    group: str
    patients: int
    target: float
    steps: float | None
    seconds: float | None
    mean_steps: CrossedInterval
    reached: int
    seeds: int
    start_seconds: float = 0.0


@dataclass(frozen=True)
class Spent:
    """Median cost of the runs of a group, and of the runs they begin with (`start_`), 0 where there are none."""

    group: str
    patients: int
    seconds: float
    validation_seconds: float
    steps: float
    voxels: float
    start_seconds: float
    start_steps: float
    start_voxels: float


Rows = Mapping[tuple[str, int, int], Row]


def by_place(rows: Iterable[Row]) -> dict[tuple[str, int, int], Row]:
    """Sort rows by group, patients and seed."""
    return {(row.group, row.patients, row.seed): row for row in rows}


def scores_of(rows: Rows, scores: Sequence[Score], patients: int) -> NDArray[np.float64] | None:
    """Return Dice (K, S, C) of the seeds whose rows hold every score, NaN for n/a; None without such a seed."""
    seeds = sorted({seed for _, _, seed in rows if all(_has(rows, score, patients, seed) for score in scores)})
    if not seeds:
        return None
    cases = sorted({each.case for seed in seeds for each in rows[scores[0].group, patients, seed].scores})
    table = [[_line(rows[score.group, patients, seed], score.measure, cases) for seed in seeds] for score in scores]
    return np.array(table, dtype=np.float64)


def _has(rows: Rows, score: Score, patients: int, seed: int) -> bool:
    row = rows.get((score.group, patients, seed))
    return row is not None and score.measure in row.measures


def _line(row: Row, measure: str, cases: Sequence[str]) -> list[float]:
    found = {each.case: each.of(measure) for each in row.scores}
    return [math.nan if (value := found.get(case)) is None else value for case in cases]


def means(rows: Rows, scores: Sequence[Score], rng: np.random.Generator) -> tuple[Mean, ...]:
    """Average every score at every number of patients, as far as there are rows."""
    return tuple(
        Mean(score, patients, interval)
        for score in scores
        for patients in patients_of(rows)
        if (interval := _interval(rows, (score,), patients, rng, None)) is not None
    )


def differences(rows: Rows, comparisons: Sequence[Comparison], rng: np.random.Generator) -> tuple[Difference, ...]:
    """Evaluate every comparison at every number of patients, over the seeds that all its groups have."""
    return tuple(
        Difference(each, patients, interval)
        for each in comparisons
        for patients in patients_of(rows)
        if (interval := _interval(rows, each.scores, patients, rng, each.contrast)) is not None
    )


def _interval(
    rows: Rows, scores: Sequence[Score], patients: int, rng: np.random.Generator, contrast: Contrast | None
) -> CrossedInterval | None:
    table = scores_of(rows, scores, patients)
    if table is None or not np.isfinite(table).all(axis=0).any():
        return None
    return crossed_interval(table, rng, contrast=contrast)


def patients_of(rows: Rows) -> tuple[int, ...]:
    """Return the numbers of patients there are rows for."""
    return tuple(sorted({patients for _, patients, _ in rows}))


def reaching(
    rows: Rows, groups: Sequence[str], rng: np.random.Generator, share: float = TARGET
) -> tuple[Reaching, ...]:
    """Say when each group reached its share of the best Dice of these groups.

    The target of a number of patients is `share` of the highest mean over seeds, among the groups, of a run's best
    validation Dice: the curves themselves decide it, no test case does. A run reaches it at its first validation that
    is not below.
    """
    found = []
    for patients in patients_of(rows):
        runs = {group: each for group in groups if (each := _runs(rows, group, patients))}
        if not runs:
            continue
        target = share * max(statistics.mean(_top(row.curve) for row in each) for each in runs.values())
        found += [_reached(group, patients, target, each, rng) for group, each in runs.items()]
    return tuple(found)


def _runs(rows: Rows, group: str, patients: int) -> list[Row]:
    return [row for (name, n, _), row in rows.items() if (name, n) == (group, patients) and row.curve]


def _top(curve: Sequence[Point]) -> float:
    return max((point.dice for point in curve if point.dice is not None), default=0.0)


def _reached(group: str, patients: int, target: float, rows: Sequence[Row], rng: np.random.Generator) -> Reaching:
    points = [first_reaching(row.curve, target) for row in rows]
    firsts = [point for point in points if point is not None]
    taken = [row.cost.steps if point is None else point.step for row, point in zip(rows, points, strict=True)]
    missing = len(rows) - len(firsts)
    steps, seconds = (
        _median([pick(first) for first in firsts], missing) for pick in (lambda p: float(p.step), lambda p: p.seconds)
    )
    before = statistics.median(row.start_cost.seconds if row.start_cost else 0.0 for row in rows)
    mean_steps = crossed_interval([[[steps] for steps in taken]], rng)
    return Reaching(group, patients, target, steps, seconds, mean_steps, len(firsts), len(rows), before)


def first_reaching(curve: Sequence[Point], target: float) -> Point | None:
    """Return the first validation at or above the target, None if there is none."""
    return next((point for point in curve if point.dice is not None and point.dice >= target), None)


def _median(values: Sequence[float], missing: int) -> float | None:
    median = statistics.median([*values, *[math.inf] * missing])
    return median if math.isfinite(median) else None


def spending(rows: Rows, groups: Sequence[str]) -> tuple[Spent, ...]:
    """Say what the runs of each group took, as medians: one run beside other work must not count."""
    found = []
    for group in groups:
        for patients in patients_of(rows):
            own = [row for (name, n, _), row in rows.items() if (name, n) == (group, patients)]
            if own:
                found.append(_spent(group, patients, own))
    return tuple(found)


def _spent(group: str, patients: int, rows: Sequence[Row]) -> Spent:
    def median(pick: Callable[[Row], float]) -> float:
        return statistics.median(map(pick, rows))

    return Spent(
        group,
        patients,
        seconds=median(lambda row: row.cost.seconds),
        validation_seconds=median(lambda row: row.cost.validation_seconds),
        steps=median(lambda row: row.cost.steps),
        voxels=median(lambda row: row.cost.voxels),
        start_seconds=median(lambda row: row.start_cost.seconds if row.start_cost else 0.0),
        start_steps=median(lambda row: row.start_cost.steps if row.start_cost else 0.0),
        start_voxels=median(lambda row: row.start_cost.voxels if row.start_cost else 0.0),
    )

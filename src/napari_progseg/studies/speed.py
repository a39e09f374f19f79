"""What runs cost and how soon they reached a Dice, relative to those of a reference group."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..evaluation.crossed import CrossedInterval, crossed_interval
from .analysis import Rows, first_reaching, patients_of
from .rows import Row

_SHARES = (0.90, 0.95, 0.99)


@dataclass(frozen=True)
class Ratio:
    """Cost of an arm relative to the reference, over the seeds that have both.

    Parameters
    ----------
    voxels : float
        Median over seeds; it is counted, not measured.
    seconds : CrossedInterval
        Mean training time over that of the reference, seeds resampled.
    """

    group: str
    patients: int
    voxels: float
    seconds: CrossedInterval


@dataclass(frozen=True)
class Speed:
    """Steps and seconds until a share of the reference's final Dice, and relative to the reference itself.

    Parameters
    ----------
    steps, seconds : float or None
        Medians over the seeds that reached it; None: most did not.
    steps_ratio, seconds_ratio : CrossedInterval or None
        Mean over seeds relative to that of the reference, seeds resampled; a run that did not reach it counts with all
        that it took. None where most runs of either did not get there.
    reached, seeds : int
        Seeds that reached it, of how many.
    """

    group: str
    patients: int
    share: float
    target: float
    steps: float | None
    seconds: float | None
    steps_ratio: CrossedInterval | None
    seconds_ratio: CrossedInterval | None
    reached: int
    seeds: int


def ratios(rows: Rows, groups: Sequence[str], reference: str, rng: np.random.Generator) -> tuple[Ratio, ...]:
    """Compare voxels and training time, validation left out, over the seeds that have both."""
    found = []
    for group in groups:
        for patients in patients_of(rows):
            pairs = _pairs(rows, reference, group, patients)
            if pairs:
                voxels = statistics.median(row.cost.voxels / other.cost.voxels for row, other in pairs)
                seconds = _quotient([(row.cost.seconds, other.cost.seconds) for row, other in pairs], rng)
                found.append(Ratio(group, patients, voxels, seconds))
    return tuple(found)


def _pairs(rows: Rows, reference: str, group: str, patients: int) -> list[tuple[Row, Row]]:
    return [
        (row, rows[reference, n, seed])
        for (name, n, seed), row in rows.items()
        if (name, n) == (group, patients) and (reference, n, seed) in rows
    ]


def _quotient(pairs: Sequence[tuple[float, float]], rng: np.random.Generator) -> CrossedInterval:
    """Divide means over seeds; seeds are resampled in pairs."""
    table = np.array(pairs, dtype=np.float64).T[:, :, None]
    return crossed_interval(table, rng, contrast=lambda means: means[..., 0] / means[..., 1])


def speeds(rows: Rows, groups: Sequence[str], reference: str, rng: np.random.Generator) -> tuple[Speed, ...]:
    """Say when each arm reached shares of the reference's final validation Dice, its mean over seeds."""
    found = []
    for patients in patients_of(rows):
        finals = [_final(row) for (name, n, _), row in rows.items() if (name, n) == (reference, patients)]
        if not finals:
            continue
        for share in _SHARES:
            target = share * statistics.mean(finals)
            found += [_speed(rows, reference, group, patients, share, target, rng) for group in groups]
    return tuple(each for each in found if each.seeds)


def _final(row: Row) -> float:
    return next((point.dice for point in reversed(row.curve) if point.dice is not None), 0.0)


def _speed(
    rows: Rows, reference: str, group: str, patients: int, share: float, target: float, rng: np.random.Generator
) -> Speed:
    own = [row for (name, n, _), row in rows.items() if (name, n) == (group, patients)]
    there = [point for row in own if (point := first_reaching(row.curve, target)) is not None]
    pairs = _pairs(rows, reference, group, patients)
    compared = bool(pairs) and all(_most_reach([pair[side] for pair in pairs], target) for side in (0, 1))
    enough = _most_reach(own, target)
    return Speed(
        group,
        patients,
        share,
        target,
        statistics.median(point.step for point in there) if enough else None,
        statistics.median(point.seconds for point in there) if enough else None,
        _quotient([(_steps(a, target), _steps(b, target)) for a, b in pairs], rng) if compared else None,
        _quotient([(_seconds(a, target), _seconds(b, target)) for a, b in pairs], rng) if compared else None,
        len(there),
        len(own),
    )


def _most_reach(rows: Sequence[Row], target: float) -> bool:
    return sum(first_reaching(row.curve, target) is not None for row in rows) > len(rows) / 2


def _steps(row: Row, target: float) -> float:
    point = first_reaching(row.curve, target)
    return row.cost.steps if point is None else point.step


def _seconds(row: Row, target: float) -> float:
    point = first_reaching(row.curve, target)
    return row.cost.seconds if point is None else point.seconds


def quotient_text(value: CrossedInterval) -> str:
    """Write a ratio with the ends of its interval, where it has one."""
    if value.seeds == 1 or value.low == value.high:
        return f"{value.mean:.2f}"
    return f"{value.mean:.2f} [{value.low:.2f}, {value.high:.2f}]"

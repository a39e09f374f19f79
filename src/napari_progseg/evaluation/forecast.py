"""What Dice to expect from more labelled patients.

Learning curves of segmentation saturate; here Dice(n) = a - b n^-c with a <= 1, b >= 0. The band is a range to plan
with, no promise: how far earlier forecasts were off is found from the same curve and given beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST_BUDGETS = 4
# by how much two runs with the same patients differ, see docs/results/first-path.md
RUN_NOISE = 0.01
_FEWEST_TO_FIT = 3
_EXPONENTS = np.linspace(0.2, 2.0, 19)

Curve = NDArray[np.float64]


@dataclass(frozen=True)
class Budget:
    """What a number of labelled patients gave.

    Parameters
    ----------
    patients : int
        How many were trained on, at least 1.
    dice : tuple of float
        Dice of each held-out case; the same cases in the same order at every budget.
    """

    patients: int
    dice: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over the cases."""
        return float(np.mean(self.dice))


@dataclass(frozen=True)
class Forecast:
    """A range of Dice for every number of patients asked for.

    Parameters
    ----------
    patients : tuple of int
        What was asked for.
    low, middle, high : tuple of float
        Ends and median of the range.
    level : float
        Its nominal coverage.
    past_error : float
        Mean absolute error of the forecasts that earlier budgets would have given for the one after them.
    """

    patients: tuple[int, ...]
    low: tuple[float, ...]
    middle: tuple[float, ...]
    high: tuple[float, ...]
    level: float
    past_error: float


def forecast(
    budgets: Sequence[Budget],
    patients: Sequence[int],
    rng: np.random.Generator,
    *,
    level: float = 0.9,
    resamples: int = 1000,
) -> Forecast | None:
    """Extrapolate a learning curve.

    Parameters
    ----------
    budgets : sequence of Budget
        What was measured; the order does not matter, of equal numbers of patients the mean counts.
    patients : sequence of int
        Numbers of patients to forecast for.
    rng : numpy.random.Generator
        Draws held-out cases, and the noise of single runs.

    Returns
    -------
    Forecast or None
        None below four different numbers of patients: three points fit any such curve.

    Raises
    ------
    ValueError
        If the budgets were not measured on the same number of cases.
    """
    if len({len(each.dice) for each in budgets}) > 1:
        raise ValueError("all budgets of a forecast are measured on the same cases")
    numbers = np.array(sorted({each.patients for each in budgets}))
    if len(numbers) < FEWEST_BUDGETS:
        return None
    table = np.array([np.mean([b.dice for b in budgets if b.patients == n], axis=0) for n in numbers])
    cases = rng.integers(table.shape[1], size=(resamples, table.shape[1]))
    curves = table[:, cases].mean(-1).T + rng.normal(0, RUN_NOISE, (resamples, len(numbers)))
    found = _extrapolated(numbers, curves, np.asarray(patients))
    ends = (1 - level) / 2
    low, middle, high = (tuple(np.quantile(found, q, axis=0).tolist()) for q in (ends, 0.5, 1 - ends))
    return Forecast(tuple(patients), low, middle, high, level, _past_error(numbers, table.mean(1)))


def _past_error(numbers: NDArray[np.int_], means: Curve) -> float:
    errors = [
        abs(float(_extrapolated(numbers[:known], means[None, :known], numbers[known : known + 1])[0, 0]) - means[known])
        for known in range(_FEWEST_TO_FIT, len(numbers))
    ]
    return float(np.mean(errors))


def _extrapolated(numbers: NDArray[np.int_], curves: Curve, wanted: NDArray[np.int_]) -> Curve:
    """Fit each of the curves (R, N) by least squares and return its values (R, W) at the wanted numbers."""
    best, values = np.full(len(curves), np.inf), np.zeros((len(curves), len(wanted)))
    for exponent in _EXPONENTS:
        falls, later = numbers.astype(float) ** -exponent, wanted.astype(float) ** -exponent
        top, drop = _line(falls, curves)
        errors = ((top[:, None] - drop[:, None] * falls - curves) ** 2).sum(1)
        better = errors < best
        best[better] = errors[better]
        values[better] = (top[:, None] - drop[:, None] * later)[better]
    return values.clip(0, 1)


def _line(falls: Curve, curves: Curve) -> tuple[Curve, Curve]:
    """Return a <= 1 and b >= 0 of a - b x, by least squares."""
    centred = falls - falls.mean()
    drop = np.maximum(-(curves @ centred) / (centred @ centred), 0)
    top = curves.mean(1) + drop * falls.mean()
    capped = top > 1
    drop = np.where(capped, np.maximum(((1 - curves) @ falls) / (falls @ falls), 0), drop)
    return np.minimum(top, 1), drop

"""Agreement of a predicted label map with a reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.integer[Any]] | NDArray[np.bool_]
# case -> label value or name -> Dice, None where it is not defined
DicePerCase = Mapping[str, Mapping[Any, float | None]]

TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE = 1, 2, 3


def dice(predicted: Labels, reference: Labels, values: Sequence[int]) -> dict[int, float | None]:
    """Measure the overlap 2|P∩R| / (|P|+|R|) of each structure.

    Parameters
    ----------
    predicted, reference : ndarray of integers, same shape
        Label values on the same grid, any number of axes in any order.
    values : sequence of int
        The structures to measure; other values count as background.

    Returns
    -------
    dict of int to float or None
        Dice of each value in [0, 1]; None where neither map holds it.
    """
    _check(predicted, reference)
    return {value: _overlap(predicted == value, reference == value) for value in values}


def mean_dice(cases: DicePerCase | Iterable[Mapping[Any, float | None]]) -> float | None:
    """Average Dice, first over the structures of each case, then over the cases.

    Scores that are None are left out of the means, and so are cases that have no other; None where nothing is left.
    """
    per_case = cases.values() if isinstance(cases, Mapping) else cases
    means = [mean for scores in per_case if (mean := mean_of(scores.values())) is not None]
    return mean_of(means)


def mean_of(scores: Iterable[float | None]) -> float | None:
    """Average the scores that are not None; None where there are none."""
    defined = [score for score in scores if score is not None]
    return sum(defined) / len(defined) if defined else None


def confusion(predicted: Labels, reference: Labels, value: int) -> NDArray[np.uint8]:
    """Map where one structure was found, invented and missed.

    Parameters
    ----------
    predicted, reference : ndarray of integers, same shape
        Label values on the same grid.
    value : int
        The structure.

    Returns
    -------
    ndarray of uint8, same shape
        0 neither, 1 true positive, 2 false positive, 3 false negative.
    """
    _check(predicted, reference)
    found, real = predicted == value, reference == value
    result = np.zeros(predicted.shape, dtype=np.uint8)
    result[found & real] = TRUE_POSITIVE
    result[found & ~real] = FALSE_POSITIVE
    result[real & ~found] = FALSE_NEGATIVE
    return result


def _overlap(found: NDArray[np.bool_], real: NDArray[np.bool_]) -> float | None:
    # counting in bool arrays is 3 to 10 times faster than one bincount, which widens every voxel to 8 bytes
    total = int(np.count_nonzero(found)) + int(np.count_nonzero(real))
    return 2 * int(np.count_nonzero(found & real)) / total if total else None


def _check(predicted: Labels, reference: Labels) -> None:
    if predicted.shape != reference.shape:
        raise ValueError(f"the label maps have different shapes: {predicted.shape} and {reference.shape}")

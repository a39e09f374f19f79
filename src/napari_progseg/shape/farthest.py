"""Points in an order of which any first part is spread evenly."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def farthest_order(points: ArrayLike, count: int, first: int | None = None) -> NDArray[np.intp]:
    """Choose points one by one, each as far as can be from all chosen before.

    Parameters
    ----------
    points : array-like, (N, 3)
        Candidates.
    count : int
        How many to choose, at most N.
    first : int or None
        Index of the first; the candidate farthest from the middle of all where None.

    Returns
    -------
    ndarray, (count,) of int
        Indices of the chosen points. Any first part of them covers the candidates at most half as evenly as the best
        choice of so many (Gonzalez, Theor. Comput. Sci. 38 (1985) 293-306).
    """
    candidates = np.asarray(points, dtype=np.float64)
    if not 0 <= count <= len(candidates):
        raise ValueError(f"cannot choose {count} of {len(candidates)} points")
    if count == 0:
        return np.empty(0, dtype=np.intp)
    chosen = np.empty(count, dtype=np.intp)
    chosen[0] = _squares(candidates, candidates.mean(axis=0)).argmax() if first is None else first
    nearest = np.full(len(candidates), np.inf)
    for place in range(1, count):
        np.minimum(nearest, _squares(candidates, candidates[chosen[place - 1]]), out=nearest)
        # a point that was chosen is not chosen again where others coincide with it
        nearest[chosen[place - 1]] = -1
        chosen[place] = nearest.argmax()
    return chosen


def _squares(points: NDArray[np.float64], centre: NDArray[np.float64]) -> NDArray[np.float64]:
    offsets = points - centre
    return np.asarray(np.einsum("ij,ij->i", offsets, offsets))

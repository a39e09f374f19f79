"""Where a model is unsure: voxels to which it gives a structure neither clearly nor clearly not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

UNSURE = (0.1, 0.9)


def doubtful(probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Mark the voxels where the probability of any class lies between 0.1 and 0.9.

    Parameters
    ----------
    probabilities : ndarray, (classes, *region)
        In [0, 1].

    Returns
    -------
    ndarray of bool, (*region)
    """
    low, high = UNSURE
    between = (probabilities > low) & (probabilities < high)
    return np.logical_or.reduce(between, axis=0)  # type: ignore[no-any-return]

"""Where and how much class probabilities are unsure; needs no torch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..data.preprocess import Box

UNSURE = (0.1, 0.9)
IN_QUESTION = 0.1


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


class MeanEntropy:
    """Entropy of the least sure class, averaged over the voxels in question.

    In question are voxels that some class holds with a probability of at least 0.1, so that neither the field of view
    nor the size of the structure counts.
    """

    def __init__(self) -> None:
        self._bits = 0.0
        self._voxels = 0

    def add(self, region: Box, probabilities: NDArray[np.float32]) -> None:
        """Take in the class probabilities, (classes, *region), of a region that was not there before."""
        asked = probabilities[:, probabilities.max(axis=0) >= IN_QUESTION].clip(1e-7, 1 - 1e-7)
        if asked.size:
            entropy = -(asked * np.log2(asked) + (1 - asked) * np.log2(1 - asked))
            self._bits += float(entropy.max(axis=0).sum(dtype=np.float64))
            self._voxels += asked.shape[1]

    @property
    def voxels(self) -> int:
        """How many voxels are in question."""
        return self._voxels

    @property
    def bits(self) -> float | None:
        """The mean, 0 (sure) to 1; None where no voxel is in question: nothing was found."""
        return self._bits / self._voxels if self._voxels else None

"""What clicks changed, whoever answered them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data.preprocess import Box


@dataclass(frozen=True, eq=False)
class Answer:
    """What changed.

    Parameters
    ----------
    revision : int
        Of the click set it answers.
    patches : tuple of (region, labels)
        Boxes of the image (Z, Y, X) and their label values.
    seconds : float
        Time it took.
    doubts : tuple of (region, unsure)
        Where a model looked again, and the voxels there of which it is unsure (bool), see `unsure.doubtful`.
    """

    revision: int
    patches: tuple[tuple[Box, NDArray[np.unsignedinteger]], ...]
    seconds: float
    doubts: tuple[tuple[Box, NDArray[np.bool_]], ...] = ()

"""How unsure a model is of a scan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..data.preprocess import prepare
from ..volume import Volume
from .model import TrainedModel
from .predict import probability_parts

IN_QUESTION = 0.1


@dataclass(frozen=True, slots=True)
class Doubt:
    """How unsure a model is of a scan, without clicks.

    Parameters
    ----------
    bits : float
        Entropy of the least sure class, 0 to 1, averaged over the voxels in question: those that some class holds with
        a probability of at least 0.1. It is 1 where there is no such voxel, since the structure was not found at all.
    voxels : int
        How many voxels of the image are in question.
    """

    bits: float
    voxels: int


def doubt_of(model: TrainedModel, volume: Volume, tick: Callable[[], None] = lambda: None) -> Doubt:
    """Ask a model how unsure it is of a scan, in bounded memory.

    Parameters
    ----------
    model : TrainedModel
        Any model; interactive ones see empty click maps.
    volume : Volume
        Image on its canonical grid.
    tick : callable
        Called between parts; what it raises ends the work.
    """
    total, voxels = 0.0, 0
    for _, values, _ in probability_parts(model, prepare(volume, model.plan)):
        tick()
        asked = values[:, values.max(axis=0) >= IN_QUESTION]
        total += float(_entropy(asked).max(axis=0).sum(dtype=np.float64)) if asked.size else 0.0
        voxels += asked.shape[1]
    return Doubt(total / voxels if voxels else 1.0, voxels)


def _entropy(p: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the entropy of yes or no in bits; of certainty it is 0."""
    q = p.clip(1e-7, 1 - 1e-7)
    return np.asarray(-(q * np.log2(q) + (1 - q) * np.log2(1 - q)))

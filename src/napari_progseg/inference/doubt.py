"""How unsure a model is of a scan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..data.preprocess import prepare
from ..volume import Volume
from .model import TrainedModel
from .predict import probability_parts
from .unsure import MeanEntropy


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
    entropy = MeanEntropy()
    for region, values, _ in probability_parts(model, prepare(volume, model.plan)):
        tick()
        entropy.add(region, values)
    return Doubt(1.0 if entropy.bits is None else entropy.bits, entropy.voxels)

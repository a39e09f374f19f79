"""Which scales of a shape are learned at which part of a run (Progressive DeepSSM; algorithms 5.2)."""

from __future__ import annotations

from ..training.config import ScaleChoice


def scale_weights(schedule: ScaleChoice, scales: int, progress: float, *, deep: bool) -> tuple[float, ...]:
    """Return the weight of the loss of every scale, coarse to fine.

    Parameters
    ----------
    schedule : {"stagewise", "joint", "single"}
        Stagewise begins with the coarsest scale, and another one joins after every equal part of the run; otherwise
        all are learned from the beginning (``single`` is a network of one scale).
    scales : int
        How many there are.
    progress : float
        Of the run, in [0, 1].
    deep : bool
        Whether the loss reads all scales that are active, or the finest of them alone.
    """
    active = min(int(progress * scales) + 1, scales) if schedule == "stagewise" else scales
    return tuple(float(number < active if deep else number == active - 1) for number in range(scales))

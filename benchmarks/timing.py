"""What the benchmarks time, and how."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from napari_progseg.inference.model import forward
from napari_progseg.tasks import Learning
from napari_progseg.training.fit import Trainee


def training_step(
    trainee: Trainee, learning: Learning, inputs: torch.Tensor, targets: torch.Tensor
) -> Callable[[], None]:
    """Return what trains one step, always on the same prepared batch."""

    def step() -> None:
        loss = learning.loss(forward(trainee.network, inputs), targets)
        trainee.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        trainee.optimiser.step()

    return step


def seconds_per_call(work: Callable[[], object], calls: int) -> float:
    """Return seconds per call, with the device's work done."""
    began = time.perf_counter()
    for _ in range(calls):
        work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return (time.perf_counter() - began) / calls

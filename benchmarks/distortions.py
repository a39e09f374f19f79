"""Speed of the distortions of restoration pretraining: patches per second, and their share of a training step.

Run with ``python benchmarks/distortions.py``. All figures of a row come from the same process, in turns.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from napari_progseg.data.plan import CaseFacts, Plan, make_plan
from napari_progseg.data.sampler import Batch
from napari_progseg.inference.model import choose_device
from napari_progseg.networks import build_network
from napari_progseg.restoration import apply, draw, shuffle_windows
from napari_progseg.tasks.restoration import Restoration
from napari_progseg.training.config import RestorationConfig, apply_settings, preset_config
from napari_progseg.training.fit import Trainee
from timing import seconds_per_call, training_step

ROUNDS, STEPS = 7, 3
PATCHES = (((96, 96), 32), ((64, 64, 32), 6))


def main() -> None:
    """Print the table."""
    device = choose_device("auto")
    print(f"device {device}, {torch.get_num_threads()} threads, published probabilities, preset tiny")
    print(f"{'patch':>10}{'batch':>7}{'windows':>9}{'patches/s':>11}{'without shuffling':>19}{'share of a step':>17}")
    for patch, batch in PATCHES:
        report(patch, batch, device)


def report(patch: tuple[int, ...], batch: int, device: torch.device) -> None:
    """Time the distortions, the distortions without shuffling, and a training step on a batch in hand."""
    images = torch.rand(batch, 1, *patch, device=device)
    settings = RestorationConfig()
    works = (
        distorting(settings, images),
        distorting(settings.model_copy(update={"shuffle": 0.0}), images),
        training(plan_of(patch, batch), images),
    )
    for work in works:
        work()
    rounds = [[seconds_per_call(work, STEPS) for work in works] for _ in range(ROUNDS)]
    full, plain, _ = (statistics.median(column) for column in zip(*rounds, strict=True))
    share = statistics.median(f / (f + s) for f, _, s in rounds)
    size = "x".join(map(str, patch))
    windows = shuffle_windows(patch)
    print(f"{size:>10}{batch:>7}{windows:>9}{batch / full:>11.0f}{batch / plain:>19.0f}{share:>16.0%}", flush=True)


def distorting(settings: RestorationConfig, images: torch.Tensor) -> Callable[[], object]:
    """Return what distorts a batch, drawn anew each time."""
    generator = torch.Generator().manual_seed(0)
    return lambda: apply(images, draw(settings, len(images), images.shape[2:], generator))


def training(plan: Plan, images: torch.Tensor) -> Callable[[], None]:
    """Return what trains one step on a batch that is distorted already."""
    config = preset_config("tiny", "restoration", budget={"steps": 1})
    trainee = Trainee.new(build_network(plan, seed=0).to(images.device), config.optimiser)
    learning = Restoration(config.restoration, plan)
    inputs, targets = learning.prepare(Batch(images, images), nn.Identity(), 0.0, torch.Generator().manual_seed(0))
    return training_step(trainee, learning, inputs, targets)


def plan_of(patch: tuple[int, ...], batch: int) -> Plan:
    """Plan a run of preset tiny with this patch."""
    shape: Any = (96,) * 3
    facts = CaseFacts("mr", "mr", shape, (1.0, 1.0, 1.0), np.arange(9, dtype=np.float32))
    size = ",".join(map(str, patch))
    settings = [f"model.dims={len(patch)}", f"patches.size=[{size}]", f"patches.batch={batch}"]
    config = apply_settings(preset_config("tiny", "restoration", budget={"steps": 1}), settings)
    return make_plan([facts], config, ())


if __name__ == "__main__":
    main()

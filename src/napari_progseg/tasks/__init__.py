"""What differs between modes: how a batch is prepared and what the loss compares."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ..data.plan import Plan
from ..data.sampler import Batch
from ..data.shape_cases import ShapeTable
from ..training.config import RunConfig
from .interactive import Interactive
from .restoration import Restoration
from .segmentation import Segmentation
from .shape import ShapeLearning


class Learning(Protocol):
    """A mode of training."""

    def prepare(
        self, batch: Batch, network: nn.Module, progress: float, generator: torch.Generator
    ) -> tuple[Tensor, Any]:
        """Turn images (B, 1, *patch) and labels (B, *patch) into network inputs and targets.

        `progress` is that of the run, in [0, 1].
        """

    def loss(self, logits: Any, targets: Any) -> Tensor:
        """Compare the network's output with the targets."""


def build_task(config: RunConfig, plan: Plan, shapes: ShapeTable | None = None) -> Learning:
    """Build the task a run asks for; `shapes` are those of its cases, for task ``shape``."""
    if shapes is not None:
        return ShapeLearning(config.shape, shapes, plan.spacing_zyx_mm)
    if config.task == "restoration":
        return Restoration(config.restoration, plan)
    dice = config.optimiser.loss == "dice_ce"
    if config.task == "interactive":
        return Interactive(plan, dice)
    return Segmentation(len(plan.classes), dice)

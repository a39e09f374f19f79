"""What differs between modes: how a batch is prepared and what the loss compares."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ..data.plan import Plan
from ..training.config import RunConfig
from .interactive import Interactive
from .restoration import Restoration
from .segmentation import Segmentation


class Learning(Protocol):
    """A mode of training."""

    def prepare(
        self, images: Tensor, labels: Tensor, network: nn.Module, progress: float, generator: torch.Generator
    ) -> tuple[Tensor, Any]:
        """Turn images (B, 1, *patch) and labels (B, *patch) into network inputs and targets.

        `progress` is that of the run, in [0, 1].
        """

    def loss(self, logits: Tensor, targets: Any) -> Tensor:
        """Compare the network's output with the targets."""


def build_task(config: RunConfig, plan: Plan) -> Learning:
    """Build the task a run asks for."""
    if config.task == "restoration":
        return Restoration(config.restoration)
    dice = config.optimiser.loss == "dice_ce"
    if config.task == "interactive":
        return Interactive(plan, dice)
    return Segmentation(len(plan.classes), dice)

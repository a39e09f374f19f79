"""Restoration: the network turns a distorted patch back into the original; no labels are needed.

Limited-data paper, section 2.2; distortions in `napari_progseg.restoration`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..data.sampler import Batch
from ..restoration import Distorted, apply, draw
from ..training.config import RestorationConfig


@dataclass(frozen=True)
class Restoration:
    """Distorted patches in, originals out, compared voxel by voxel."""

    settings: RestorationConfig

    def prepare(
        self, batch: Batch, network: nn.Module, progress: float, generator: torch.Generator
    ) -> tuple[Tensor, Distorted]:
        """Distort images (B, 1, *patch); the labels are not looked at."""
        distorted = apply(batch.images, draw(self.settings, len(batch.images), batch.images.shape[2:], generator))
        return distorted.images, distorted

    def loss(self, logits: Tensor, targets: Distorted) -> Tensor:
        """Return the mean absolute (or squared) error of sigmoid(logits), (B, 1, *patch), where the loss looks."""
        error = torch.sigmoid(logits.float()) - targets.targets
        each = error.abs() if self.settings.loss == "l1" else error.square()
        return (each * targets.weights).sum() / targets.weights.sum().clamp(min=1)

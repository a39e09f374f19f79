"""Every class by itself: one sigmoid channel a class."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..data.augment import IGNORED
from ..data.sampler import Batch


@dataclass(frozen=True, eq=False)
class Targets:
    """What the loss compares with.

    Parameters
    ----------
    masks : Tensor of float32, (B, classes, *patch)
        One mask a class.
    read : Tensor of float32, (B, classes)
        1 where the loss reads the channel of a sample.
    seen : Tensor of float32, (B, 1, *patch)
        1 where the loss looks.
    """

    masks: Tensor
    read: Tensor
    seen: Tensor


def masks_of(labels: Tensor, classes: int) -> Tensor:
    """Turn class numbers (B, *patch), 0 background, into masks (B, classes, *patch) of float32."""
    numbers = torch.arange(1, classes + 1, device=labels.device, dtype=labels.dtype)
    return (labels[:, None] == numbers.view(1, -1, *[1] * (labels.ndim - 1))).float()


def seen_of(labels: Tensor) -> Tensor:
    """Mark the voxels (B, 1, *patch) of class numbers (B, *patch) that are not to be ignored."""
    return (labels != IGNORED)[:, None].float()


@dataclass(frozen=True)
class Segmentation:
    """Automatic segmentation of `classes` structures with Dice and cross entropy, or cross entropy alone."""

    classes: int
    dice: bool = True

    def prepare(
        self, batch: Batch, network: nn.Module, progress: float, generator: torch.Generator
    ) -> tuple[Tensor, Targets]:
        """Return the images and one mask a class."""
        masks = masks_of(batch.labels, self.classes)
        return batch.images, Targets(masks, masks.new_ones(masks.shape[:2]), seen_of(batch.labels))

    def loss(self, logits: Tensor, targets: Targets) -> Tensor:
        """Compare logits (B, classes, *patch) with the targets."""
        return segmentation_loss(logits, targets, dice=self.dice)


def segmentation_loss(logits: Tensor, targets: Targets, *, dice: bool) -> Tensor:
    """Cross entropy averaged over the channels read, plus 1 - Dice of each class over the batch."""
    logits = logits.float()
    each = functional.binary_cross_entropy_with_logits(logits, targets.masks, reduction="none") * targets.seen
    each = each.flatten(2).sum(2) / targets.seen.flatten(2).sum(2).clamp(min=1)
    entropy = (each * targets.read).sum() / targets.read.sum().clamp(min=1)
    return entropy + _dice_loss(torch.sigmoid(logits), targets) if dice else entropy


def _dice_loss(probabilities: Tensor, targets: Targets) -> Tensor:
    """Batch Dice: sums run over all samples of a class, so that empty patches do no harm."""
    weight = targets.read[:, :, None] * targets.seen.flatten(2)
    found, real = probabilities.flatten(2) * weight, targets.masks.flatten(2) * weight
    overlap = (found * real).sum((0, 2))
    total = found.sum((0, 2)) + real.sum((0, 2))
    score = (2 * overlap + 1) / (total + 1)
    seen = (targets.read.sum(0) > 0).float()
    return ((1 - score) * seen).sum() / seen.sum().clamp(min=1)

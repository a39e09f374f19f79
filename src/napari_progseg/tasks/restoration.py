"""Restoration: the network turns a distorted patch back into the original; no labels are needed.

Limited-data paper, section 2.2; distortions in `napari_progseg.restoration`. Beyond the paper, some samples are click
tasks: an object that needs no label either is named by simulated clicks, and a second output learns its mask.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor, nn

from ..data.click_targets import draw_click_targets
from ..data.plan import Plan
from ..data.sampler import Batch
from ..restoration import Distorted, apply, draw
from ..training.config import RestorationConfig
from ..volume import LabelClass
from .interactive import ClickTargets, Interactive


@dataclass(frozen=True, eq=False)
class Pretraining:
    """Targets of a batch whose first samples are to be restored; in the others clicks name an object."""

    restored: Distorted
    clicked: ClickTargets | None


@dataclass(frozen=True)
class Restoration:
    """Distorted patches in, originals out, compared voxel by voxel; and click tasks where the plan has them."""

    settings: RestorationConfig
    plan: Plan

    @cached_property
    def clicks(self) -> Interactive:
        """The task of the samples with clicks; all get some, and masks before a click are drawn from the truth."""
        settings = {"none": 0.0, "after": 0.0, "decoys": 0.0, "previous": "degraded"}
        object_class = (LabelClass("object", (1,)),)
        return Interactive(
            self.plan.model_copy(
                update={"classes": object_class, "clicks": self.plan.clicks.model_copy(update=settings)}
            )
        )

    def prepare(
        self, batch: Batch, network: nn.Module, progress: float, generator: torch.Generator
    ) -> tuple[Tensor, Pretraining]:
        """Distort images (B, 1, *patch), the last of them replaced by click tasks; the labels are not looked at."""
        restored = len(batch.images) - self._draw_count(len(batch.images), generator)
        images, rest = batch.images[:restored], batch.images[restored:]
        distorted = apply(images, draw(self.settings, len(images), images.shape[2:], generator))
        inputs = self._without_clicks(distorted.images)
        if not len(rest):
            return inputs, Pretraining(distorted, None)
        changed, targets = draw_click_targets(rest.clamp(0, 1), generator)
        tasks = replace(batch, images=changed, labels=targets.to(batch.labels))
        clicked, named = self.clicks.prepare(tasks, network, progress, generator)
        return torch.cat([inputs, clicked]), Pretraining(distorted, named)

    def loss(self, logits: Tensor, targets: Pretraining) -> Tensor:
        """Compare logits, (B, 1 or 2, *patch), with the images, and with the masks of what was clicked.

        The first channel gives the image as its sigmoid, and the mean absolute (or squared) error is taken where the
        loss looks; the second is the mask of a click task. Each part counts as much as its share of the samples.
        """
        restored = len(targets.restored.images)
        loss = self._error(logits[:restored, :1], targets.restored)
        if targets.clicked is None:
            return loss
        share = restored / len(logits)
        return share * loss + (1 - share) * self.clicks.loss(logits[restored:, 1:], targets.clicked)

    def _draw_count(self, batch: int, generator: torch.Generator) -> int:
        """Draw how many samples are click tasks, on average their share of the batch."""
        if not self.plan.click_tasks:
            return 0
        return int(self.settings.click_tasks * batch + torch.rand((), generator=generator))

    def _without_clicks(self, images: Tensor) -> Tensor:
        empty = images.new_zeros(len(images), self.plan.input_channels - 1, *images.shape[2:])
        return torch.cat([images, empty], dim=1)

    def _error(self, logits: Tensor, targets: Distorted) -> Tensor:
        error = torch.sigmoid(logits.float()) - targets.targets
        each = error.abs() if self.settings.loss == "l1" else error.square()
        return (each * targets.weights).sum() / targets.weights.sum().clamp(min=1)

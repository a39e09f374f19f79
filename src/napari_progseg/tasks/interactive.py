"""Segmentation with clicks: the network predicts, simulated clicks correct it, the last answer is trained.

Limited-data paper, section 2.3, in the reading of algorithms 4.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..data.plan import Plan
from ..data.sampler import Batch
from ..guidance.bend import bent
from ..guidance.maps import ClickTensor, click_maps
from ..guidance.simulate import SimulatedClicks, draw_click_counts, first_clicks, next_clicks
from ..inference.model import forward, stacked
from ..networks.freeze import learn
from .segmentation import Targets, masks_of, seen_of, segmentation_loss


@dataclass(frozen=True)
class _Rounds:
    """What a batch will go through, drawn before anything is predicted."""

    chosen: Tensor
    background: Tensor
    counts: Tensor
    drop_previous: Tensor
    bent: Tensor


@dataclass(frozen=True)
class Interactive:
    """One class of each sample gets clicks; the loss reads its channel, or all channels where no click is given."""

    plan: Plan
    dice: bool = True

    def prepare(
        self, batch: Batch, network: nn.Module, progress: float, generator: torch.Generator
    ) -> tuple[Tensor, Targets]:
        """Simulate the clicks of a batch; the network is left in training mode."""
        masks = masks_of(batch.labels, len(self.plan.classes))
        rounds = self._draw(masks, progress, generator)
        rows = torch.arange(len(batch.images), device=batch.images.device)
        former = self._wanted(masks[rows, rounds.chosen], rounds.bent, generator)
        wanted = former * ~rounds.background.view(-1, *[1] * (former.ndim - 1))
        network.eval()
        with torch.no_grad():
            clicks, previous = self._clicks(batch.images, former > 0, wanted > 0, rounds, network, generator)
        learn(network)
        return self._inputs(batch.images, clicks, previous), self._targets(masks, wanted, rounds, seen_of(batch.labels))

    def loss(self, logits: Tensor, targets: Targets) -> Tensor:
        """Compare logits (B, classes, *patch) with the targets."""
        return segmentation_loss(logits, targets, dice=self.dice)

    def _draw(self, masks: Tensor, progress: float, generator: torch.Generator) -> _Rounds:
        settings, batch = self.plan.clicks, len(masks)
        present = masks.flatten(2).any(2).float()
        weights = torch.where(present.any(1, keepdim=True), present, torch.ones_like(present)).cpu()
        chosen = torch.multinomial(weights, 1, generator=generator)[:, 0]
        chance = torch.rand(4, batch, generator=generator)
        counts = draw_click_counts(batch, settings.most, generator)
        counts[chance[0] < (settings.none if progress >= settings.after else 1.0)] = 0
        background = (chance[1] < settings.background) & (counts > 0)
        dropped = chance[2] < settings.previous_dropout
        contours = (chance[3] < settings.bent) & (counts > 1)
        drawn = (chosen, background, counts, dropped, contours)
        return _Rounds(*(each.to(masks.device) for each in drawn))

    def _wanted(self, masks: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """Bend the contours of the chosen samples of masks (B, *patch)."""
        if not chosen.any():
            return masks
        return torch.where(_spread(chosen, masks), bent(masks, self.plan.clicks.bend, generator), masks)

    def _targets(self, masks: Tensor, wanted: Tensor, rounds: _Rounds, seen: Tensor) -> Targets:
        rows = torch.arange(len(masks), device=masks.device)
        masks = masks.clone()
        masks[rows, rounds.chosen] = wanted
        read = torch.zeros(masks.shape[:2], device=masks.device)
        read[rows, rounds.chosen] = 1
        read[rounds.counts == 0] = 1
        return Targets(masks, read, seen)

    def _clicks(
        self,
        images: Tensor,
        former: Tensor,
        wanted: Tensor,
        rounds: _Rounds,
        network: nn.Module,
        generator: torch.Generator,
    ) -> tuple[ClickTensor, Tensor]:
        """Return the clicks of the batch and the mask before the last of them."""
        clicks = ClickTensor.empty(len(images), self.plan.dims, images.device)
        previous = torch.zeros_like(former)
        active = rounds.counts > 0
        predicted = self._predicted(images, clicks, previous, rounds.chosen, active, network)
        for number in range(1, self.plan.clicks.most + 1):
            active = active & (rounds.counts >= number)
            if not active.any():
                break
            if number > 1:
                answered = self._predicted(images, clicks, previous, rounds.chosen, active, network)
                predicted = torch.where(_spread(active, predicted), answered, predicted)
            previous = torch.where(_spread(active & ~rounds.drop_previous, predicted), predicted, previous)
            found = self._simulated(former, wanted, predicted, active, first=number == 1, generator=generator)
            clicks = clicks.appended(found.positions.float(), found.inside, found.found)
            active = active & found.found
        return clicks, previous

    def _simulated(
        self,
        former: Tensor,
        wanted: Tensor,
        predicted: Tensor,
        active: Tensor,
        *,
        first: bool,
        generator: torch.Generator,
    ) -> SimulatedClicks:
        rows = active.nonzero()[:, 0]
        if first:
            some = first_clicks(wanted[rows], former[rows], predicted[rows], generator)
        else:
            some = next_clicks(predicted[rows], wanted[rows], self.plan.clicks.min_component)
        positions = torch.zeros(len(active), self.plan.dims, dtype=some.positions.dtype, device=active.device)
        inside, found = torch.zeros_like(active), torch.zeros_like(active)
        positions[rows], inside[rows], found[rows] = some.positions, some.inside, some.found
        return SimulatedClicks(positions, inside, found)

    def _predicted(
        self,
        images: Tensor,
        clicks: ClickTensor,
        previous: Tensor,
        chosen: Tensor,
        active: Tensor,
        network: nn.Module,
    ) -> Tensor:
        """Predict the active samples; the others stay empty."""
        rows = active.nonzero()[:, 0]
        out = torch.zeros_like(previous)
        if len(rows):
            some = ClickTensor(clicks.positions[rows], clicks.inside[rows], clicks.valid[rows])
            logits = forward(network, self._inputs(images[rows], some, previous[rows]))
            out[rows] = logits[torch.arange(len(rows), device=rows.device), chosen[rows]] > 0
        return out

    def _inputs(self, images: Tensor, clicks: ClickTensor, previous: Tensor) -> Tensor:
        plan = self.plan
        maps = click_maps(clicks, images.shape[2:], plan.sigma_voxels, plan.clicks.combine)
        return stacked(images, maps, previous[:, None].float(), use_previous=plan.clicks.previous_mask)


def _spread(per_sample: Tensor, like: Tensor) -> Tensor:
    return per_sample.view(-1, *[1] * (like.ndim - 1))

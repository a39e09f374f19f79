"""Segmentation with clicks: simulated clicks name an object and mend a mask of it, and the network learns the object.

Limited-data paper, section 2.3, in the reading of algorithms 4.3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..data.plan import Plan
from ..data.sampler import Batch
from ..guidance.bend import bent
from ..guidance.decoys import draw_pieces
from ..guidance.maps import ClickTensor, click_maps
from ..guidance.mistakes import mistaken
from ..guidance.simulate import SimulatedClicks, draw_click_counts, first_clicks, next_clicks
from ..inference.model import forward, stacked
from ..networks.freeze import learn
from .segmentation import Targets, masks_of, seen_of, segmentation_loss

# so near to a click (value of its map: 3 sigma) a bent contour is known, and (1.2 sigma) a mask was mended by it
_KNOWN, _MENDED = 0.011, 0.5

# clicks so far, mask before the last of them and samples that are asked -> what is marked now, (B, *patch) bool
_Ask = Callable[[ClickTensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class _Rounds:
    """What the samples of a batch will go through, drawn before anything is marked."""

    chosen: Tensor
    background: Tensor
    counts: Tensor
    drop_previous: Tensor
    bent: Tensor
    decoy: Tensor


@dataclass(frozen=True)
class _Named:
    """Masks (B, *patch) of bool: the object that clicks name, and what else the simulated user has to know.

    `former` is the object before it became background, `known` where its contour can be told from the image, `other`
    what may be taken for it, and `piece` (B,) says which objects are none of the classes.
    """

    wanted: Tensor
    former: Tensor
    known: Tensor
    other: Tensor
    piece: Tensor


@dataclass(frozen=True, eq=False)
class ClickTargets(Targets):
    """Targets beside the click maps, joined by maximum: Tensor of float32, (B, 1, *patch)."""

    near: Tensor


@dataclass(frozen=True)
class Interactive:
    """Clicks name one object a sample; a sample without clicks teaches all classes."""

    plan: Plan
    dice: bool = True

    def prepare(
        self, batch: Batch, network: nn.Module, progress: float, generator: torch.Generator
    ) -> tuple[Tensor, ClickTargets]:
        """Simulate the clicks of a batch; the network is left in training mode."""
        masks = masks_of(batch.labels, len(self.plan.classes))
        rounds = self._draw(masks, progress, generator)
        named = self._name(batch.images, masks > 0, rounds, generator)
        asks = self.plan.clicks.previous == "answers"
        if asks:
            network.eval()
        with torch.no_grad():
            ask = self._asking(batch.images, named, rounds, network, generator)
            clicks, previous = self._clicks(named, rounds, ask, generator)
        if asks:
            learn(network)
        maps = self._maps(clicks, previous)
        inputs = self._stacked(batch.images, maps, previous)
        return inputs, self._targets(masks, named, rounds, maps, seen_of(batch.labels))

    def loss(self, logits: Tensor, targets: ClickTargets) -> Tensor:
        """Compare logits (B, classes, *patch) with the targets, once more near the clicks."""
        loss = segmentation_loss(logits, targets, dice=self.dice)
        strength = self.plan.clicks.emphasis
        return loss + strength * _entropy_near(logits.float(), targets) if strength else loss

    def _draw(self, masks: Tensor, progress: float, generator: torch.Generator) -> _Rounds:
        settings, batch = self.plan.clicks, len(masks)
        present = masks.flatten(2).any(2).float()
        weights = torch.where(present.any(1, keepdim=True), present, torch.ones_like(present)).cpu()
        chosen = torch.multinomial(weights, 1, generator=generator)[:, 0]
        chance = torch.rand(5, batch, generator=generator)
        counts, fewer = (draw_click_counts(batch, settings.most, generator) for _ in range(2))
        dropout = torch.full((batch,), settings.previous_dropout)
        if settings.previous == "degraded":
            # a lone click has most to learn, which object it names, and often there is no mask yet
            counts = counts.minimum(fewer)
            dropout[counts == 1] *= 2
        counts[chance[0] < (settings.none if progress >= settings.after else 1.0)] = 0
        background = (chance[1] < settings.background) & (counts > 0)
        dropped = chance[2] < dropout
        contours = (chance[3] < settings.bent) & (counts > 1)
        decoy = (chance[4] < settings.decoys) & (counts > 0) & ~background
        drawn = (chosen, background, counts, dropped, contours, decoy)
        return _Rounds(*(each.to(masks.device) for each in drawn))

    def _name(self, images: Tensor, masks: Tensor, rounds: _Rounds, generator: torch.Generator) -> _Named:
        """Decide what is wanted of every sample, given the masks (B, classes, *patch) of its classes."""
        rows = torch.arange(len(masks), device=masks.device)
        own = masks[rows, rounds.chosen]
        piece = torch.zeros_like(rounds.decoy)
        former, other = own, self._other(masks, rounds.chosen, generator)
        if rounds.decoy.any():
            which = rounds.decoy.nonzero()[:, 0]
            pieces, piece[which] = draw_pieces(images[which], masks[which].any(1), generator)
            drawn = former.index_put((which,), pieces)
            former = torch.where(_spread(piece, own), drawn, own)
            other = torch.where(_spread(piece, own), own, other)
        straight = former
        if len(which := (rounds.bent & ~piece).nonzero()[:, 0]):
            curved = bent(former[which].float(), self.plan.clicks.bend, generator) > 0
            former = former.index_put((which,), curved)
        known = former == straight
        return _Named(former & ~_spread(rounds.background, former), former, known, other, piece)

    def _other(self, masks: Tensor, chosen: Tensor, generator: torch.Generator) -> Tensor:
        """Return another class of each sample; where none is there the mirror image of the chosen one."""
        present = masks.flatten(2).any(2)
        present[torch.arange(len(masks), device=masks.device), chosen] = False
        alone = ~present.any(1)
        weights = torch.where(alone[:, None], 1.0, present.float()).cpu()
        rows = torch.arange(len(masks), device=masks.device)
        picked = torch.multinomial(weights, 1, generator=generator)[:, 0].to(masks.device)
        mirrored = masks[rows, chosen].flip(-1) & ~masks[rows, chosen]
        return torch.where(_spread(alone, mirrored), mirrored, masks[rows, picked])

    def _targets(self, masks: Tensor, named: _Named, rounds: _Rounds, maps: Tensor, seen: Tensor) -> ClickTargets:
        """Every channel learns the object of an inside click; an outside click alone speaks of the chosen class."""
        rows = torch.arange(len(masks), device=masks.device)
        clicked = rounds.counts > 0
        masks, read = masks.clone(), masks.new_ones(masks.shape[:2])
        all_channels = clicked & named.wanted.flatten(1).any(1)
        masks[all_channels] = named.wanted[all_channels, None].float()
        masks[rows[clicked], rounds.chosen[clicked]] = named.wanted[clicked].float()
        read[clicked & ~all_channels] = 0
        read[rows, rounds.chosen] = 1
        near = maps.amax(1, keepdim=True)
        return ClickTargets(masks, read, seen * (named.known[:, None] | (near > _KNOWN)), near)

    def _asking(
        self, images: Tensor, named: _Named, rounds: _Rounds, network: nn.Module, generator: torch.Generator
    ) -> _Ask:
        """Return what marks a mask for the simulated user to mend: the network, or mistakes drawn from the truth."""
        if self.plan.clicks.previous == "answers":
            return lambda clicks, previous, active: self._predicted(
                images, clicks, previous, rounds.chosen, active, network
            )
        return lambda clicks, previous, active: self._degraded(clicks, named, active, generator)

    def _clicks(
        self, named: _Named, rounds: _Rounds, ask: _Ask, generator: torch.Generator
    ) -> tuple[ClickTensor, Tensor]:
        """Return the clicks of the batch and the mask before the last of them."""
        wanted = named.wanted
        clicks = ClickTensor.empty(len(wanted), self.plan.dims, wanted.device)
        previous = torch.zeros_like(wanted)
        active = rounds.counts > 0
        for number in range(1, self.plan.clicks.most + 1):
            active = active & (rounds.counts >= number)
            if not active.any():
                break
            marked = ask(clicks, previous, active)
            previous = torch.where(_spread(active & ~rounds.drop_previous, marked), marked, previous)
            found = self._simulated(named, marked, active, first=number == 1, generator=generator)
            clicks = clicks.appended(found.positions.float(), found.inside, found.found)
            active = active & found.found
        return clicks, previous

    def _simulated(
        self, named: _Named, marked: Tensor, active: Tensor, *, first: bool, generator: torch.Generator
    ) -> SimulatedClicks:
        rows = active.nonzero()[:, 0]
        if first:
            some = first_clicks(named.wanted[rows], named.former[rows], marked[rows], generator)
        else:
            some = next_clicks(marked[rows], named.wanted[rows], self.plan.clicks.min_component)
        positions = torch.zeros(len(active), self.plan.dims, dtype=some.positions.dtype, device=active.device)
        inside, found = torch.zeros_like(active), torch.zeros_like(active)
        positions[rows], inside[rows], found[rows] = some.positions, some.inside, some.found
        return SimulatedClicks(positions, inside, found)

    def _degraded(self, clicks: ClickTensor, named: _Named, active: Tensor, generator: torch.Generator) -> Tensor:
        """Draw what is marked in the active samples after clicks: mistakes, but none where it was clicked."""
        rows = active.nonzero()[:, 0]
        # an object that became background is marked, and clicked away
        drawn, wanted = mistaken(named.former[rows], named.other[rows], generator), named.wanted[rows]
        mended = self._maps(_of_samples(clicks, rows), drawn).amax(1) > _MENDED
        return torch.zeros_like(named.wanted).index_put((rows,), torch.where(mended, wanted, drawn))

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
            maps = self._maps(_of_samples(clicks, rows), previous)
            logits = forward(network, self._stacked(images[rows], maps, previous[rows]))
            out[rows] = logits[torch.arange(len(rows), device=rows.device), chosen[rows]] > 0
        return out

    def _maps(self, clicks: ClickTensor, like: Tensor) -> Tensor:
        return click_maps(clicks, like.shape[1:], self.plan.sigma_voxels, self.plan.clicks.combine)

    def _stacked(self, images: Tensor, maps: Tensor, previous: Tensor) -> Tensor:
        return stacked(images, maps, previous[:, None].float(), use_previous=self.plan.clicks.previous_mask)


def _entropy_near(logits: Tensor, targets: ClickTargets) -> Tensor:
    """Average the cross entropy with click maps as weights, over samples and channels that are read and clicked."""
    each = functional.binary_cross_entropy_with_logits(logits, targets.masks, reduction="none")
    weights = (targets.near * targets.seen).flatten(2)
    total = weights.sum(2)
    each = (each.flatten(2) * weights).sum(2) / total.clamp(min=1)
    read = targets.read * (total > 0)
    return (each * read).sum() / read.sum().clamp(min=1)


def _of_samples(clicks: ClickTensor, rows: Tensor) -> ClickTensor:
    return ClickTensor(clicks.positions[rows], clicks.inside[rows], clicks.valid[rows])


def _spread(per_sample: Tensor, like: Tensor) -> Tensor:
    return per_sample.view(-1, *[1] * (like.ndim - 1))

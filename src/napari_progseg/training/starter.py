"""Training of the starter: clicks on generated objects, for as many minutes as there are."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..data.synthesis import Task, draw_tasks
from ..data.synthesis.bank import ShapeBank
from .click_pool import ClickPool, Shown


@dataclass(frozen=True)
class StarterRecipe:
    """How the starter is trained.

    Parameters
    ----------
    minutes : float
        Length of this part of the training; the rate falls to nearly nothing at its end.
    sizes : tuple of (int, int)
        Sides of windows in voxels, and how many windows a batch has.
    early : float
        Share of the time in which only the smallest windows are shown, as in progressive growing of patch sizes.
    rate : float
        Highest learning rate of AdamW.
    warmup, cooldown : float
        Shares of the time in which the rate rises, and falls.
    average : float
        Decay of the averaged weights, which are the ones that are kept.
    pool : int
        Tasks under work for each window size, in batches.
    bfloat16 : bool
        Convolve in bfloat16: three fifths of the time on a processor that has instructions for it (measured), much
        longer on one that has not.
    """

    minutes: float
    sizes: tuple[tuple[int, int], ...] = ((32, 8), (48, 4))
    early: float = 0.3
    rate: float = 2e-3
    warmup: float = 0.02
    cooldown: float = 0.35
    average: float = 0.998
    pool: int = 5
    bfloat16: bool = False


@dataclass(frozen=True)
class StarterStep:
    """What is known after a step.

    Parameters
    ----------
    step, samples : int
        Steps and windows so far, of this part of the training.
    progress : float
        Share of its time that is over.
    loss : float
        Of this step.
    """

    step: int
    samples: int
    progress: float
    loss: float


def train_starter(
    network: nn.Module,
    average: nn.Module,
    recipe: StarterRecipe,
    generator: torch.Generator,
    bank: ShapeBank | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[StarterStep]:
    """Train `network` in place, and keep the running average of its weights in `average`.

    Parameters
    ----------
    generator : torch.Generator
        On the device of the network; draws tasks, clicks and batches.
    bank : ShapeBank or None
        Shapes of real anatomy, on the same device.
    """
    optimiser = torch.optim.AdamW(network.parameters(), recipe.rate, weight_decay=1e-4)
    pools: dict[int, ClickPool] = {}
    began, step, samples, progress = clock(), 0, 0, 0.0
    while progress < 1:
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * _rate(progress, recipe)
        size, batch = _window(progress, recipe, generator)
        if size not in pools:
            draw = partial(draw_tasks, generator, min(batch, 8), size, bank)
            pools[size] = ClickPool(_until_some(draw), recipe.pool * batch, generator)
        shown = pools[size].show(batch)
        loss, logits = learn_from(network, optimiser, shown, bfloat16=recipe.bfloat16)
        pools[size].answer(shown.rows, logits[:, 0] > 0)
        _follow(average, network, min(recipe.average, (1 + step) / (10 + step)))
        step, samples, progress = step + 1, samples + batch, (clock() - began) / 60 / recipe.minutes
        yield StarterStep(step, samples, progress, loss)


def averaged(network: nn.Module) -> nn.Module:
    """Return a copy of a network for the running average of its weights."""
    return copy.deepcopy(network).requires_grad_(False)


def starter_loss(mask: Tensor, fit: Tensor, targets: Tensor, clicked: Tensor, guessed: Tensor) -> Tensor:
    """Dice and cross entropy of each mask, weighted near clicks, and how well the mask's quality was foretold.

    Parameters
    ----------
    mask : Tensor, (B, 1, Z, Y, X)
        Logits.
    fit : Tensor, (B,)
        Logits of the quality.
    targets : Tensor of bool, (B, Z, Y, X)
        The objects.
    clicked : Tensor, (B, Z, Y, X)
        Largest of all click maps. A voxel that was clicked counts eleven times.
    guessed : Tensor of bool, (B,)
        Samples whose mask teaches nothing.
    """
    wanted, logits = targets.float(), mask[:, 0].float()
    found = torch.sigmoid(logits)
    overlap = 2 * (found * wanted).flatten(1).sum(1)
    dice = (overlap + 1) / ((found + wanted).flatten(1).sum(1) + 1)
    each = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    entropy = (each * (1 + 10 * clicked)).flatten(1).mean(1)
    quality = functional.binary_cross_entropy_with_logits(fit.float(), dice.detach() * _whole(targets))
    told = (~guessed).float()
    return ((1 - dice + entropy) * told).sum() / told.sum().clamp(min=1) + 0.2 * quality


def _whole(targets: Tensor) -> Tensor:
    """Return 1 for objects within their window, and less the more of its six faces they touch, (B,)."""
    faces = [targets.select(axis, end).flatten(1).any(1) for axis in (1, 2, 3) for end in (0, -1)]
    return 1 - 0.8 * torch.stack(faces).float().mean(0)


def learn_from(
    network: nn.Module, optimiser: torch.optim.Optimizer, shown: Shown, *, bfloat16: bool
) -> tuple[float, Tensor]:
    """Take a step on what is shown, and return the loss and the logits, (B, 1, Z, Y, X), that it was taken from."""
    with torch.autocast(shown.inputs.device.type, torch.bfloat16, enabled=bfloat16):
        mask, fit = network(shown.inputs.contiguous(memory_format=torch.channels_last_3d))
    loss = starter_loss(mask, fit, shown.targets, shown.inputs[:, 1:3].amax(1), shown.guessed)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    norm = nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    if torch.isfinite(norm):  # in bfloat16 about one step in a thousand had no finite gradient
        optimiser.step()
    return float(loss.detach()), mask.detach()


def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    with torch.no_grad():
        torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)


def _rate(progress: float, recipe: StarterRecipe) -> float:
    rising = min(1.0, (progress + 1e-3) / recipe.warmup)
    falling = min(1.0, (1 - progress) / recipe.cooldown)
    return max(0.01, rising * falling)


def _window(progress: float, recipe: StarterRecipe, generator: torch.Generator) -> tuple[int, int]:
    if progress < recipe.early:
        return recipe.sizes[0]
    chosen = torch.rand(1, generator=generator, device=generator.device)
    return recipe.sizes[min(int(chosen * (len(recipe.sizes) + 1)), len(recipe.sizes) - 1)]


def _until_some(draw: Callable[[], Task]) -> Callable[[], Task]:
    def some() -> Task:
        while not len((task := draw()).images):
            pass
        return task

    return some

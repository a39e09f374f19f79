"""Tasks under work: each is shown to the network again after every answer, with one more click."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..data.click_windows import WINDOW_IN_REACHES, click_inputs, clicked_intensities
from ..data.synthesis import Task
from ..guidance.maps import ClickTensor
from ..guidance.simulate import SimulatedClicks, innermost_points, next_clicks

MOST_CLICKS = 8
_BEGUN, _BLIND = 0.2, 0.4
_AIMED = 0.35
_DRAGGED, _GUESSED = 0.5, 0.15
_LONGEST = 0.65


@dataclass(frozen=True, eq=False)
class Shown:
    """What the network is shown of some tasks of a pool.

    Parameters
    ----------
    rows : Tensor of int64, (B,)
        Their places in the pool.
    inputs : Tensor, (B, 7, Z, Y, X)
        See `data.click_windows.click_inputs`.
    targets : Tensor of bool, (B, Z, Y, X)
        What it should mark.
    guessed : Tensor of bool, (B,)
        Where the reach is a mere guess, as in a search for the right window: the mask teaches nothing then, only how
        well it fits.
    """

    rows: Tensor
    inputs: Tensor
    targets: Tensor
    guessed: Tensor


class ClickPool:
    """Tasks that are answered click after click while the network learns from each answer.

    No answer is computed only to find out where the next click goes: the one that was learned from says it. A task is
    replaced once it has had the number of clicks that was drawn for it, or is right.

    Parameters
    ----------
    draw : callable
        Returns new tasks, at least one.
    size : int
        Tasks under work. Much more than a batch, so that the samples of a step have little in common.
    generator : torch.Generator
        On the device of the tasks.
    """

    def __init__(self, draw: Callable[[], Task], size: int, generator: torch.Generator) -> None:
        self._draw, self._generator = draw, generator
        self._spare: list[Task] = []
        first = self._fresh(size)
        device = first.images.device
        self._images, self._targets = first.images, first.targets
        self._positions = torch.zeros((size, MOST_CLICKS, 3), device=device)
        self._inside = torch.zeros((size, MOST_CLICKS), dtype=torch.bool, device=device)
        self._intensities = torch.zeros((size, MOST_CLICKS), device=device)
        self._given = torch.zeros(size, dtype=torch.long, device=device)
        self._planned = torch.zeros(size, dtype=torch.long, device=device)
        self._reach = torch.zeros(size, device=device)
        self._guessed = torch.zeros(size, dtype=torch.bool, device=device)
        self._previous = torch.zeros_like(first.targets)
        self._begin(torch.arange(size, device=device))

    def show(self, batch: int) -> Shown:
        """Choose `batch` tasks at random."""
        rows = torch.randperm(len(self._images), generator=self._generator, device=self._images.device)[:batch]
        slots = torch.arange(MOST_CLICKS, device=rows.device)
        clicks = ClickTensor(self._positions[rows], self._inside[rows], slots < self._given[rows, None])
        used = max(1, int(self._given[rows].max()))
        clicks = ClickTensor(clicks.positions[:, :used], clicks.inside[:, :used], clicks.valid[:, :used])
        intensities, reach = self._intensities[rows, :used], self._reach[rows]
        inputs = click_inputs(self._images[rows], clicks, self._previous[rows], intensities, reach)
        return Shown(rows, inputs, self._targets[rows], self._guessed[rows])

    def answer(self, rows: Tensor, masks: Tensor) -> None:
        """Take the network's masks, (B, Z, Y, X) bool, of the tasks shown, and click on their errors.

        Parameters
        ----------
        rows : Tensor of int64, (B,)
            As in what was shown.
        """
        self._previous[rows] = masks
        found = self._click(rows, masks)
        done = ~found | (self._given[rows] > self._planned[rows]) | self._guessed[rows]
        if done.any():
            self._replace(rows[done])

    def _replace(self, rows: Tensor) -> None:
        fresh = self._fresh(len(rows))
        self._images[rows], self._targets[rows] = fresh.images, fresh.targets
        self._begin(rows)

    def _begin(self, rows: Tensor) -> None:
        """Give new tasks their first click; some begin with a mask that is nearly right, and some of those blindly."""
        chance = torch.rand((4, len(rows)), generator=self._generator, device=rows.device)
        self._given[rows], self._previous[rows] = 0, False
        drawn = torch.randint(1, MOST_CLICKS, (len(rows),), generator=self._generator, device=rows.device)
        self._planned[rows] = torch.where(chance[2] < 0.5, drawn.clamp(max=3), drawn)
        begun = chance[0] < _BEGUN
        if begun.any():
            self._previous[rows[begun]] = degraded(self._targets[rows[begun]], self._generator)
        self._click(rows, self._previous[rows])
        plain = self._inside[rows, 0] & ~begun
        guessed, dragged = plain & (chance[3] < _GUESSED), plain & (chance[3] < _GUESSED + _DRAGGED)
        self._guessed[rows] = guessed
        reach = torch.where(dragged, self._drawn_reach(rows), 0.0)
        self._reach[rows] = torch.where(guessed, self._targets.shape[-1] / WINDOW_IN_REACHES, reach)
        blind = rows[begun & (chance[1] < _BLIND)]
        # a window of a large object that is refined: its intensity is known, its clicks lie elsewhere
        self._positions[blind, 0] = -100.0

    def _drawn_reach(self, rows: Tensor) -> Tensor:
        """Measure how far targets reach from their first click within one slice, wrong by up to a fifth; (B,).

        Most people drag in the view in which a structure is longest, some in the one that they happen to look at.
        """
        device = rows.device
        far = torch.stack([self._farthest(rows, axis) for axis in range(3)])
        view = torch.randint(0, 3, (1, len(rows)), generator=self._generator, device=device)
        longest = torch.rand(len(rows), generator=self._generator, device=device) < _LONGEST
        dragged = torch.where(longest, far.amax(0), far.gather(0, view)[0])
        wrong = torch.rand(len(rows), generator=self._generator, device=device) * 0.4 + 0.8
        return (dragged * wrong).clamp(min=1.0)

    def _farthest(self, rows: Tensor, axis: int) -> Tensor:
        """Measure how far targets reach from their first click within the slice across an axis, in voxels; (B,)."""
        device, size = rows.device, self._targets.shape[-1]
        at = self._positions[rows, 0].round().long().clamp(0, size - 1)
        plane = self._targets[rows].movedim(axis + 1, 1)[torch.arange(len(rows), device=device), at[:, axis]]
        centre = self._positions[rows, 0][:, [other for other in range(3) if other != axis]]
        voxels = torch.arange(size, device=device, dtype=torch.float32)
        down, right = ((voxels - centre[:, side, None]) ** 2 for side in range(2))
        return ((down[:, :, None] + right[:, None]) * plane).flatten(1).amax(1).sqrt()

    def _click(self, rows: Tensor, masks: Tensor) -> Tensor:
        """Add one click to each task on an error of its mask, and return where there was one, (B,) bool."""
        targets = self._targets[rows]
        aim = self._aim(len(rows), targets.shape[-1])
        clicks = _coarse_clicks(masks, targets, aim)
        position, inside, found = clicks.positions[:, 0], clicks.inside[:, 0], clicks.valid[:, 0]
        first = self._given[rows] == 0
        missed = (first & ~found).nonzero()[:, 0]
        if len(missed):
            position[missed] = innermost_points(targets[missed])[0].to(position)
            inside[missed], found[missed] = True, True
        room = found & (self._given[rows] < MOST_CLICKS)
        at, slot = rows[room], self._given[rows[room]]
        self._positions[at, slot], self._inside[at, slot] = position[room], inside[room]
        one = ClickTensor(position[room][:, None], inside[room][:, None], torch.ones_like(inside[room])[:, None])
        self._intensities[at, slot] = clicked_intensities(self._images[at], one)[:, 0]
        self._given[at] = slot + 1
        return room

    def _aim(self, batch: int, size: int) -> Tensor:
        """Draw the half of each window in which errors are looked for; most look everywhere; (B, Z, Y, X) bool."""
        generator, device = self._generator, self._images.device
        direction = torch.randn((batch, 3, 1, 1, 1), generator=generator, device=device)
        offset = torch.randn((batch, 1, 1, 1), generator=generator, device=device) * 0.15
        everywhere = torch.rand((batch, 1, 1, 1), generator=generator, device=device) >= _AIMED
        axis = torch.linspace(-0.5, 0.5, size // 2, device=device)
        places = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"))
        side = (places * functional.normalize(direction, dim=1)).sum(1) > offset
        return side | everywhere

    def _fresh(self, count: int) -> Task:
        """Return exactly `count` new tasks."""
        while sum(len(task.images) for task in self._spare) < count:
            self._spare.append(self._draw())
        images = torch.cat([task.images for task in self._spare])
        targets = torch.cat([task.targets for task in self._spare])
        self._spare = [Task(images[count:], targets[count:])]
        return Task(images[:count], targets[:count])


def degraded(targets: Tensor, generator: torch.Generator) -> Tensor:
    """Make masks (B, Z, Y, X) that are nearly right: coarse ones, and some with a bite or a piece too much.

    A coarse mask is what a large window gives of an object; the finer windows along its border begin with it.
    """
    batch, size = len(targets), targets.shape[-1]
    factor = 2 + int(torch.randint(0, 3, (1,), generator=generator, device=generator.device))
    coarse = functional.avg_pool3d(targets[:, None].float(), factor, ceil_mode=True, count_include_pad=False)
    wrong = torch.randn(coarse.shape, generator=generator, device=generator.device)
    strength = torch.rand((batch, 1, 1, 1, 1), generator=generator, device=generator.device) * 0.5
    wrong = functional.avg_pool3d(functional.pad(wrong, (1,) * 6, mode="replicate"), 3, stride=1) * 3
    mask = functional.interpolate(coarse + strength * wrong, (size,) * 3, mode="trilinear")[:, 0] > 0.5
    axis = torch.linspace(-0.5, 0.5, size, device=targets.device)
    places = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"))
    centre = torch.rand((batch, 3, 1, 1, 1), generator=generator, device=generator.device) - 0.5
    radius = torch.rand((batch, 1, 1, 1), generator=generator, device=generator.device) * 0.3
    ball = ((places - centre) ** 2).sum(1).sqrt() < radius
    kind = torch.rand((batch, 1, 1, 1), generator=generator, device=generator.device)
    return torch.where(kind < 0.3, mask & ~ball, torch.where(kind < 0.6, mask | (ball & (kind < 0.45)), mask))


def _coarse_clicks(masks: Tensor, targets: Tensor, aim: Tensor) -> ClickTensor:
    """Find the next clicks at half resolution, an eighth of the work; one slot a sample."""
    missing, surplus = (
        functional.avg_pool3d(each[:, None].float(), 2)[:, 0] >= 0.5 for each in (targets & ~masks, masks & ~targets)
    )
    found = next_clicks(surplus & aim, missing & aim)
    if not found.found.all():
        # nothing wrong where it was looked for: anywhere
        anywhere = next_clicks(surplus, missing)
        found = SimulatedClicks(
            torch.where(found.found[:, None], found.positions, anywhere.positions),
            torch.where(found.found, found.inside, anywhere.inside),
            found.found | anywhere.found,
        )
    position = 2 * found.positions.float() + 0.5
    return ClickTensor(position[:, None], found.inside[:, None], found.found[:, None])

"""Progressive growing of patch size: which patch and batch each part of a training has.

PGPS paper, in the readings of algorithms 2: the rule of 2025 and that of 2024.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from math import ceil, prod
from typing import Literal

import numpy as np

from ..errors import UserError
from ..training.config import PatchConfig

Patch = tuple[int, ...]
Generation = Literal[2024, 2025]
# growing by less would make very many stages
SMALLEST_STEP = 8


@dataclass(frozen=True)
class PatchStage:
    """What a batch looks like.

    Parameters
    ----------
    patch : tuple of int
        Voxels, (z, y, x) or (y, x).
    batch : int
        Samples.
    """

    patch: Patch
    batch: int

    @property
    def voxels(self) -> int:
        """Voxels of a batch."""
        return self.batch * prod(self.patch)


@dataclass(frozen=True)
class PatchSchedule:
    """The stages of a training, the last one at its full patch.

    Parameters
    ----------
    stages : tuple of PatchStage
        Smallest patch first.
    epochs : int
        Into how many equal parts a training is divided; every stage lasts a whole number of them.
    at_random : bool
        Draw the stage of each step anew: the control that tells growing from merely smaller patches.
    """

    stages: tuple[PatchStage, ...]
    epochs: int
    at_random: bool = False

    def at(self, progress: float, step: int, seed: int) -> PatchStage:
        """Return the stage at a progress in [0, 1]; step and seed matter only where stages are drawn."""
        if self.at_random:
            return self.stages[int(np.random.default_rng([seed, step, 4]).integers(len(self.stages)))]
        return self.stages[stage_of(min(int(progress * self.epochs), self.epochs - 1), self.epochs, len(self.stages))]

    @classmethod
    def constant(cls, patch: Patch, batch: int) -> PatchSchedule:
        """Use one patch all the time."""
        return cls((PatchStage(patch, batch),), 1)

    @classmethod
    def growing(
        cls, final: Patch, divisors: Sequence[int], batch: int, settings: PatchConfig, shortest: int = 1
    ) -> PatchSchedule:
        """Grow from the smallest patch that a network takes.

        Parameters
        ----------
        final : tuple of int
            The full patch.
        divisors : sequence of int
            What the network divides each axis by.
        batch : int
            Batch at the full patch.
        shortest : int
            Patches with a shorter axis are left out, save the full one.
        """
        patches = growing_patches(final, growth_steps(final, divisors), settings.generation)
        patches = tuple(patch for patch in patches[:-1] if min(patch) >= shortest) + patches[-1:]
        batches = (batch,) * len(patches)
        if settings.schedule == "performance":
            fill = full_batches if settings.generation == 2025 else chained_batches
            batches = fill(patches, batch, settings.most)
        stages = tuple(PatchStage(*each) for each in zip(patches, batches, strict=True))
        return cls(stages, settings.epochs, at_random=settings.schedule == "random")

    @property
    def starts(self) -> tuple[tuple[float, PatchStage], ...]:
        """At which progress each stage begins; nothing where stages are drawn at random."""
        if self.at_random:
            return ()
        numbers = [stage_of(epoch, self.epochs, len(self.stages)) for epoch in range(self.epochs)]
        firsts = {number: epoch for epoch, number in reversed(list(enumerate(numbers)))}
        return tuple((epoch / self.epochs, self.stages[number]) for number, epoch in sorted(firsts.items()))

    @property
    def voxel_ratio(self) -> float:
        """Mean voxels of a step, relative to those of the last stage."""
        if self.at_random:
            mean = sum(stage.voxels for stage in self.stages) / len(self.stages)
        else:
            numbers = (stage_of(epoch, self.epochs, len(self.stages)) for epoch in range(self.epochs))
            mean = sum(self.stages[number].voxels for number in numbers) / self.epochs
        return mean / self.stages[-1].voxels


def growing_patches(final: Patch, steps: Sequence[int], generation: Generation = 2025) -> tuple[Patch, ...]:
    """List the patches from the smallest that a network takes to the final one.

    Parameters
    ----------
    final : tuple of int
        Voxels, (z, y, x) or (y, x); divisible by `steps`.
    steps : sequence of int
        By how many voxels each axis grows, which is also its smallest size: what the network divides it by.
    generation : {2025, 2024}
        2025: from a bottleneck of one voxel, always the axis that is then smallest. 2024: from a bottleneck of two
        voxels along the first axis, axes in turn, beginning with the second.

    Raises
    ------
    UserError
        If the final patch is not divisible.
    """
    if any(n % s for n, s in zip(final, steps, strict=True)):
        would_do = tuple(max(s, n // s * s) for n, s in zip(final, steps, strict=True))
        raise UserError(
            f"the patch {final} cannot grow in steps of {tuple(steps)}; nothing was started; {would_do} would do"
        )
    return _by_size(final, tuple(steps)) if generation == 2025 else _in_turn(final, tuple(steps))


def _by_size(final: Patch, steps: Patch) -> tuple[Patch, ...]:
    patches = [steps]
    while patches[-1] != final:
        last = patches[-1]
        growing = [axis for axis, n in enumerate(last) if n < final[axis]]
        patches.append(_grown(last, min(growing, key=lambda axis: last[axis] + steps[axis]), steps))
    return tuple(patches)


def _in_turn(final: Patch, steps: Patch) -> tuple[Patch, ...]:
    patches = [(min(2 * steps[0], final[0]), *steps[1:])]
    for axis in cycle([*range(1, len(final)), 0]):
        if patches[-1] == final:
            return tuple(patches)
        if patches[-1][axis] < final[axis]:
            patches.append(_grown(patches[-1], axis, steps))
    raise AssertionError("a cycle has no end")


def _grown(patch: Patch, axis: int, steps: Patch) -> Patch:
    return tuple(n + (a == axis) * s for a, (n, s) in enumerate(zip(patch, steps, strict=True)))


def growth_steps(final: Patch, divisors: Sequence[int], smallest: int = SMALLEST_STEP) -> Patch:
    """Return by how much each axis grows: a multiple of what the network divides it by, at least `smallest` voxels.

    An axis that such steps do not meet exactly does not grow.
    """
    steps = (d * ceil(smallest / d) for d in divisors)
    return tuple(s if n % s == 0 else n for n, s in zip(final, steps, strict=True))


def full_batches(patches: Sequence[Patch], batch: int, most: int = 512) -> tuple[int, ...]:
    """Return batches whose voxels never exceed those of the last stage (performance, 2025)."""
    voxels = batch * prod(patches[-1])
    return tuple(min(most, voxels // prod(patch)) for patch in patches)


def chained_batches(patches: Sequence[Patch], batch: int, most: int = 512) -> tuple[int, ...]:
    """Return batches found from the last stage backwards, each from the one after it (PGPS+, 2024)."""
    found = [batch]
    for smaller, larger in zip(reversed(patches[:-1]), reversed(patches[1:]), strict=True):
        found.append(max(batch, found[-1] * prod(larger) // prod(smaller)))
    return tuple(min(most, n) for n in reversed(found))


def stage_of(epoch: int, epochs: int, stages: int) -> int:
    """Return the stage of an epoch: all are equally long, and the last one takes what is left over.

    With fewer epochs than stages some stages are left out, never the first and the last; a single epoch has the last.
    """
    if stages > epochs:
        kept = np.linspace(0, stages - 1, epochs).round().astype(int) if epochs > 1 else [stages - 1]
        return int(kept[epoch])
    return min(epoch // (epochs // stages), stages - 1)

"""Both schedules of a run together: what its next batch is drawn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .patches import Patch, PatchSchedule
from .samples import SampleSchedule


@dataclass(frozen=True)
class Stage:
    """What a batch is drawn from.

    Parameters
    ----------
    patch : tuple of int
        Voxels, (z, y, x) or (y, x).
    batch : int
        Patches.
    cases : tuple of str
        Active cases.
    epoch, offset : int
        Passes over the active cases so far, and the samples of this pass that were drawn already.
    """

    patch: Patch
    batch: int
    cases: tuple[str, ...]
    epoch: int
    offset: int


@dataclass(frozen=True)
class Course:
    """Sample schedule and patch schedule; neither knows the other."""

    samples: SampleSchedule
    patches: PatchSchedule

    @classmethod
    def constant(cls, units: Mapping[str, int], patch: Patch, batch: int) -> Course:
        """Draw from all cases, with one patch, all the time; `units` are the samples of a pass over each case."""
        return cls(SampleSchedule.constant(units), PatchSchedule.constant(patch, batch))

    @property
    def changes(self) -> bool:
        """Whether anything changes while a run goes on."""
        return len(self.samples.stages) > 1 or len(self.patches.stages) > 1

    def at(self, progress: float, step: int, samples: int, seed: int) -> Stage:
        """Return the stage at a progress in [0, 1], a step, and so many samples."""
        shape = self.patches.at(progress, step, seed)
        return Stage(shape.patch, shape.batch, *self.samples.at(samples))

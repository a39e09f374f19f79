"""Progressive deep learning: which cases each part of a training learns from.

PDL paper, in the reading of algorithms 1: similar cases first, then all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from ..data.splits import permutation
from ..training.config import SampleChoice, SampleConfig


class Place(NamedTuple):
    """Where a training stands.

    Parameters
    ----------
    cases : tuple of str
        Active cases.
    epoch : int
        Passes over the cases that were then active.
    offset : int
        Samples of this pass that were drawn already.
    """

    cases: tuple[str, ...]
    epoch: int
    offset: int


@dataclass(frozen=True)
class _Stage:
    """Part of a training with the same active cases; `first` and `epoch` are where it begins."""

    cases: tuple[str, ...]
    units: int
    first: int
    epoch: int


@dataclass(frozen=True)
class SampleSchedule:
    """Stages of a training, each with more cases than the one before; the last has all of them."""

    stages: tuple[_Stage, ...]

    @classmethod
    def constant(cls, units: Mapping[str, int]) -> SampleSchedule:
        """Learn from all cases all the time."""
        return cls((_Stage(tuple(units), sum(units.values()), 0, 0),))

    @classmethod
    def growing(
        cls, ranked: Sequence[str], units: Mapping[str, int], settings: SampleConfig, add_every: float, seed: int
    ) -> SampleSchedule:
        """Begin with some cases and let the others join.

        Parameters
        ----------
        ranked : sequence of str
            Case ids, most similar first.
        units : dict of str to int
            How many samples a pass draws of each case: one in 3D, its slices in 2D.
        add_every : float
            Passes over its cases that a stage lasts.
        seed : int
            Orders the cases of the random control, which has the same sizes.
        """
        order = _ordered(ranked, settings.schedule, seed)
        stages, first, epoch = [], 0, 0
        for size in _sizes(len(order), settings):
            cases = order[:size]
            total = sum(units[case] for case in cases)
            stages.append(_Stage(cases, total, first, epoch))
            first += ceil(add_every * total)
            epoch += ceil(add_every)
        return cls(tuple(stages))

    @property
    def starts(self) -> tuple[tuple[int, int], ...]:
        """After how many samples so many cases are active."""
        return tuple((stage.first, len(stage.cases)) for stage in self.stages)

    def at(self, samples: int) -> Place:
        """Say where a training stands after so many samples."""
        stage = next(stage for stage in reversed(self.stages) if samples >= stage.first)
        passes, offset = divmod(samples - stage.first, stage.units)
        return Place(stage.cases, stage.epoch + passes, offset)


def tuning_subset(ranked: Sequence[str], k: int) -> tuple[str, ...]:
    """Return every k-th case of a ranking: a coarse sampling on which settings can be tuned quickly."""
    return tuple(ranked[::k])


def _ordered(ranked: Sequence[str], choice: SampleChoice, seed: int) -> tuple[str, ...]:
    if choice == "random":
        return permutation(ranked, seed)
    return tuple(reversed(ranked)) if choice == "pdl-dissimilar" else tuple(ranked)


def _sizes(count: int, settings: SampleConfig) -> Iterator[int]:
    """Let shares grow evenly from the first to 1; one or two cases are never divided."""
    if count > 2:
        for stage in range(settings.stages - 1):
            share = settings.start + (1 - settings.start) * stage / (settings.stages - 1)
            yield max(1, round(share * count))
    yield count

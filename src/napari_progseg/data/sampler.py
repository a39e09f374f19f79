"""Patches for one batch: drawn from (seed, rank, step), then cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..schedules.course import Stage
from ..schedules.patches import Patch
from ..training.config import PatchConfig
from .plan import Plan
from .store import TrainingCase

_Centre = tuple[TrainingCase, NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class Batch:
    """Patches of one step.

    Parameters
    ----------
    images : Tensor of float32, (B, 1, *patch)
        Intensities in [0, 1].
    labels : Tensor of uint8, (B, *patch)
        0 background, c + 1 for class number c.
    cases : tuple of str
        Which case every sample is of.
    epoch : int
        Passes over the active cases so far.
    """

    images: Tensor
    labels: Tensor
    cases: tuple[str, ...] = ()
    epoch: int = 0


class PatchSampler:
    """Cuts patches from memory-mapped cases.

    Parameters
    ----------
    cases : sequence of TrainingCase
        All cases of the run.
    plan : Plan
        Gives dimensions and the batch at the full patch.
    patches : PatchConfig
        Gives the share of foreground patches, and whether slices are drawn without repetition. Where patches grow, a
        batch comes from as many cases as at the full patch, and every other one of them gives foreground patches only
        (PGPS paper; algorithms 2.6).
    margin : float
        Cut boxes are so much larger than the patch, room for augmentation to turn and shift them.
    beyond : int
        Label of what lies outside the image.
    """

    def __init__(
        self,
        cases: Sequence[TrainingCase],
        plan: Plan,
        patches: PatchConfig,
        margin: float = 1.0,
        beyond: int = 0,
    ) -> None:
        self._cases = {case.case: case for case in cases}
        self._plan = plan
        self._patches = patches
        self._margin = margin
        self._beyond = beyond

    @property
    def units(self) -> dict[str, int]:
        """How many samples a pass draws of each case: its slices in 2D, one in 3D."""
        return {name: case.image.shape[0] if self._plan.dims == 2 else 1 for name, case in self._cases.items()}

    def box(self, patch: Patch) -> tuple[int, int, int]:
        """Return the box that is cut for a patch, (z, y, x)."""
        grown = tuple(int(np.ceil(n * self._margin)) for n in patch)
        return (1, *grown) if self._plan.dims == 2 else grown  # type: ignore[return-value]

    def middles(self, patch: Patch) -> Tensor:
        """Return the labels of every case in a patch about its middle, (cases, *patch) of uint8."""
        size = np.array(patch if self._plan.dims == 3 else (1, *patch))
        labels = np.empty((len(self._cases), *size), np.uint8)
        for row, case in enumerate(self._cases.values()):
            start = [int(m // 2 - n // 2) for m, n in zip(case.image.shape, size, strict=True)]
            _cut(case.labels, start, labels[row], self._beyond)
        return torch.from_numpy(labels.reshape(len(labels), *patch))

    def draw(self, stage: Stage, step: int, seed: int, rank: int = 0) -> Batch:
        """Return the batch of a step; the same arguments give the same batch."""
        rng = np.random.default_rng([seed, rank, step, 0])
        box = self.box(stage.patch)
        centres = list(self._centres(stage, seed, rng))
        images = np.empty((len(centres), *box), np.float16)
        labels = np.empty((len(centres), *box), np.uint8)
        for row, (case, centre) in enumerate(centres):
            start = [int(c - n // 2) for c, n in zip(centre, box, strict=True)]
            _cut(case.image, start, images[row], 0)
            _cut(case.labels, start, labels[row], self._beyond)
        shape = (len(centres), *box[3 - self._plan.dims :])
        return Batch(
            torch.from_numpy(images.reshape(shape)).float()[:, None],
            torch.from_numpy(labels.reshape(shape)),
            tuple(case.case for case, _ in centres),
            stage.epoch,
        )

    def _centres(self, stage: Stage, seed: int, rng: np.random.Generator) -> Iterator[_Centre]:
        patch = np.array(stage.patch if self._plan.dims == 3 else (1, *stage.patch))
        if self._patches.without_repetition:
            for case, z in self._walked(stage, seed):
                yield case, _clamped(case, np.array([z, *rng.integers(0, case.image.shape[1:])]), patch)
        elif self._patches.schedule == "constant":
            for _ in range(stage.batch):
                case = self._any(stage, rng)
                yield case, _clamped(case, _centre(case, rng, self._patches.foreground), patch)
        else:
            for case, share in self._shared(stage, rng):
                yield case, _clamped(case, _centre(case, rng, share), patch)

    def _any(self, stage: Stage, rng: np.random.Generator) -> TrainingCase:
        return self._cases[stage.cases[int(rng.integers(len(stage.cases)))]]

    def _shared(self, stage: Stage, rng: np.random.Generator) -> Iterator[tuple[TrainingCase, float]]:
        """Take a batch from few cases, which give patches anywhere and foreground patches in turn."""
        crops = -(-stage.batch // self._plan.batch)
        left = stage.batch
        for number in range(self._plan.batch):
            case = self._any(stage, rng)
            for _ in range(min(crops, left)):
                yield case, float(number % 2)
            left -= min(crops, left)

    def _walked(self, stage: Stage, seed: int) -> Iterator[tuple[TrainingCase, int]]:
        """Walk through shuffled slices; a new order begins when all were seen (limited-data paper, section 2.1)."""
        slices = [(self._cases[name], z) for name in stage.cases for z in range(self._cases[name].image.shape[0])]
        for position in range(stage.offset, stage.offset + stage.batch):
            more, place = divmod(position, len(slices))
            yield slices[self._order(len(slices), seed, stage.epoch + more)[place]]

    @cache  # noqa: B019  a sampler lives as long as its run
    def _order(self, count: int, seed: int, epoch: int) -> NDArray[np.int64]:
        return np.random.default_rng([seed, epoch, 1]).permutation(count)


def _centre(case: TrainingCase, rng: np.random.Generator, foreground: float) -> NDArray[np.int64]:
    """Draw a voxel: with a chance of `foreground` one of a class that the case holds, all classes alike."""
    present = [voxels for voxels in case.voxels if len(voxels)]
    if present and rng.random() < foreground:
        voxels = present[rng.integers(len(present))]
        return np.asarray(voxels[rng.integers(len(voxels))], np.int64)
    return rng.integers(0, case.image.shape)


def _clamped(case: TrainingCase, centre: NDArray[np.int64], patch: NDArray[np.int64]) -> NDArray[np.int64]:
    """Keep the patch inside the image; an axis shorter than the patch is centred."""
    shape = np.array(case.image.shape)
    low, high = patch // 2, shape - (patch - patch // 2)
    return np.where(high < low, shape // 2, np.clip(centre, low, np.maximum(high, low)))


def _cut(source: NDArray[np.generic], start: list[int], out: NDArray[np.generic], beyond: int) -> None:
    out[...] = beyond
    inner = [(max(a, 0), min(a + n, m)) for a, n, m in zip(start, out.shape, source.shape, strict=True)]
    if all(b > a for a, b in inner):
        target = tuple(slice(a - s, b - s) for (a, b), s in zip(inner, start, strict=True))
        out[target] = source[tuple(slice(a, b) for a, b in inner)]

"""Patches for one batch: drawn from (seed, rank, step), then cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..training.config import PatchConfig
from .plan import Plan
from .store import TrainingCase


@dataclass(frozen=True, eq=False)
class Batch:
    """Patches of one step.

    Parameters
    ----------
    images : Tensor of float32, (B, 1, *patch)
        Intensities in [0, 1].
    labels : Tensor of uint8, (B, *patch)
        0 background, c + 1 for class number c.
    epoch : int
        Passes over the slices or cases so far.
    """

    images: Tensor
    labels: Tensor
    epoch: int


class PatchSampler:
    """Cuts patches from memory-mapped cases.

    Parameters
    ----------
    cases : sequence of TrainingCase
        The active cases.
    plan : Plan
        Gives patch, batch and dimensions.
    patches : PatchConfig
        Gives the share of foreground patches, and whether slices are drawn without repetition.
    margin : float
        Cut boxes are so much larger than the patch, room for augmentation to turn and shift them.
    """

    def __init__(self, cases: Sequence[TrainingCase], plan: Plan, patches: PatchConfig, margin: float = 1.0) -> None:
        self._cases = cases
        self._plan = plan
        self._patches = patches
        grown = tuple(int(np.ceil(n * margin)) for n in plan.patch)
        self.box: tuple[int, int, int] = (1, *grown) if plan.dims == 2 else grown  # type: ignore[assignment]
        self._slices = [(c, z) for c, case in enumerate(cases) for z in range(case.image.shape[0])]

    def draw(self, step: int, seed: int, rank: int = 0) -> Batch:
        """Return the batch of a step; the same arguments give the same batch."""
        rng = np.random.default_rng([seed, rank, step, 0])
        centres = self._centres(step, seed, rng)
        images = np.empty((len(centres), *self.box), np.float16)
        labels = np.empty((len(centres), *self.box), np.uint8)
        for row, (number, centre) in enumerate(centres):
            case = self._cases[number]
            start = [int(c - n // 2) for c, n in zip(centre, self.box, strict=True)]
            _cut(case.image, start, images[row])
            _cut(case.labels, start, labels[row])
        shape = (len(centres), *self.box[3 - self._plan.dims :])
        units = len(self._slices) if self._patches.without_repetition else len(self._cases)
        return Batch(
            torch.from_numpy(images.reshape(shape)).float()[:, None],
            torch.from_numpy(labels.reshape(shape)),
            step * self._plan.batch // units,
        )

    def _centres(self, step: int, seed: int, rng: np.random.Generator) -> list[tuple[int, NDArray[np.int64]]]:
        if self._patches.without_repetition:
            return [self._in_slice(*self._slices[i], rng) for i in self._numbered(step, seed)]
        return [self._anywhere(rng) for _ in range(self._plan.batch)]

    def _numbered(self, step: int, seed: int) -> list[int]:
        """Walk through shuffled slices; a new order begins when all were seen (limited-data paper, section 2.1)."""
        count = len(self._slices)
        positions = range(step * self._plan.batch, (step + 1) * self._plan.batch)
        orders = {n // count: None for n in positions}
        shuffled = {epoch: np.random.default_rng([seed, epoch, 1]).permutation(count) for epoch in orders}
        return [int(shuffled[n // count][n % count]) for n in positions]

    def _anywhere(self, rng: np.random.Generator) -> tuple[int, NDArray[np.int64]]:
        number = int(rng.integers(len(self._cases)))
        case = self._cases[number]
        present = [voxels for voxels in case.voxels if len(voxels)]
        if present and rng.random() < self._patches.foreground:
            voxels = present[rng.integers(len(present))]
            return number, self._clamped(case, voxels[rng.integers(len(voxels))].astype(np.int64))
        return number, self._clamped(case, rng.integers(0, case.image.shape))

    def _in_slice(self, number: int, z: int, rng: np.random.Generator) -> tuple[int, NDArray[np.int64]]:
        shape = self._cases[number].image.shape
        return number, self._clamped(self._cases[number], np.array([z, *rng.integers(0, shape[1:])]))

    def _clamped(self, case: TrainingCase, centre: NDArray[np.int64]) -> NDArray[np.int64]:
        """Keep the patch inside the image; an axis shorter than the patch is centred."""
        shape, patch = np.array(case.image.shape), np.array(self._plan.patch_zyx)
        low, high = patch // 2, shape - (patch - patch // 2)
        return np.where(high < low, shape // 2, np.clip(centre, low, np.maximum(high, low)))


def _cut(source: NDArray[np.generic], start: list[int], out: NDArray[np.generic]) -> None:
    out[...] = 0
    inner = [(max(a, 0), min(a + n, m)) for a, n, m in zip(start, out.shape, source.shape, strict=True)]
    if all(b > a for a, b in inner):
        target = tuple(slice(a - s, b - s) for (a, b), s in zip(inner, start, strict=True))
        out[target] = source[tuple(slice(a, b) for a, b in inner)]

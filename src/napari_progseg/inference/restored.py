"""One slice before and after its distortion, and as a restoration network gives it back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.preprocess import Prepared, prepare
from ..restoration import apply, draw
from ..volume import Volume
from .model import TrainedModel

Slice = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Triplet:
    """Slices (Y, X) of the network's grid, intensities 0 to 255."""

    original: Slice
    distorted: Slice
    restored: Slice


def restored_slice(model: TrainedModel, volume: Volume, seed: int = 0, z: int | None = None) -> Triplet:
    """Distort the patch in the middle of a volume and restore it; one of its slices is shown.

    Parameters
    ----------
    model : TrainedModel
        With a network that has learned restoration.
    seed : int
        Draws the distortion: the same one each time, so that progress can be seen. Nothing is turned, so that the slice
        lies as in the volume.
    z : int or None
        Slice of the volume, counted along its first axis; None for the middle one.
    """
    plan = model.plan
    prepared = prepare(volume, plan)
    shown = prepared.shape[0] // 2 if z is None else _on_grid(prepared, z)
    start = _start(prepared.shape, plan.patch_zyx, shown)
    box = torch.from_numpy(prepared.box(start, plan.patch_zyx))
    settings = model.config.restoration.model_copy(update={"flip": 0.0})
    drawn = draw(settings, 1, plan.patch, torch.Generator().manual_seed(seed))
    distorted = apply(box.view(1, 1, *plan.patch), drawn)
    empty = torch.zeros(1, plan.input_channels - 1, *plan.patch)
    restored = model.probabilities(torch.cat([distorted.images, empty], dim=1))[:, :1]
    three = (distorted.targets, distorted.images, restored)
    return Triplet(*(_bytes(each.view(plan.patch_zyx)[shown - start[0]]) for each in three))


def _on_grid(prepared: Prepared, z: int) -> int:
    """Return the slice of the network's grid that is nearest to slice `z` of the volume."""
    nearest = np.rint(prepared.to_voxels(np.array([[z, 0, 0]]))[0, 0])
    return int(np.clip(nearest, 0, prepared.shape[0] - 1))


def _start(shape: tuple[int, int, int], patch: tuple[int, int, int], z: int) -> tuple[int, int, int]:
    """Put a patch round slice `z` in the middle of the other axes."""
    centred = [(n - p) // 2 for n, p in zip(shape, patch, strict=True)]
    first = min(max(z - patch[0] // 2, 0), shape[0] - patch[0]) if patch[0] < shape[0] else centred[0]
    return first, centred[1], centred[2]


def _bytes(values: Tensor) -> Slice:
    return np.asarray(np.rint(values.numpy() * 255), np.uint8)

"""Tasks for a click model: an image, and the one object in it that clicks are about."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..click_windows import normalise_windows
from .bank import ShapeBank
from .looks import draw_image
from .scenes import draw_scene

_LEAST, _MOST = 40, 0.75


@dataclass(frozen=True, eq=False)
class Task:
    """B windows with a target each.

    Parameters
    ----------
    images : Tensor of float32, (B, 1, Z, Y, X)
        In [0, 1].
    targets : Tensor of bool, (B, Z, Y, X)
        In one piece; may leave the window.
    """

    images: Tensor
    targets: Tensor


def draw_tasks(generator: torch.Generator, batch: int, size: int, bank: ShapeBank | None = None) -> Task:
    """Draw at most `batch` tasks in windows of `size` voxels a side; those with hardly any target are left out.

    Parameters
    ----------
    generator : torch.Generator
        On the device that is to hold the tasks.
    bank : ShapeBank or None
        Shapes of real anatomy to use beside generated ones, on the same device.
    """
    scene = draw_scene(generator, batch, size, bank)
    images = normalise_windows(draw_image(generator, scene))
    voxels = scene.target.flatten(1).sum(1)
    good = (voxels >= _LEAST) & (voxels <= _MOST * size**3)
    return Task(images[good], scene.target[good])

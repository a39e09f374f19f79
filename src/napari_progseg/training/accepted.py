"""A structure that the user accepted in a patient, as windows to learn from, and how a copy of the starter does so."""

from __future__ import annotations

import copy
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..data.click_windows import normalise_windows
from ..data.synthesis import Task
from ..guidance.gestures import innermost_voxel
from ..inference.click_window import ClickWindow
from ..inference.shown_range import shown_range
from ..inference.windows import box_of
from ..inference.zoom import SIZE
from ..volume import Volume
from .click_pool import ClickPool
from .starter import learn_from

_SIDES, _OFF = (1.05, 2.2), 0.6
_GAMMA, _GAIN = 0.2, 0.2


@dataclass(frozen=True)
class AcceptedRecipe:
    """How a copy of the starter learns a structure.

    Parameters
    ----------
    windows : int
        Windows that are cut out of each patient.
    patients : int
        Patients that are kept to learn from, the newest ones.
    steps, batch : int
        Steps of the optimiser, and windows of each.
    rate : float
        Highest learning rate of AdamW; it rises in the first steps and falls in the last ones.
    pool : int
        Windows under work, in batches, see `click_pool.ClickPool`.
    """

    windows: int = 8
    patients: int = 10
    steps: int = 40
    batch: int = 2
    rate: float = 1e-3
    pool: int = 4


@dataclass(frozen=True, eq=False)
class AcceptedStructure:
    """Windows around a structure in one patient, and its mask in them.

    Parameters
    ----------
    patient : str
        Name of the case.
    images : Tensor of float16, (K, 1, 48, 48, 48)
        In [0, 1]; axes Z, Y, X, the same step along all of them.
    targets : Tensor of bool, (K, 48, 48, 48)
        The accepted mask.
    longest_mm : float
        Longest side of the structure's box.
    """

    patient: str
    images: Tensor
    targets: Tensor
    longest_mm: float


def cut_windows(
    volume: Volume, mask: NDArray[np.bool_], patient: str, count: int, generator: np.random.Generator
) -> AcceptedStructure:
    """Cut windows out of a patient such as the starter would look at when it is asked for this structure.

    Parameters
    ----------
    mask : ndarray of bool, (Z, Y, X)
        The accepted mask of the structure; not empty.
    generator : numpy.random.Generator
        Draws sizes, from hardly more than the structure to twice as much, and places, from the middle of its box to
        any of its voxels.
    """
    spacing = volume.geometry.spacing_zyx_mm
    box = box_of(mask)
    first, last = np.array([part.start for part in box]), np.array([part.stop - 1 for part in box])
    longest = float(((last - first + 1) * spacing).max())
    limits = shown_range(volume, innermost_voxel(mask, spacing))
    voxels = np.argwhere(mask)
    images, targets = [], []
    for _ in range(count):
        side, off = longest * np.exp(generator.uniform(*np.log(_SIDES))), generator.uniform(0, _OFF)
        z, y, x = ((1 - off) * (first + last) / 2 + off * voxels[generator.integers(len(voxels))]).tolist()
        window = ClickWindow((z, y, x), float(side) / SIZE, spacing, SIZE).moved_into(mask.shape)
        pixels = window.cut(volume.image)
        images.append(pixels if limits is None else pixels.clip(*limits))
        targets.append(window.cut(mask.view(np.uint8)) > 0.5)
    normal = normalise_windows(torch.from_numpy(np.stack(images))[:, None])
    return AcceptedStructure(patient, normal.half(), torch.from_numpy(np.stack(targets)), longest)


def learn_accepted(
    starter: nn.Module, patients: Sequence[AcceptedStructure], recipe: AcceptedRecipe, generator: torch.Generator
) -> Generator[float, None, nn.Module]:
    """Teach a copy of the starter one structure, from simulated clicks on what was accepted.

    It always begins with the starter's own weights and learns from all patients that are kept: so no patient
    overwrites another, and what is known depends on the patients alone, not on the order of many small lessons.

    Parameters
    ----------
    starter : nn.Module
        A `networks.click_unet.ClickUnet`; left as it is.
    generator : torch.Generator
        On the CPU.

    Yields
    ------
    float
        Share of the steps that are done, after each of them: a place to pause.

    Returns
    -------
    nn.Module
        The copy, in evaluation mode.
    """
    network = copy.deepcopy(starter).requires_grad_(requires_grad=True)
    device = next(network.parameters()).device
    images, targets = (torch.cat([getattr(each, name) for each in patients]) for name in ("images", "targets"))

    def draw() -> Task:
        rows = torch.randint(len(images), (recipe.batch,), generator=generator)
        drawn = _varied(Task(images[rows].float(), targets[rows]), generator)
        return Task(drawn.images.to(device), drawn.targets.to(device))

    pool = ClickPool(draw, recipe.pool * recipe.batch, torch.Generator(device).manual_seed(generator.initial_seed()))
    optimiser = torch.optim.AdamW(network.parameters(), recipe.rate, weight_decay=0.0)
    for step in range(recipe.steps):
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * _rate(step, recipe.steps)
        shown = pool.show(recipe.batch)
        _, logits = learn_from(network, optimiser, shown, bfloat16=False)
        pool.answer(shown.rows, logits[:, 0] > 0)
        yield (step + 1) / recipe.steps
    return network.requires_grad_(requires_grad=False).eval()


def _varied(task: Task, generator: torch.Generator) -> Task:
    """Mirror half of the windows in X, and change brightness and contrast."""
    count = len(task.images)
    mirrored = torch.rand(count, generator=generator) < 0.5
    images = torch.where(mirrored.view(-1, 1, 1, 1, 1), task.images.flip(4), task.images)
    targets = torch.where(mirrored.view(-1, 1, 1, 1), task.targets.flip(3), task.targets)
    gamma, gain = torch.randn((2, count, 1, 1, 1, 1), generator=generator)
    return Task((images ** (_GAMMA * gamma).exp() * (1 + _GAIN * gain)).clamp(0, 1), targets)


def _rate(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / 5, (1 - step / steps) / 0.4)

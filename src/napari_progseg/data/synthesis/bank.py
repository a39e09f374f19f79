"""Masks of real anatomy, from which the generator takes shapes; their images are not needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ...errors import UserError

ORGANS, HEADS = "head_neck_masks.npz", "head_label_maps_2mm.npz"
_SIDE = 32
_FEWEST = 60


@dataclass(frozen=True, eq=False)
class ShapeBank:
    """Shapes to choose from.

    Parameters
    ----------
    organs : Tensor of float32, (N, 32, 32, 32)
        Masks in [0, 1], the longest side of each fills its cube.
    heads : Tensor of int16, (M, Z, Y, X)
        Label maps of whole heads.
    structures : Tensor of float32, (K, 6)
        Of each structure in a head: number of the head, label value, middle (z, y, x) and longest side in voxels.
    """

    organs: Tensor
    heads: Tensor
    structures: Tensor

    def to(self, device: torch.device | str) -> ShapeBank:
        """Put all on a device."""
        return ShapeBank(self.organs.to(device), self.heads.to(device), self.structures.to(device))


def read_bank(folder: Path) -> ShapeBank:
    """Read ``head_neck_masks.npz`` (one mask a name) and ``head_label_maps_2mm.npz`` (one label map a name).

    Raises
    ------
    UserError
        If a file is missing.
    """
    if missing := [name for name in (ORGANS, HEADS) if not (folder / name).exists()]:
        raise UserError(f"{folder} holds no {missing[0]}; nothing was trained; name the folder of the shape bank")
    with np.load(folder / ORGANS) as file:
        organs = torch.stack([_fill_cube(file[name]) for name in file.files if file[name].sum() >= _FEWEST])
    with np.load(folder / HEADS) as file:
        maps = [file[name].astype(np.int16) for name in file.files]
    structures = [(number, *row) for number, labels in enumerate(maps) for row in _structures(labels)]
    return ShapeBank(organs, torch.from_numpy(np.stack(maps)), torch.tensor(structures, dtype=torch.float32))


def _fill_cube(mask: NDArray[np.bool_]) -> Tensor:
    side = max(mask.shape)
    room = [(side - size) for size in reversed(mask.shape)]
    pads = [pad for free in room for pad in (free // 2, free - free // 2)]
    padded = functional.pad(torch.from_numpy(mask.astype(np.float32)), pads)
    return functional.interpolate(padded[None, None], (_SIDE,) * 3, mode="trilinear")[0, 0]


def _structures(labels: NDArray[np.int16]) -> list[tuple[float, ...]]:
    rows = []
    for value in np.unique(labels)[1:]:
        where = np.argwhere(labels == value)
        low, high = where.min(0), where.max(0) + 1
        if len(where) >= _FEWEST:
            rows.append((float(value), *((low + high - 1) / 2).tolist(), float((high - low).max())))
    return rows

"""Pieces of an image that no class is: what a click may name as well as a structure that the model knows."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .morphology import dilated, eroded
from .simulate import regions_at

_TRIES = 4
# half width of the intensities of a piece, in units of images in [0, 1]
_NARROW, _WIDE = 0.04, 0.15
# sizes as shares of the patch
_LEAST, _MOST = 1 / 1000, 1 / 10


def draw_pieces(images: Tensor, taken: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw a connected piece of similar intensity from every image.

    Parameters
    ----------
    images : Tensor of float32, (B, 1, *patch)
        Intensities in [0, 1]; 2D or 3D patches.
    taken : Tensor of bool, (B, *patch)
        Voxels that no piece may hold: the structures that have names.
    generator : torch.Generator
        On the CPU; draws where a piece begins and which intensities belong to it.

    Returns
    -------
    pieces : Tensor of bool, (B, *patch)
        Connected, of about a thousandth to a tenth of the patch; empty where none was found.
    found : Tensor of bool, (B,)
        Where there is one.
    """
    batch, size = len(images), images.shape[2:]
    smooth = _averaged(images)
    width = torch.rand(_TRIES, batch, generator=generator) * (_WIDE - _NARROW) + _NARROW
    starts = torch.randint(size.numel(), (_TRIES, batch), generator=generator).to(images.device)
    values = smooth.flatten(1).gather(1, starts.T).T.reshape(_TRIES, batch, *[1] * len(size))
    alike = (smooth[:, 0] - values).abs() <= width.to(images.device).view(values.shape)
    # cores hold together where necks of two voxels do not
    cores = eroded((alike & ~taken).flatten(0, 1))
    cores = regions_at(cores, starts.flatten())
    pieces = (dilated(cores) & (alike & ~taken).flatten(0, 1)).view(_TRIES, batch, *size)
    area = pieces.flatten(2).sum(2)
    suits = (area >= _LEAST * size.numel()) & (area <= _MOST * size.numel())
    first = suits.int().argmax(0)
    found = suits.any(0)
    rows = torch.arange(batch, device=images.device)
    chosen = pieces[first, rows] & found.view(-1, *[1] * len(size))
    # averaging took the rim away
    rim = dilated(chosen) & ((images[:, 0] - values[first, rows]).abs() <= _WIDE) & ~taken
    return chosen | rim, found


def _averaged(images: Tensor) -> Tensor:
    mean = functional.avg_pool2d if images.ndim == 4 else functional.avg_pool3d
    return mean(images, 3, stride=1, padding=1, count_include_pad=False)

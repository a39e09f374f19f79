"""Masks with bent contours: what is wanted can then be learned from the clicks alone."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

_CONTROL = 6


def bent(masks: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Bend the contours of masks smoothly, by about `share` of the radius of each object.

    A network that knows its few training volumes by heart makes no errors there that are worth a click. Where the
    wanted contour differs from the one in the image by a random amount, only the clicks say how, and the network has to
    follow them.

    Parameters
    ----------
    masks : Tensor of float32, (B, *patch)
        0 or 1; 2D or 3D patches, axes ordered (y, x) or (z, y, x).
    share : float
        Standard deviation of the displacement, relative to the radius of the disk or ball of the object's size.
    generator : torch.Generator
        On the CPU; draws the displacements.

    Returns
    -------
    Tensor of float32, (B, *patch)
        0 or 1; an empty mask stays empty.
    """
    size = masks.shape[1:]
    dims = len(size)
    displacement = torch.randn(len(masks), dims, *[_CONTROL] * dims, generator=generator).to(masks.device)
    displacement = displacement * (share * _radius(masks, dims)).view(-1, 1, *[1] * dims)
    smooth = functional.interpolate(
        displacement, size=size, mode="bicubic" if dims == 2 else "trilinear", align_corners=True
    )
    axes = [torch.arange(n, dtype=torch.float32, device=masks.device) for n in size]
    voxels = torch.stack(torch.meshgrid(*axes, indexing="ij")) + smooth
    extent = torch.tensor([float(n) for n in size], device=masks.device).view(1, -1, *[1] * dims)
    grid = ((2 * voxels + 1) / extent - 1).movedim(1, -1).flip(-1)
    return (functional.grid_sample(masks[:, None], grid, align_corners=False)[:, 0] > 0.5).float()


def _radius(masks: Tensor, dims: int) -> Tensor:
    volume = masks.flatten(1).sum(1)
    return (volume / math.pi).sqrt() if dims == 2 else (volume * 3 / (4 * math.pi)) ** (1 / 3)

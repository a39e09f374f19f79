"""Masks with the mistakes that a model makes before it is clicked: drawn from the truth, no network is asked."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from .bend import bent

# voxels that an average of the mask is taken over, which decides how far its contour can wander
_BLOCK = 4
# voxels between the control points of fine and of coarse mistakes
_FINE, _COARSE = 6, 16
# far from the object mistakes are made in so many masks only
_SCATTERED = 0.2
# share of masks that are moved and bent, and how far, as a share of the object's radius
_MOVED, _MOVE = 0.5, 0.25
# share of masks that are a decoy, and share that at least hold one
_REPLACED, _JOINED = 0.15, 0.4


def mistaken(masks: Tensor, decoys: Tensor, generator: torch.Generator) -> Tensor:
    """Draw what a model may have marked instead of `masks`.

    The mask is moved and bent as a whole, read off a coarse grid, made fatter or thinner, eaten into and added to by
    smooth noise, and now and then joined by a decoy or replaced by one.

    Parameters
    ----------
    masks : Tensor of bool, (B, *patch)
        What is wanted; 2D or 3D patches, axes ordered (y, x) or (z, y, x).
    decoys : Tensor of bool, (B, *patch)
        What may be taken for it.
    generator : torch.Generator
        On the CPU.

    Returns
    -------
    Tensor of bool, (B, *patch)
        Some are nearly right, some are far off; an empty mask may gain pieces.
    """
    batch, size = len(masks), masks.shape[1:]

    def uniform(low: float, high: float) -> Tensor:
        values = torch.rand(batch, generator=generator) * (high - low) + low
        return values.to(masks.device).view(-1, *[1] * len(size))

    moved = masks.float()
    if len(which := (uniform(0, 1).flatten() < _MOVED).nonzero()[:, 0]):
        moved[which] = bent(moved[which], _MOVE, generator)
    soft = torch.lerp(moved, _averaged(moved, size, _BLOCK), uniform(0.3, 1))
    fine, coarse = (
        torch.randn(batch, 1, *_control(size, spacing), generator=generator) for spacing in (_FINE, _COARSE)
    )
    coarse = _interpolated(coarse, fine.shape[2:])[:, None]
    noise = uniform(0, 0.35)[:, None] * fine.to(masks.device) + uniform(0, 0.35)[:, None] * coarse.to(masks.device)
    near = _averaged(moved, size, _COARSE) > 0
    found = (soft + _interpolated(noise, size) > uniform(0.25, 0.75)) & (near | (uniform(0, 1) < _SCATTERED))
    taken = uniform(0, 1)
    return torch.where(taken < _REPLACED, decoys, found | (decoys & (taken < _JOINED)))


def _averaged(masks: Tensor, size: Sequence[int], block: int) -> Tensor:
    """Average over blocks and interpolate between them: (B, *size) in [0, 1]."""
    sides = [min(block, max(1, n // 8)) for n in size]
    mean = functional.avg_pool2d if len(size) == 2 else functional.avg_pool3d
    return _interpolated(mean(masks[:, None], sides, ceil_mode=True, count_include_pad=False), size)


def _control(size: Sequence[int], spacing: int) -> list[int]:
    """Return how many control points, so many voxels apart, a patch has along each axis."""
    return [max(2, -(-n // spacing)) for n in size]


def _interpolated(values: Tensor, size: Sequence[int]) -> Tensor:
    mode = "bilinear" if len(size) == 2 else "trilinear"
    return functional.interpolate(values, size=tuple(size), mode=mode, align_corners=False)[:, 0]

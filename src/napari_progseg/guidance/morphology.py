"""Masks grown and shrunk by one voxel."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def dilated(masks: Tensor) -> Tensor:
    """Grow masks, (B, *patch) of bool in 2D or 3D, by one voxel in all directions, diagonals too."""
    most = functional.max_pool2d if masks.ndim == 3 else functional.max_pool3d
    return most(masks[:, None].float(), 3, stride=1, padding=1)[:, 0] > 0


def eroded(masks: Tensor) -> Tensor:
    """Shrink masks, (B, *patch) of bool, by one voxel; what lies beyond the patch counts as inside."""
    return ~dilated(~masks)

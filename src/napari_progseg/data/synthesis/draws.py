"""Random numbers and smooth random fields on the device of a generator."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional


def uniform(generator: torch.Generator, shape: Sequence[int], low: float = 0.0, high: float = 1.0) -> Tensor:
    """Draw numbers between `low` and `high`."""
    return torch.rand(tuple(shape), generator=generator, device=generator.device) * (high - low) + low


def log_uniform(generator: torch.Generator, shape: Sequence[int], low: float, high: float) -> Tensor:
    """Draw numbers between `low` and `high` whose logarithm is spread evenly."""
    return uniform(generator, shape, math.log(low), math.log(high)).exp()


def one(generator: torch.Generator, low: float = 0.0, high: float = 1.0) -> float:
    """Draw one number between `low` and `high` for a whole batch."""
    return float(uniform(generator, (1,), low, high))


def happens(generator: torch.Generator, chance: float) -> bool:
    """Toss one coin for a whole batch."""
    return one(generator) < chance


def smooth_field(generator: torch.Generator, batch: int, channels: int, shape: Sequence[int], scale: float) -> Tensor:
    """Draw standard normal numbers every `scale` voxels and interpolate, (batch, channels, Z, Y, X)."""
    coarse = [max(2, round(size / scale) + 1) for size in shape]
    drawn = torch.randn((batch, channels, *coarse), generator=generator, device=generator.device)
    return functional.interpolate(drawn, tuple(shape), mode="trilinear", align_corners=True)


def rotations(generator: torch.Generator, batch: int) -> Tensor:
    """Draw rotations (batch, 3, 3), all directions alike."""
    q = torch.randn((batch, 4), generator=generator, device=generator.device)
    w, x, y, z = functional.normalize(q, dim=1).unbind(1)
    rows = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        (2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        (2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack([torch.stack(row, dim=1) for row in rows], dim=1)


def per_sample(values: Tensor, ndim: int) -> Tensor:
    """Reshape values (B, ...) so that they spread over arrays of `ndim` axes."""
    return values.reshape(*values.shape, *(1,) * (ndim - values.ndim))

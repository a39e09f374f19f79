"""Random changes of a batch of patches: all parameters are drawn first, then applied by a pure function."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..training.config import AugmentConfig

_MARGIN = 1.4
# class number of voxels that no loss looks at
IGNORED = 255
_CONTROL = 5


@dataclass(frozen=True, eq=False)
class Changes:
    """Parameters of one batch of B patches in D dimensions.

    Parameters
    ----------
    matrix : Tensor, (B, D, D)
        From patch to box, in voxels about the centre, axes ordered (z, y, x) or (y, x).
    shift : Tensor, (B, D)
        Voxels.
    displacement : Tensor, (B, D, *control points)
        Elastic displacement in voxels.
    contrast, brightness, gamma, noise : Tensor, (B,)
        Intensity changes.
    field : Tensor, (B, 1, *control points)
        Logarithm of a smooth multiplicative field.
    noise_seed : int
        Seeds the noise.
    """

    matrix: Tensor
    shift: Tensor
    displacement: Tensor
    contrast: Tensor
    brightness: Tensor
    gamma: Tensor
    noise: Tensor
    field: Tensor
    noise_seed: int


def margin(config: AugmentConfig) -> float:
    """Return how much larger than a patch the box must be that it is cut from."""
    moves = config.rotation_degrees or config.scale or config.shift or config.elastic or config.scales
    return _MARGIN if config.enabled and moves else 1.0


def draw(
    config: AugmentConfig,
    batch: int,
    patch: Sequence[int],
    spacing_mm: Sequence[float],
    generator: torch.Generator,
) -> Changes:
    """Draw the changes of a batch.

    Parameters
    ----------
    patch : sequence of int
        Patch size, (z, y, x) or (y, x).
    spacing_mm : sequence of float
        Spacing of the same axes; rotations are rotations in millimetres.
    generator : torch.Generator
        On the CPU.
    """
    dims = len(patch)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(batch, *shape, generator=generator) * (high - low) + low

    def sometimes(probability: float) -> Tensor:
        return (torch.rand(batch, generator=generator) < probability).float()

    def normal(*shape: int) -> Tensor:
        return torch.randn(batch, *shape, generator=generator)

    size = torch.tensor([float(n) for n in patch])
    span = math.log1p(config.scale)
    scale = torch.exp(uniform(-span, span, 1) + 0.4 * uniform(-span, span, dims))
    if config.scales is not None:
        # a structure twice as large is read from half as many voxels
        chosen = torch.randint(len(config.scales), (batch, 1), generator=generator)
        scale = (1 / torch.tensor(config.scales))[chosen].expand(batch, dims).clone()
    if config.mirror:
        scale[:, -1] *= 1 - 2 * sometimes(0.5)
    control = (_CONTROL,) * dims
    elastic = config.elastic * size.min() * uniform(0, 1, 1) * sometimes(0.6)[:, None]
    displacement = normal(dims, *control) * (elastic / 2).view(batch, 1, *[1] * dims)
    strength = config.intensity
    return Changes(
        matrix=_rotations(config, batch, dims, spacing_mm, generator) * scale[:, None, :],
        shift=uniform(-1, 1, dims) * config.shift * size,
        displacement=displacement,
        contrast=torch.exp(uniform(-0.35, 0.35) * strength * sometimes(0.7)),
        brightness=uniform(-0.12, 0.12) * strength * sometimes(0.7),
        gamma=torch.exp(uniform(-0.4, 0.4) * strength * sometimes(0.7)),
        noise=uniform(0, 0.06) * strength * sometimes(0.5),
        field=normal(1, *control) * (0.12 * strength * uniform(0, 1) * sometimes(0.5)).view(batch, 1, *[1] * dims),
        noise_seed=int(torch.randint(2**31 - 1, (1,), generator=generator)),
    )


def _rotations(
    config: AugmentConfig, batch: int, dims: int, spacing_mm: Sequence[float], generator: torch.Generator
) -> Tensor:
    """Return rotations in millimetres, expressed in voxels, (B, D, D)."""
    most = math.radians(config.rotation_degrees)
    planes = [(0, 1)] if dims == 2 else [(1, 2), (0, 2), (0, 1)]
    total = torch.eye(dims).expand(batch, dims, dims)
    for a, b in planes:
        angle = (torch.rand(batch, generator=generator) * 2 - 1) * most
        turn = torch.eye(dims).repeat(batch, 1, 1)
        turn[:, a, a] = turn[:, b, b] = angle.cos()
        turn[:, a, b], turn[:, b, a] = -angle.sin(), angle.sin()
        total = total @ turn
    mm = torch.tensor([float(s) for s in spacing_mm])
    return total * mm[None, None, :] / mm[None, :, None]


def apply(
    images: Tensor, labels: Tensor, changes: Changes, patch: Sequence[int], beyond: int = 0
) -> tuple[Tensor, Tensor]:
    """Change a batch.

    Parameters
    ----------
    images : Tensor of float32, (B, 1, *box)
        Boxes larger than the patch.
    labels : Tensor of uint8, (B, *box)
        Their labels.
    beyond : int
        Label of what lies outside the box.

    Returns
    -------
    images : Tensor of float32, (B, 1, *patch)
        Clipped to [0, 1].
    labels : Tensor of uint8, (B, *patch)
        Nearest labels; outside the box `beyond`.
    """
    grid = _grid(changes, images.shape[2:], patch).to(images.device)
    warped = functional.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    # outside there are zeros, from which the label 0 has to be told
    nearest = functional.grid_sample(labels[:, None].float() + 1, grid, mode="nearest", align_corners=False)[:, 0] - 1
    return _intensities(warped, changes), torch.where(nearest < 0, float(beyond), nearest).to(torch.uint8)


def _grid(changes: Changes, box: Sequence[int], patch: Sequence[int]) -> Tensor:
    batch, dims = changes.shift.shape
    axes = [torch.arange(n, dtype=torch.float32) - (n - 1) / 2 for n in patch]
    offsets = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).view(-1, dims)
    smooth = _upsampled(changes.displacement, patch).flatten(2).transpose(1, 2)
    moved = offsets @ changes.matrix.transpose(1, 2) + changes.shift[:, None, :] + smooth
    scaled = 2 * moved / torch.tensor([float(n) for n in box])
    return scaled.flip(-1).view(batch, *patch, dims)


def _upsampled(control: Tensor, patch: Sequence[int]) -> Tensor:
    mode = "bicubic" if len(patch) == 2 else "trilinear"
    return functional.interpolate(control, size=tuple(patch), mode=mode, align_corners=True)


def _intensities(images: Tensor, changes: Changes) -> Tensor:
    def each(values: Tensor) -> Tensor:
        return values.to(images.device).view(-1, *[1] * (images.ndim - 1))

    mean = images.mean(dim=tuple(range(1, images.ndim)), keepdim=True)
    images = (images - mean) * each(changes.contrast) + mean + each(changes.brightness)
    images = images.clamp(0, 1) ** each(changes.gamma)
    images = images * _upsampled(changes.field, images.shape[2:]).exp().to(images.device)
    noise_source = torch.Generator(images.device).manual_seed(changes.noise_seed)
    noise = torch.randn(images.shape, generator=noise_source, device=images.device)
    return (images + noise * each(changes.noise)).clamp(0, 1)

"""Images warped so that their landmarks come to lie elsewhere: thin-plate splines for a whole batch, on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

_EVERY = 4
_STIFFNESS = 1e-3


@dataclass(frozen=True, eq=False)
class Splines:
    """Thin-plate splines x -> a + A x + sum of w_m |x - c_m|, one a sample.

    Parameters
    ----------
    centres : Tensor, (B, M, 3)
        Landmarks in mm, ordered (z, y, x).
    weights : Tensor, (B, M, 3)
        Of the distances to the centres.
    affine : Tensor, (B, 4, 3)
        Offset and matrix.
    """

    centres: Tensor
    weights: Tensor
    affine: Tensor

    def at(self, points: Tensor) -> Tensor:
        """Map points (N, 3) or (B, N, 3) in mm; returns (B, N, 3)."""
        points = points.expand(len(self.centres), *points.shape[-2:])
        return torch.cdist(points, self.centres) @ self.weights + points @ self.affine[:, 1:] + self.affine[:, :1]


def splines(source: Tensor, target: Tensor, stiffness: float = _STIFFNESS) -> Splines:
    """Find the splines that carry landmarks to where they shall lie.

    Parameters
    ----------
    source, target : Tensor, (B, M, 3)
        Landmarks in mm, before and after; at least four that lie in no plane.
    stiffness : float
        0 passes through every target; more bends less.
    """
    # small systems, and float64, which not every device has
    a, b = source.detach().double().cpu(), target.detach().double().cpu()
    batch, count, _ = a.shape
    ones = torch.cat([torch.ones(batch, count, 1, dtype=a.dtype), a], dim=2)
    size = torch.cdist(a, a).mean((1, 2), keepdim=True)
    kernel = torch.cdist(a, a) - stiffness * size * torch.eye(count, dtype=a.dtype)
    system = torch.zeros(batch, count + 4, count + 4, dtype=a.dtype)
    system[:, :count, :count], system[:, :count, count:] = kernel, ones
    system[:, count:, :count] = ones.transpose(1, 2)
    found = torch.linalg.solve(system, torch.cat([b, torch.zeros(batch, 4, 3, dtype=a.dtype)], dim=1))
    found = found.to(source.device, torch.float32)
    return Splines(source.float(), found[:, :count], found[:, count:])


def warp(values: Tensor, back: Splines, spacing_mm: Sequence[float], *, fill: str = "zeros") -> Tensor:
    """Warp a batch: every voxel takes the value from where `back` sends it, linearly.

    Parameters
    ----------
    values : Tensor of float32, (B, C, Z, Y, X)
        Voxels whose middle is the origin of the splines' millimetres; 0 outside.
    back : Splines
        From the warped volume to the given one; smooth, and therefore evaluated at every fourth voxel only.
    spacing_mm : sequence of float
        Voxel size (z, y, x).
    fill : {"zeros", "border"}
        What lies outside.
    """
    shape = values.shape[2:]
    device = values.device
    ends = [(n - 1) / 2 * mm for n, mm in zip(shape, spacing_mm, strict=True)]
    axes = [torch.linspace(-e, e, -(-n // _EVERY) + 1, device=device) for e, n in zip(ends, shape, strict=True)]
    coarse = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
    found = back.at(coarse.view(-1, 3)).transpose(1, 2).reshape(len(values), 3, *coarse.shape[:3])
    half = torch.tensor([n * mm / 2 for n, mm in zip(shape, spacing_mm, strict=True)], device=device)
    relative = found / half.view(1, 3, 1, 1, 1)
    grid = functional.interpolate(relative, size=shape, mode="trilinear", align_corners=True)
    return functional.grid_sample(values, grid.movedim(1, -1).flip(-1), padding_mode=fill, align_corners=False)

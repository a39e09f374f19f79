"""Clicks as input channels: Gaussian maps of inside and outside clicks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

TRUNCATE_SIGMAS = 4.0
# writing scattered boxes costs a few times more per voxel than writing the whole map in order
_BOX_COST = 4


@dataclass(frozen=True, eq=False)
class ClickTensor:
    """The clicks of a batch, K slots a sample.

    Parameters
    ----------
    positions : Tensor, (B, K, D) float32
        Voxel coordinates in the patch, in the order of its axes; may lie outside the patch and between voxels.
    inside : Tensor, (B, K) bool
        True: the voxel belongs to the structure; False: it does not.
    valid : Tensor, (B, K) bool
        False marks a slot without a click.
    """

    positions: Tensor
    inside: Tensor
    valid: Tensor

    @classmethod
    def empty(cls, batch: int, dims: int, device: torch.device | str | None = None) -> ClickTensor:
        """Build a batch without any click (K = 0)."""
        none = torch.zeros((batch, 0), dtype=torch.bool, device=device)
        return cls(torch.zeros((batch, 0, dims), device=device), none, none)

    def appended(self, positions: Tensor, inside: Tensor, valid: Tensor) -> ClickTensor:
        """Return a new batch with one more slot a sample.

        Parameters
        ----------
        positions : Tensor, (B, D)
            Voxel coordinates, any number type.
        inside, valid : Tensor, (B,) bool
            Kind of the click, and whether there is one.
        """
        return ClickTensor(
            torch.cat((self.positions, positions[:, None].to(self.positions)), dim=1),
            torch.cat((self.inside, inside[:, None].to(self.inside)), dim=1),
            torch.cat((self.valid, valid[:, None].to(self.valid)), dim=1),
        )


def sigma_in_voxels(sigma_mm: float, spacing_mm: Sequence[float]) -> tuple[float, ...]:
    """Turn a width in mm into voxels along each axis of a grid of `spacing_mm`."""
    return tuple(sigma_mm / spacing for spacing in spacing_mm)


def click_maps(
    clicks: ClickTensor,
    shape: Sequence[int],
    sigma_voxels: Sequence[float],
    combine: Literal["max", "sum"] = "max",
) -> Tensor:
    """Draw the Gaussian maps of a batch of clicks.

    Parameters
    ----------
    clicks : ClickTensor
        Clicks of B samples in D dimensions. A click outside the patch still reaches in with its tail.
    shape : sequence of int
        Spatial shape of the patch, D numbers.
    sigma_voxels : sequence of float
        Standard deviation along each axis, in voxels; Gaussians end at 4 sigma.
    combine : {"max", "sum"}
        ``"max"`` joins clicks by maximum: every peak is 1 and a patch of a map is the map of the patch. ``"sum"`` is
        the paper's rule: a map is the sum of its clicks (a voxel clicked twice counts once), scaled to [0, 1], so
        that single clicks shrink beside groups of clicks.

    Returns
    -------
    Tensor, (B, 2, *shape) float32
        Channel 0 holds the inside clicks, channel 1 the outside clicks; a map without clicks is 0.
    """
    shape = tuple(shape)
    if len(shape) != clicks.positions.shape[-1] or len(sigma_voxels) != len(shape):
        raise ValueError(f"shape {shape}, sigma {tuple(sigma_voxels)} and clicks differ in dimensions")
    batch, slots = clicks.valid.shape
    if slots == 0:
        return torch.zeros((batch, 2, *shape), device=clicks.valid.device)
    if combine == "sum":
        return _scaled(_summed(clicks, shape, sigma_voxels))
    box = math.prod(2 * _radius(sigma) + 1 for sigma in sigma_voxels)
    if box * _BOX_COST < 2 * math.prod(shape):
        return _joined_by_boxes(clicks, shape, sigma_voxels)
    return _joined_whole(clicks, shape, sigma_voxels)


def _radius(sigma: float) -> int:
    return int(TRUNCATE_SIGMAS * sigma + 0.5)


def _gaussian(distance: Tensor, sigma: float) -> Tensor:
    values = torch.exp(distance.square() * (-0.5 / sigma**2))
    return torch.where(distance.abs() <= _radius(sigma), values, 0.0)


def _profiles(clicks: ClickTensor, shape: tuple[int, ...], sigma_voxels: Sequence[float]) -> list[Tensor]:
    """Return the Gaussians along each axis, (B, K, n); the first also separates the kinds, (B, 2, K, n)."""
    profiles = []
    for axis, (n, sigma) in enumerate(zip(shape, sigma_voxels, strict=True)):
        voxels = torch.arange(n, dtype=torch.float32, device=clicks.positions.device)
        profiles.append(_gaussian(voxels - clicks.positions[..., axis, None], sigma))
    profiles[0] = torch.where(_kinds(clicks)[..., None], profiles[0][:, None], 0.0)
    return profiles


def _kinds(clicks: ClickTensor) -> Tensor:
    """Return which slots hold an inside or outside click, (B, 2, K) bool."""
    return torch.stack((clicks.inside, ~clicks.inside), dim=1) & clicks.valid[:, None]


def _joined_whole(clicks: ClickTensor, shape: tuple[int, ...], sigma_voxels: Sequence[float]) -> Tensor:
    first, *others = _profiles(clicks, shape, sigma_voxels)
    maps = torch.zeros((first.shape[0], 2, *shape), device=first.device)
    # one slot at a time: a (B, 2, K, ...) intermediate would not fit any cache in 3D
    for slot in range(first.shape[2]):
        product = first[:, :, slot]
        for profile in others:
            along = profile[:, slot].reshape(profile.shape[0], *(1,) * (product.ndim - 1), -1)
            product = product[..., None] * along
        torch.maximum(maps, product, out=maps)
    return maps


def _joined_by_boxes(clicks: ClickTensor, shape: tuple[int, ...], sigma_voxels: Sequence[float]) -> Tensor:
    batch, slots = clicks.valid.shape
    device = clicks.positions.device
    channel = torch.arange(batch, device=device)[:, None] * 2 + (~clicks.inside).long()
    index, values = channel.reshape(-1), clicks.valid.reshape(-1).float()
    for axis, (n, sigma) in enumerate(zip(shape, sigma_voxels, strict=True)):
        position = clicks.positions[..., axis].reshape(-1, 1)
        voxel = position.round().long() + torch.arange(-_radius(sigma), _radius(sigma) + 1, device=device)
        profile = _gaussian(voxel - position, sigma)
        profile = torch.where((voxel >= 0) & (voxel < n), profile, 0.0)
        middle = (slots * batch, *(1,) * (index.ndim - 1), -1)
        index = index[..., None] * n + voxel.clamp(0, n - 1).reshape(middle)
        values = values[..., None] * profile.reshape(middle)
    maps = torch.zeros(batch * 2 * math.prod(shape), device=device)
    maps.scatter_reduce_(0, index.reshape(-1), values.reshape(-1), "amax")
    return maps.reshape(batch, 2, *shape)


def _summed(clicks: ClickTensor, shape: tuple[int, ...], sigma_voxels: Sequence[float]) -> Tensor:
    first, *others = _profiles(_without_repeats(clicks), shape, sigma_voxels)
    batch, _, slots, _ = first.shape
    product = first
    for profile in others[:-1]:
        product = (product[..., None] * profile[:, None, :, None, :]).reshape(batch, 2, slots, -1)
    last = others[-1] if others else torch.ones((batch, slots, 1), device=first.device)
    # half precision would round the maps
    with torch.autocast(product.device.type, enabled=False):
        return (product.transpose(2, 3) @ last[:, None]).reshape(batch, 2, *shape)


def _without_repeats(clicks: ClickTensor) -> ClickTensor:
    same = (clicks.positions[:, :, None] == clicks.positions[:, None]).all(-1)
    same &= (clicks.inside[:, :, None] == clicks.inside[:, None]) & clicks.valid[:, None]
    repeated = same.tril(diagonal=-1).any(-1)
    return ClickTensor(clicks.positions, clicks.inside, clicks.valid & ~repeated)


def _scaled(maps: Tensor) -> Tensor:
    flat = maps.flatten(2)
    low, high = flat.amin(2, keepdim=True), flat.amax(2, keepdim=True)
    span = torch.where(high > low, high - low, 1.0)
    return ((flat - low) / span).reshape(maps.shape)

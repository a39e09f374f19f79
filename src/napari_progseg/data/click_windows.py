"""What the starter sees of a window: its intensities, the clicks, how alike each voxel is to those clicked."""

from __future__ import annotations

import torch
from torch import Tensor

from ..guidance.maps import ClickTensor, click_maps

CHANNELS = (
    "image",
    "inside clicks",
    "outside clicks",
    "previous mask",
    "unlike inside",
    "unlike outside",
    "reach",
)
SIGMA_VOXELS = 2.0
WINDOW_IN_REACHES = 2.7
"""Side of a window whose size was guessed, as a multiple of how far an object is then supposed to reach."""
_SAMPLED = 4096
_UNLIKE = 0.4
_NONE = -1.0


def normalise_windows(images: Tensor) -> Tensor:
    """Bring every window, (B, 1, Z, Y, X), to [0, 1] by its own percentiles 0.5 and 99.5."""
    return scale_windows(images, *window_ranges(images))


def window_ranges(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return percentiles 0.5 and 99.5 of every window, each (B, 1, 1, 1, 1)."""
    flat = images.flatten(1)
    some = flat[:, :: max(1, flat.shape[1] // _SAMPLED)]
    low, high = torch.quantile(some, torch.tensor([0.005, 0.995], device=images.device), dim=1).view(2, -1, 1, 1, 1, 1)
    return low, high


def scale_windows(images: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Bring intensities from `low` to `high` to [0, 1], and those beyond to the ends."""
    return ((images - low) / (high - low).clamp(min=1e-6)).clamp(0, 1)


def clicked_intensities(images: Tensor, clicks: ClickTensor) -> Tensor:
    """Read what lies under clicks, averaged over 3 × 3 × 3 voxels.

    Parameters
    ----------
    images : Tensor, (B, 1, Z, Y, X)
        Normalised windows.
    clicks : ClickTensor
        Clicks beyond the window read its nearest voxels.

    Returns
    -------
    Tensor, (B, K)
        -1 in slots without a click.
    """
    batch, slots = clicks.valid.shape
    size = torch.tensor(images.shape[2:], device=images.device)
    around = torch.cartesian_prod(*[torch.arange(-1, 2, device=images.device)] * 3)
    voxels = (clicks.positions.round().long()[:, :, None] + around).clamp(min=0)
    voxels = torch.minimum(voxels, size - 1)
    rows = torch.arange(batch, device=images.device).view(-1, 1, 1)
    values = images[rows, 0, voxels[..., 0], voxels[..., 1], voxels[..., 2]]
    return torch.where(clicks.valid, values.mean(-1), _NONE) if slots else values.new_zeros((batch, 0))


def click_inputs(images: Tensor, clicks: ClickTensor, previous: Tensor, intensities: Tensor, reach: Tensor) -> Tensor:
    """Build the input of `networks.click_unet.ClickUnet`.

    Parameters
    ----------
    images : Tensor, (B, 1, Z, Y, X)
        Windows in [0, 1], see `normalise_windows`.
    clicks : ClickTensor
        In voxels of the window; those beyond it reach in with their tails.
    previous : Tensor, (B, Z, Y, X)
        The mask as it stands: bool, or a share of each voxel in [0, 1].
    intensities : Tensor, (B, K)
        What lies under each click on the windows' scale, -1 where it is not known; see `clicked_intensities`.
    reach : Tensor, (B,)
        How far the object reaches from the first click in the slice in which that was made, in voxels; 0 where it is
        not known.

    Returns
    -------
    Tensor, (B, 7, Z, Y, X)
        `CHANNELS`. "unlike" is the distance of each voxel's intensity to the nearest one that was clicked inside, and
        outside, 1 from 0.4 on and where nothing was clicked. "reach" falls from 1 at the first click to a half at the
        distance that the object reaches.
    """
    maps = click_maps(clicks, images.shape[2:], (SIGMA_VOXELS,) * 3)
    known = clicks.valid & (intensities != _NONE)
    unlike = [_unlike(images, intensities, known & kind) for kind in (clicks.inside, ~clicks.inside)]
    near = _reach_map(images, clicks.positions[:, :1], reach)
    return torch.cat([images, maps, previous[:, None].to(images.dtype), *unlike, near], dim=1)


def _reach_map(images: Tensor, centres: Tensor, reach: Tensor) -> Tensor:
    """Draw a cone of height 1 around each first click, (B, 1, Z, Y, X)."""
    if centres.shape[1] == 0 or not bool((reach > 0).any()):
        return torch.zeros_like(images)
    squared = torch.zeros_like(images)
    for axis, size in enumerate(images.shape[2:]):
        voxels = torch.arange(size, device=images.device, dtype=images.dtype)
        along = (voxels - centres[:, 0, axis, None]) ** 2
        squared = squared + along.view(-1, 1, *[size if other == axis else 1 for other in range(3)])
    wide = (2 * reach).clamp(min=1e-3).view(-1, 1, 1, 1, 1)
    return (1 - squared.sqrt() / wide).clamp(min=0) * (reach > 0).view(-1, 1, 1, 1, 1)


def _unlike(images: Tensor, intensities: Tensor, used: Tensor) -> Tensor:
    nearest = torch.full_like(images, _UNLIKE)
    for slot in range(used.shape[1]):
        if used[:, slot].any():
            value = torch.where(used[:, slot], intensities[:, slot], 9.0).view(-1, 1, 1, 1, 1)
            torch.minimum(nearest, (images - value).abs(), out=nearest)
    return nearest / _UNLIKE

"""Generated bodies pasted into real scans: objects whose outline is known where nothing is labelled."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ...guidance.simulate import largest_error
from .bodies import Body, Frame, draw_family, frame
from .draws import happens, log_uniform, one, per_sample, smooth_field, uniform

# half of a body's longest side, as a share of the longest side of the patch
_SMALLEST, _LARGEST = 0.06, 0.3
# difference of a body's intensity to that of its place, for images in [0, 1]
_FAINT, _STRONG = 0.06, 0.5


def paste_bodies(images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Paste a body into every image, and before it another of the same family, which only a click tells from it.

    A body has the texture of another place of the scan and an intensity of its own; half of the pairs share theirs.

    Parameters
    ----------
    images : Tensor of float32, (B, 1, *patch)
        Intensities in [0, 1]; 2D or 3D patches, axes ordered (y, x) or (z, y, x). A slice shows a section of a body.
    generator : torch.Generator
        On the device of the images.

    Returns
    -------
    images : Tensor of float32, (B, 1, *patch)
        With the bodies, in [0, 1].
    targets : Tensor of bool, (B, *patch)
        The largest piece of the body that was pasted last; empty where no voxel shows it.
    """
    size = images.shape[2:]
    volumes = images.view(len(images), *([1] * (3 - len(size))), *size)
    family = draw_family(generator, None)
    contrasts = _draw_contrasts(generator, volumes)
    other = contrasts if happens(generator, 0.5) else _draw_contrasts(generator, volumes)
    for contrast in (other, contrasts):
        body = family(generator, _draw_frame(generator, volumes))
        if body.hollow is not None:
            volumes = _painted(volumes, Body(body.hollow), _draw_contrasts(generator, volumes), generator)
        volumes = _painted(volumes, body, contrast, generator)
    targets = (body.level < 1).view(len(images), *size)
    return volumes.view(images.shape), largest_error(torch.zeros_like(targets), targets)[0]


def _draw_contrasts(generator: torch.Generator, volumes: Tensor) -> Tensor:
    sign = torch.where(uniform(generator, (len(volumes),)) < 0.5, -1.0, 1.0)
    return sign * log_uniform(generator, (len(volumes),), _FAINT, _STRONG)


def _draw_frame(generator: torch.Generator, volumes: Tensor) -> Frame:
    """Place a body anywhere in volumes (B, Z, Y, X), seen from it."""
    batch, *size = volumes.shape
    longest = max(size)
    axes = [(torch.arange(n, device=volumes.device) + 0.5 - n / 2) / longest for n in size]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij")).expand(batch, -1, -1, -1, -1)
    bend = per_sample(uniform(generator, (batch,), 0, 0.05), 5)
    places = places + bend * smooth_field(generator, batch, 3, size, one(generator, 0.2, 0.6) * longest)
    reach = 0.4 * torch.tensor(size, device=volumes.device) / longest
    middle = uniform(generator, (batch, 3), -1, 1) * reach
    return frame(generator, places, middle, log_uniform(generator, (batch,), _SMALLEST, _LARGEST))


def _painted(volumes: Tensor, body: Body, contrast: Tensor, generator: torch.Generator) -> Tensor:
    """Give the inside of a body another intensity and the texture of another place, (B, Z, Y, X)."""
    inside = (body.level < 1).float()
    voxels = per_sample(inside.flatten(1).sum(1).clamp(min=1), 4)
    here = per_sample((volumes * inside).flatten(1).sum(1), 4) / voxels
    level = here + per_sample(contrast, 4)
    # what would leave the range of intensities goes the other way
    level = torch.where((level < 0) | (level > 1), here - per_sample(contrast, 4), level)
    elsewhere = _from_elsewhere(volumes, generator)
    there = per_sample((elsewhere * inside).flatten(1).sum(1), 4) / voxels
    strength = per_sample(uniform(generator, (len(volumes),), 0, 1), 4)
    texture = level + strength * (elsewhere - there)
    return torch.lerp(volumes, texture, _softened(inside, generator)).clamp(0, 1)


def _from_elsewhere(volumes: Tensor, generator: torch.Generator) -> Tensor:
    """Move the content of all volumes by the same random share of their sides; what leaves comes in opposite."""
    shifts = [int(one(generator, 0.2, 0.8) * n) for n in volumes.shape[1:]]
    return volumes.roll(shifts, (1, 2, 3))


def _softened(inside: Tensor, generator: torch.Generator) -> Tensor:
    """Let borders be as sharp as the grid, or one voxel wide."""
    if happens(generator, 0.5):
        return inside
    sides = [3 if n > 1 else 1 for n in inside.shape[1:]]
    pads = [side // 2 for side in sides]
    return functional.avg_pool3d(inside[:, None], sides, 1, pads, count_include_pad=False)[:, 0]

"""Supervoxels: connected pieces of an image that stand out, as objects for clicks where nothing is labelled."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from .morphology import dilated, eroded
from .simulate import largest_error

_TRIES = 3
_FEWEST, _SEEDS = 3, 16
# weight of the distance in space (patch diagonals) beside that in intensity (standard deviations of the patch)
_LEAST_COMPACT, _MOST_COMPACT = 0.1, 10.0
# sizes as shares of the patch, and the difference of mean intensities to the voxels around, for images in [0, 1]
_LEAST, _MOST, _LEAST_CONTRAST = 1 / 1500, 1 / 4, 0.04


def draw_supervoxels(images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw a supervoxel of every image.

    As in SLIC (Achanta et al. 2012), but in one pass from seeds drawn at random: each voxel goes to the seed that is
    nearest in intensity and space; how many seeds there are, how much space counts and how smooth the image is made
    differ between samples, so that pieces are small or large, and follow edges closely or loosely (our choice). Of a
    seed's voxels the largest piece that holds together by more than two voxels is taken.

    Parameters
    ----------
    images : Tensor of float32, (B, 1, *patch)
        Intensities in [0, 1]; 2D or 3D patches, axes ordered (y, x) or (z, y, x).
    generator : torch.Generator
        On the device of the images.

    Returns
    -------
    supervoxels : Tensor of bool, (B, *patch)
        Each in one piece, of 1/1500 to 1/4 of the patch, and brighter or darker than what surrounds it; empty where
        none was found.
    found : Tensor of bool, (B,)
        Where there is one.
    """
    batch, size = len(images), images.shape[2:]
    smooth = _smoothed(images, generator).repeat(_TRIES, *[1] * len(size))
    nearest = _nearest_to_first_seed(smooth, generator)
    cores = largest_error(torch.zeros_like(nearest), eroded(nearest))[0]
    pieces = dilated(cores) & nearest
    area = pieces.flatten(1).sum(1)
    suits = (area >= _LEAST * size.numel()) & (area <= _MOST * size.numel())
    suits = (suits & (_contrast(smooth, pieces) >= _LEAST_CONTRAST)).view(_TRIES, batch)
    found = suits.any(0)
    chosen = pieces.view(_TRIES, batch, *size)[suits.int().argmax(0), torch.arange(batch, device=images.device)]
    return chosen & _spread(found, chosen), found


def _smoothed(images: Tensor, generator: torch.Generator) -> Tensor:
    """Average some images over 3 voxels along each axis, the others twice: (B, *patch)."""
    mean = functional.avg_pool2d if images.ndim == 4 else functional.avg_pool3d
    once = mean(images, 3, stride=1, padding=1, count_include_pad=False)
    twice = mean(once, 3, stride=1, padding=1, count_include_pad=False)
    more = torch.rand(len(images), generator=generator, device=images.device) < 0.5
    return torch.where(_spread(more, images), twice, once)[:, 0]


def _nearest_to_first_seed(smooth: Tensor, generator: torch.Generator) -> Tensor:
    """Mark the voxels (B, *patch) that are nearer to the first seed than to all others."""
    batch, size = len(smooth), smooth.shape[1:]
    device = smooth.device
    seeds = torch.randint(size.numel(), (_SEEDS, batch), generator=generator, device=device)
    counts = torch.randint(_FEWEST, _SEEDS + 1, (batch,), generator=generator, device=device)
    span = math.log(_LEAST_COMPACT), math.log(_MOST_COMPACT)
    compact = torch.rand(batch, generator=generator, device=device) * (span[1] - span[0]) + span[0]
    weight = _spread(compact.exp(), smooth) / sum(n * n for n in size)
    spread = _spread(smooth.flatten(1).std(1).clamp(min=1e-4), smooth)
    values = smooth.flatten(1).gather(1, seeds.T).T

    def distances(number: int) -> Tensor:
        colour = ((smooth - _spread(values[number], smooth)) / spread).square()
        return colour + weight * _squared_distances(seeds[number], size)

    own, others = distances(0), torch.full_like(smooth, math.inf)
    for number in range(1, _SEEDS):
        there = _spread(number < counts, smooth)
        others = torch.where(there, torch.minimum(others, distances(number)), others)
    return own < others


def _squared_distances(seeds: Tensor, size: torch.Size) -> Tensor:
    """Measure squared distances (B, *size), in voxels, to voxels (B,) that are given as indices in C order."""
    total, left = torch.zeros((len(seeds), *size), device=seeds.device), seeds
    for axis in reversed(range(len(size))):
        left, place = left // size[axis], left % size[axis]
        along = (torch.arange(size[axis], device=seeds.device) - place[:, None]).float().square()
        total += along.view(len(seeds), *[-1 if other == axis else 1 for other in range(len(size))])
    return total


def _contrast(smooth: Tensor, pieces: Tensor) -> Tensor:
    """Compare mean intensities inside with those of the three voxels around: (B,)."""
    rim = dilated(dilated(dilated(pieces))) & ~pieces
    inside, outside = (
        (smooth * part).flatten(1).sum(1) / part.flatten(1).sum(1).clamp(min=1) for part in (pieces, rim)
    )
    return (inside - outside).abs()


def _spread(per_sample: Tensor, like: Tensor) -> Tensor:
    return per_sample.view(-1, *[1] * (like.ndim - 1))

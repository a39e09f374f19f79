"""Objects for clicks in scans that nobody has labelled."""

from __future__ import annotations

import torch
from torch import Tensor

from ..guidance.supervoxels import draw_supervoxels
from .synthesis.pasted import paste_bodies

_SUPERVOXELS = 0.5


def draw_click_targets(images: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Make a target in every image: a supervoxel of it in about half of them, in the others a body pasted into it.

    Where no supervoxel is found a body is pasted, too.

    Parameters
    ----------
    images : Tensor of float32, (B, 1, *patch)
        Intensities in [0, 1]; 2D or 3D patches, axes ordered (y, x) or (z, y, x).
    generator : torch.Generator
        On the CPU; on other devices it seeds one there.

    Returns
    -------
    images : Tensor of float32, (B, 1, *patch)
        As they were, or with bodies.
    targets : Tensor of bool, (B, *patch)
        In one piece.
    """
    seed = int(torch.randint(2**31 - 1, (1,), generator=generator))
    source = torch.Generator(images.device).manual_seed(seed)
    pasted = torch.rand(len(images), generator=source, device=images.device) >= _SUPERVOXELS
    targets = images.new_zeros((len(images), *images.shape[2:]), dtype=torch.bool)
    if len(rows := (~pasted).nonzero()[:, 0]):
        targets[rows], found = draw_supervoxels(images[rows], source)
        pasted[rows] = ~found
    if len(rows := pasted.nonzero()[:, 0]):
        images = images.clone()
        images[rows], targets[rows] = paste_bodies(images[rows], source)
    return images, targets

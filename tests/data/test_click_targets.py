"""Targets for clicks in scans without labels."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_progseg.data.click_targets import draw_click_targets


def scans(copies: int = 24) -> Tensor:
    """Squares of several greys with noise."""
    greys = torch.rand(copies, 1, 6, 6, generator=torch.Generator().manual_seed(2)).repeat_interleave(8, 2)
    noise = 0.02 * torch.randn(copies, 1, 48, 48, generator=torch.Generator().manual_seed(1))
    return (greys.repeat_interleave(8, 3) + noise).clamp(0, 1)


def test_about_half_are_supervoxels_of_the_scan_and_half_are_pasted() -> None:
    images = scans()
    changed, targets = draw_click_targets(images, torch.Generator().manual_seed(0))
    pasted = (changed != images).flatten(1).any(1)
    assert 0.25 < float(pasted.float().mean()) < 0.75
    assert targets[~pasted].flatten(1).any(1).all()


def test_where_no_supervoxel_is_found_a_body_is_pasted() -> None:
    images = torch.full((8, 1, 48, 48), 0.5)
    changed, targets = draw_click_targets(images, torch.Generator().manual_seed(0))
    assert (changed != images).flatten(1).any(1).all()
    assert targets.flatten(1).any(1).float().mean() > 0.7


@pytest.mark.parametrize("size", [(48, 48), (16, 24, 24)])
def test_the_generator_alone_decides_and_the_scans_stay(size: tuple[int, ...]) -> None:
    images = torch.rand(4, 1, *size, generator=torch.Generator().manual_seed(4))
    kept = images.clone()
    first, again, other = (draw_click_targets(images, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert torch.equal(images, kept)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[1], other[1])

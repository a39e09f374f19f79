"""Bent contours."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_progseg.guidance.bend import bent


def ball(dims: int, radius: float, size: int = 40, copies: int = 32) -> Tensor:
    axes = torch.meshgrid(*[torch.arange(size) - (size - 1) / 2] * dims, indexing="ij")
    inside = sum(axis**2 for axis in axes) <= radius**2
    return torch.as_tensor(inside).float().expand(copies, *inside.shape)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dims", [2, 3])
def test_without_displacement_nothing_changes(dims: int) -> None:
    masks = ball(dims, 9, size=24, copies=2)
    assert torch.equal(bent(masks, 0.0, seeded()), masks)


@pytest.mark.parametrize("dims", [2, 3])
def test_contours_move_by_a_share_of_the_radius_and_the_size_stays_on_average(dims: int) -> None:
    masks = ball(dims, 10)
    changed = bent(masks, 0.25, seeded())
    overlap = 2 * (masks * changed).flatten(1).sum(1) / (masks.flatten(1).sum(1) + changed.flatten(1).sum(1))
    assert 0.7 < overlap.mean() < 0.95
    assert 0.85 < changed.sum() / masks.sum() < 1.15


def test_small_objects_are_bent_as_much_as_large_ones_for_their_size() -> None:
    overlaps = []
    for radius in (5, 10):
        masks = ball(2, radius, copies=200)
        changed = bent(masks, 0.25, seeded())
        overlaps.append(float(2 * (masks * changed).sum() / (masks.sum() + changed.sum())))
    assert overlaps[0] == pytest.approx(overlaps[1], abs=0.06)


def test_an_empty_mask_stays_empty() -> None:
    assert not bent(torch.zeros(3, 16, 16), 0.5, seeded()).any()


def test_the_generator_alone_decides() -> None:
    masks = ball(2, 8)
    assert torch.equal(bent(masks, 0.3, seeded(4)), bent(masks, 0.3, seeded(4)))
    assert not torch.equal(bent(masks, 0.3, seeded(4)), bent(masks, 0.3, seeded(5)))

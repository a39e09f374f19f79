"""Masks with drawn mistakes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_progseg.guidance.mistakes import mistaken
from napari_progseg.guidance.simulate import largest_error


def disks(copies: int = 200) -> tuple[Tensor, Tensor]:
    """Wanted disks of radius 10 and decoys of radius 6 in another corner of 64² patches."""
    y, x = torch.meshgrid(torch.arange(64), torch.arange(64), indexing="ij")
    wanted = (y - 24) ** 2 + (x - 22) ** 2 <= 100
    decoy = (y - 50) ** 2 + (x - 52) ** 2 <= 36
    return wanted.expand(copies, 64, 64), decoy.expand(copies, 64, 64)


def drawn(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    wanted, decoys = disks()
    return wanted, decoys, mistaken(wanted, decoys, torch.Generator().manual_seed(seed))


def dice(one: Tensor, other: Tensor) -> Tensor:
    total = one.flatten(1).sum(1) + other.flatten(1).sum(1)
    return 2 * (one & other).flatten(1).sum(1) / total.clamp(min=1)


def test_mistakes_reach_from_slivers_to_another_object() -> None:
    wanted, _, found = drawn()
    scores = dice(wanted, found)
    assert (scores > 0.9).float().mean() > 0.1
    assert ((scores > 0.5) & (scores < 0.9)).float().mean() > 0.3
    assert (scores < 0.1).float().mean() > 0.05


def test_something_is_missing_as_often_as_something_is_too_much() -> None:
    wanted, decoys, found = drawn()
    alone = ~(found & decoys).flatten(1).any(1)
    _, inside, there = largest_error(found[alone], wanted[alone])
    assert there.float().mean() > 0.9
    assert 0.3 < inside.float().mean() < 0.7


def test_a_decoy_is_taken_for_the_object_or_joined_to_it_now_and_then() -> None:
    wanted, decoys, found = drawn()
    holds = (found & decoys).flatten(1).sum(1) > 0.9 * decoys[0].sum()
    alone = holds & ~(found & wanted).flatten(1).any(1)
    assert 0.08 < alone.float().mean() < 0.25
    assert 0.15 < (holds & ~alone).float().mean() < 0.4


@pytest.mark.parametrize("shape", [(40, 48), (12, 20, 16), (1, 9, 5)])
def test_any_patch_will_do_and_nothing_may_be_wanted(shape: tuple[int, ...]) -> None:
    nothing = torch.zeros(4, *shape, dtype=torch.bool)
    found = mistaken(nothing, nothing, torch.Generator().manual_seed(0))
    assert found.shape == nothing.shape
    assert found.dtype == torch.bool


def test_the_generator_alone_decides() -> None:
    assert torch.equal(drawn(4)[2], drawn(4)[2])
    assert not torch.equal(drawn(4)[2], drawn(5)[2])

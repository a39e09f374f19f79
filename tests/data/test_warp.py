"""Images that follow their landmarks."""

from __future__ import annotations

import torch
from torch import Tensor

from napari_progseg.data.warp import splines, warp

SPACING = (1.5, 1.0, 2.0)


def landmarks(batch: int = 2, count: int = 20) -> Tensor:
    return 8 * torch.randn(batch, count, 3, generator=torch.Generator().manual_seed(0))


def test_without_stiffness_every_landmark_arrives() -> None:
    source = landmarks()
    target = source + torch.randn(source.shape, generator=torch.Generator().manual_seed(1))
    assert (splines(source, target, stiffness=0.0).at(source) - target).abs().max() < 1e-3


def test_a_similarity_is_carried_everywhere() -> None:
    source = landmarks()
    turn = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(2)))[0]
    found = splines(source, 1.2 * source @ turn + 3)
    elsewhere = 30 * torch.randn(50, 3, generator=torch.Generator().manual_seed(3))
    assert (found.at(elsewhere) - (1.2 * elsewhere @ turn + 3)).abs().max() < 1e-2


def test_landmarks_that_stay_leave_the_image_as_it_is() -> None:
    values = torch.rand(2, 1, 9, 12, 10, generator=torch.Generator().manual_seed(0))
    source = landmarks()
    assert (warp(values, splines(source, source), SPACING) - values).abs().max() < 1e-3


def test_an_image_moves_where_its_landmarks_move() -> None:
    values = torch.zeros(1, 1, 12, 12, 12)
    values[0, 0, 4:8, 4:8, 4:8] = 1
    source = landmarks(1)
    moved = source + torch.tensor([3.0, 0.0, -2.0])
    found = warp(values, splines(moved, source), SPACING)
    assert (found - torch.roll(values, (2, -1), (2, 4))).abs().max() < 1e-3


def test_what_lies_outside_is_empty() -> None:
    source = landmarks(1)
    found = warp(torch.ones(1, 1, 8, 8, 8), splines(source, source + 100), SPACING)
    assert not found.any()

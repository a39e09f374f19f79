"""Pieces of an image that clicks may name."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from napari_progseg.guidance.decoys import draw_pieces


def rooms(copies: int = 40) -> tuple[Tensor, Tensor]:
    """Four squares of different grey on a dark ground with noise, the last of which is a structure."""
    labels = torch.zeros(64, 64, dtype=torch.long)
    for number, (y, x) in enumerate(((6, 6), (6, 38), (38, 6), (38, 38)), 1):
        labels[y : y + 20, x : x + 20] = number
    greys = torch.tensor([0.1, 0.35, 0.6, 0.85, 0.6])[labels].expand(copies, 1, 64, 64)
    noise = 0.01 * torch.randn(greys.shape, generator=torch.Generator().manual_seed(1))
    return greys + noise, labels.expand(copies, 64, 64)


def test_pieces_are_the_objects_that_the_image_shows() -> None:
    images, labels = rooms()
    pieces, found = draw_pieces(images, labels == 4, torch.Generator().manual_seed(0))
    assert found.float().mean() > 0.4
    for piece, rooms_of in zip(pieces[found], labels[found], strict=True):
        inside = rooms_of[piece]
        most = int(inside.bincount(minlength=5).argmax())
        assert most in (1, 2, 3), "the ground is too large, the structure is taken"
        overlap = 2 * int((inside == most).sum()) / (int(piece.sum()) + 400)
        assert overlap > 0.8


def test_pieces_hold_nothing_that_is_taken_and_are_connected() -> None:
    images, labels = rooms()
    pieces, found = draw_pieces(images, labels == 4, torch.Generator().manual_seed(2))
    assert not (pieces & (labels == 4)).any()
    assert not pieces[~found].any()
    assert all(ndimage.label(piece.numpy(), np.ones((3, 3)))[1] == 1 for piece in pieces[found])


def test_where_all_looks_alike_there_is_no_piece() -> None:
    pieces, found = draw_pieces(torch.full((3, 1, 32, 32), 0.5), torch.zeros(3, 32, 32) > 0, torch.Generator())
    assert not found.any()
    assert not pieces.any()


def test_in_3d_too() -> None:
    images = torch.full((6, 1, 16, 24, 20), 0.2)
    images[:, :, 4:11, 6:14, 5:13] = 0.7
    pieces, found = draw_pieces(images, torch.zeros(6, 16, 24, 20) > 0, torch.Generator().manual_seed(0))
    for piece in pieces[found]:
        assert piece[7, 10, 9]
        assert 300 < int(piece.sum()) <= 448


def test_the_generator_alone_decides() -> None:
    images, labels = rooms()
    one, again, other = (draw_pieces(images, labels == 4, torch.Generator().manual_seed(seed))[0] for seed in (3, 3, 4))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_device_gives_the_same_pieces_as_the_cpu() -> None:
    images, labels = rooms()
    here, _ = draw_pieces(images, labels == 4, torch.Generator().manual_seed(0))
    there, _ = draw_pieces(images.cuda(), (labels == 4).cuda(), torch.Generator().manual_seed(0))
    assert torch.equal(here, there.cpu())

"""Supervoxels: pieces of images that nobody has labelled."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from napari_progseg.guidance.supervoxels import draw_supervoxels


def rooms(copies: int = 60) -> tuple[Tensor, Tensor]:
    """Four squares of different grey on a dark ground with noise, and which is where."""
    labels = torch.zeros(64, 64, dtype=torch.long)
    for number, (y, x) in enumerate(((6, 6), (6, 38), (38, 6), (38, 38)), 1):
        labels[y : y + 20, x : x + 20] = number
    greys = torch.tensor([0.1, 0.35, 0.6, 0.85, 0.5])[labels].expand(copies, 1, 64, 64)
    noise = 0.01 * torch.randn(greys.shape, generator=torch.Generator().manual_seed(1))
    return greys + noise, labels


def drawn(images: Tensor, seed: int = 0) -> tuple[Tensor, Tensor]:
    return draw_supervoxels(images, torch.Generator().manual_seed(seed))


def test_most_supervoxels_keep_to_what_the_image_shows_as_one() -> None:
    images, labels = rooms()
    supervoxels, found = drawn(images)
    assert found.float().mean() > 0.9
    purest = torch.stack([labels[each].bincount(minlength=5).max() / each.sum() for each in supervoxels[found]])
    assert purest.median() > 0.95
    whole = torch.stack([each & (labels > 0) for each in supervoxels[found]]).flatten(1).sum(1)
    assert (whole > 300).float().mean() > 0.25, "many are whole squares of 400 voxels"


def test_supervoxels_are_in_one_piece_and_neither_specks_nor_half_of_the_patch() -> None:
    supervoxels, found = drawn(rooms()[0], 2)
    area = supervoxels.flatten(1).sum(1)
    assert not supervoxels[~found].any()
    assert area[found].min() >= 64 * 64 / 1500
    assert area.max() <= 64 * 64 / 4
    assert area[found].max() > 5 * area[found].min()
    assert all(ndimage.label(each.numpy(), np.ones((3, 3)))[1] == 1 for each in supervoxels[found])


def test_they_stand_out_from_what_is_around() -> None:
    images, _ = rooms()
    supervoxels, found = drawn(images, 1)
    for image, each in zip(images[found, 0], supervoxels[found], strict=True):
        around = torch.from_numpy(ndimage.binary_dilation(each, np.ones((3, 3)), 3)) & ~each
        assert abs(float(image[each].mean() - image[around].mean())) > 0.03


def test_where_all_looks_alike_there_is_none() -> None:
    supervoxels, found = drawn(torch.full((3, 1, 32, 32), 0.5))
    assert not found.any()
    assert not supervoxels.any()


def test_in_3d_too() -> None:
    labels = torch.zeros(16, 24, 20, dtype=torch.long)
    labels[4:11, 2:10, 5:13], labels[4:11, 13:21, 5:13] = 1, 2
    images = torch.tensor([0.2, 0.5, 0.8])[labels].expand(24, 1, 16, 24, 20)
    supervoxels, found = drawn(images + 0.01 * torch.randn(images.shape, generator=torch.Generator().manual_seed(1)))
    assert found.float().mean() > 0.8
    purest = torch.stack([labels[each].bincount(minlength=3).max() / each.sum() for each in supervoxels[found]])
    assert purest.median() > 0.9
    assert all(ndimage.label(each.numpy(), np.ones((3, 3, 3)))[1] == 1 for each in supervoxels[found])


def test_the_generator_alone_decides() -> None:
    images, _ = rooms(8)
    first, again, other = (drawn(images, seed)[0] for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_device_too() -> None:
    images, _ = rooms()
    supervoxels, found = draw_supervoxels(images.cuda(), torch.Generator("cuda").manual_seed(0))
    assert supervoxels.device.type == found.device.type == "cuda"
    assert found.float().mean() > 0.9

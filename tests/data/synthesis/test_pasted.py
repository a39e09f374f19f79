"""Bodies pasted into scans."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from napari_progseg.data.synthesis.pasted import paste_bodies

SIZES = pytest.mark.parametrize("size", [(64, 48), (24, 40, 32)])


def scans(*size: int, copies: int = 12) -> Tensor:
    return 0.3 + 0.3 * torch.rand(copies, 1, *size, generator=torch.Generator().manual_seed(3))


def pasted(images: Tensor, seed: int = 0) -> tuple[Tensor, Tensor]:
    return paste_bodies(images, torch.Generator().manual_seed(seed))


@SIZES
def test_a_body_differs_from_the_scan_that_was_in_its_place(size: tuple[int, ...]) -> None:
    images = scans(*size)
    changed, targets = pasted(images)
    assert targets.shape == (12, *size)
    shown = targets.flatten(1).any(1)
    assert shown.float().mean() > 0.7
    differences = []
    for before, after, target in zip(images[shown, 0], changed[shown, 0], targets[shown], strict=True):
        inner = target & torch.from_numpy(ndimage.binary_erosion(target, np.ones((3,) * target.ndim)))
        where = inner if inner.any() else target
        differences.append(abs(float((after - before)[where].mean())))
    assert min(differences) > 0.005
    assert np.median(differences) > 0.03


@SIZES
def test_targets_are_in_one_piece_and_the_scan_is_left_elsewhere(size: tuple[int, ...]) -> None:
    images = scans(*size)
    kept = images.clone()
    changed, targets = pasted(images, 1)
    assert torch.equal(images, kept), "the scan itself stays"
    assert ((changed >= 0) & (changed <= 1)).all()
    assert all(ndimage.label(each)[1] <= 1 for each in targets.numpy())
    assert (changed == images).float().mean() > 0.5


def test_a_second_body_of_the_same_family_is_not_wanted() -> None:
    images = torch.full((16, 1, 64, 64), 0.5)
    changed, targets = pasted(images, 5)
    others = ((changed - images).abs()[:, 0] > 0.02) & ~targets
    assert (others.flatten(1).sum(1) > 20).float().mean() > 0.5


def test_bodies_differ_in_size_and_intensity() -> None:
    images = torch.full((32, 1, 64, 64), 0.5)
    changed, targets = pasted(images, 7)
    area = targets.flatten(1).sum(1)
    means = (changed[:, 0] * targets).flatten(1).sum(1)[area > 20] / area[area > 20]
    assert means.min() < 0.45 < 0.55 < means.max()
    assert area.max() > 4 * area[area > 0].min()


def test_the_generator_alone_decides() -> None:
    images = scans(32, 32)
    first, again, other = (pasted(images, seed) for seed in (3, 3, 4))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[1], other[1])

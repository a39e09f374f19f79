"""Random changes of patches: drawn, then applied."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from napari_progseg.data.augment import Changes, apply, draw
from napari_progseg.training.config import AugmentConfig

STILL: dict[str, Any] = {"rotation_degrees": 0, "scale": 0, "shift": 0, "elastic": 0, "intensity": 0}
PATCHES = [(16, 12), (8, 10, 6)]


def drawn(patch: tuple[int, ...], seed: int = 0, batch: int = 3, spacing: Any = None, **settings: Any) -> Changes:
    generator = torch.Generator().manual_seed(seed)
    return draw(AugmentConfig(**settings), batch, patch, spacing or (1.0,) * len(patch), generator)


def patches(size: tuple[int, ...], batch: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    labels = torch.randint(0, 3, (batch, *size), generator=generator, dtype=torch.uint8)
    return torch.rand((batch, 1, *size), generator=generator), labels * 3


@pytest.mark.parametrize("patch", PATCHES)
def test_equal_generators_give_equal_changes_and_equal_patches(patch: tuple[int, ...]) -> None:
    one, other = drawn(patch), drawn(patch)
    for field in dataclasses.fields(Changes):
        assert torch.equal(*(torch.as_tensor(getattr(each, field.name)) for each in (one, other)))
    given = patches(tuple(n + 4 for n in patch))
    before = given[0].clone()
    first, again = apply(*given, one, patch), apply(*given, other, patch)
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert torch.equal(given[0], before)
    assert not torch.equal(apply(*given, drawn(patch, seed=1), patch)[0], first[0])


@pytest.mark.parametrize("patch", PATCHES)
def test_changes_of_no_strength_cut_the_middle_of_the_box(patch: tuple[int, ...]) -> None:
    images, labels = patches(tuple(n + 4 for n in patch))
    middle = (..., *tuple(slice(2, n + 2) for n in patch))
    changed, changed_labels = apply(images, labels, drawn(patch, **STILL), patch)
    torch.testing.assert_close(changed, images[middle], atol=1e-5, rtol=0)
    assert torch.equal(changed_labels, labels[middle])


@pytest.mark.parametrize("patch", PATCHES)
def test_labels_keep_known_values_and_intensities_their_range(patch: tuple[int, ...]) -> None:
    images, labels = patches(tuple(n + 4 for n in patch), batch=20)
    strong = drawn(patch, batch=20, intensity=3, elastic=0.3, scale=0.5, rotation_degrees=90, mirror=True)
    changed, changed_labels = apply(images, labels, strong, patch)
    assert set(changed_labels.unique().tolist()) <= {0, 3, 6}
    assert changed_labels.dtype == torch.uint8
    assert changed.isfinite().all()
    assert changed.min() >= 0
    assert changed.max() <= 1


@pytest.mark.parametrize("patch", [(24, 24), (12, 16, 16)])
def test_image_and_labels_move_together(patch: tuple[int, ...]) -> None:
    labels = torch.zeros((8, *patch), dtype=torch.uint8)
    labels[(slice(None), *(slice(n // 4, n // 2) for n in patch))] = 1
    changes = drawn(patch, batch=8, intensity=0, elastic=0.1, scale=0.3, rotation_degrees=40)
    images, moved = apply(labels[:, None].float(), labels, changes, patch)
    assert not torch.equal(moved, labels)
    assert ((images[:, 0] > 0.5) == (moved == 1)).float().mean() > 0.98


def test_rotations_are_rotations_in_millimetres() -> None:
    spacing = (4.0, 1.0)
    matrix = drawn((16, 16), spacing=spacing, **{**STILL, "rotation_degrees": 90}).matrix
    mm = torch.tensor(spacing)
    in_mm = matrix * mm[None, :, None] / mm[None, None, :]
    torch.testing.assert_close(in_mm @ in_mm.transpose(1, 2), torch.eye(2).expand(3, 2, 2), atol=1e-5, rtol=0)


def test_mirroring_turns_left_and_right_of_about_half_the_patches() -> None:
    images, labels = patches((16, 12), batch=40)
    changed, _ = apply(images, labels, drawn((16, 12), batch=40, mirror=True, **STILL), (16, 12))
    flipped = [bool(torch.allclose(a, b.flip(-1), atol=1e-4)) for a, b in zip(changed, images, strict=True)]
    kept = [bool(torch.allclose(a, b, atol=1e-4)) for a, b in zip(changed, images, strict=True)]
    assert sum(flipped) + sum(kept) == 40
    assert 10 < sum(flipped) < 30

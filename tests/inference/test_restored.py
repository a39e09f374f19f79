"""A slice, distorted and restored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_progseg.data.plan import Plan
from napari_progseg.inference.model import TrainedModel
from napari_progseg.inference.restored import Triplet, restored_slice
from napari_progseg.training.config import preset_config
from napari_progseg.volume import Volume

SHAPE = (10, 24, 30)
NAMES = ("original", "distorted", "restored")


class Same(nn.Module):
    """Gives back the image it sees."""

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.logit(inputs, eps=1e-6)


@pytest.fixture
def model_of(plan_of: Callable[..., Plan]) -> Callable[..., TrainedModel]:
    def build(patch: tuple[int, ...] = (16, 20), restoration: Any = None, **fields: Any) -> TrainedModel:
        plan = plan_of(task="restoration", patch=patch, **fields)
        config = preset_config("tiny", "restoration", restoration=restoration or {}, budget={"steps": 1})
        return TrainedModel(Same(), plan, config, torch.device("cpu"), "0001-fake", 1, None)

    return build


@pytest.fixture
def volume(volume_of: Callable[..., Volume]) -> Volume:
    """Slice z holds 10 z HU more than a ramp of 0 to 9 along x."""
    ramp = np.linspace(0, 9, SHAPE[2])
    return volume_of(np.broadcast_to(10.0 * np.arange(SHAPE[0])[:, None, None] + ramp, SHAPE).astype(np.float32))


def slice_of(triplet: Triplet) -> int:
    return int(np.median(triplet.original) / 255 * 100 // 10)


def test_a_network_that_also_follows_clicks_shows_its_first_output(model_of: Any, volume: Volume) -> None:
    found = restored_slice(model_of((16, 20), click_tasks=True), volume)
    np.testing.assert_allclose(found.restored, found.distorted, atol=1)


@pytest.mark.parametrize(("patch", "size"), [((16, 20), (16, 20)), ((4, 16, 20), (16, 20)), ((16, 24, 32), (24, 32))])
def test_three_slices_of_one_patch_are_shown(
    model_of: Any, volume: Volume, patch: tuple[int, ...], size: tuple[int, int]
) -> None:
    found = restored_slice(model_of(patch), volume)
    for name in NAMES:
        assert getattr(found, name).shape == size
        assert getattr(found, name).dtype == np.uint8
    assert slice_of(found) == 5
    np.testing.assert_allclose(found.restored, found.distorted, atol=1)


@pytest.mark.parametrize("patch", [(16, 20), (4, 16, 20), (16, 16, 20)])
@pytest.mark.parametrize(("z", "shown"), [(0, 0), (3, 3), (9, 9), (99, 9), (-1, 0)])
def test_the_slice_that_is_asked_for_is_shown(
    model_of: Any, volume: Volume, patch: tuple[int, ...], z: int, shown: int
) -> None:
    assert slice_of(restored_slice(model_of(patch), volume, z=z)) == shown


def test_a_slice_is_counted_in_the_volume_also_where_the_network_sees_fewer(model_of: Any, volume: Volume) -> None:
    model = model_of((2, 16, 20), spacing_zyx_mm=(2.0, 1.0, 1.0))
    assert slice_of(restored_slice(model, volume, z=9)) >= 8
    assert slice_of(restored_slice(model, volume, z=1)) <= 1


def test_a_seed_gives_the_same_distortion_each_time(model_of: Any, volume: Volume) -> None:
    model = model_of(restoration={"paint": 1.0})
    first, again, other = (restored_slice(model, volume, seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first.distorted, again.distorted)
    assert (first.distorted != other.distorted).any()
    np.testing.assert_array_equal(first.original, other.original)


def test_the_slice_is_never_turned(model_of: Any, volume: Volume) -> None:
    model = model_of(restoration={"flip": 1.0})
    for seed in range(8):
        original = restored_slice(model, volume, seed).original
        assert (np.diff(original.astype(int), axis=1) >= 0).all()

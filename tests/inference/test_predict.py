"""Whole volumes without clicks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from napari_progseg.inference.model import TrainedModel
from napari_progseg.inference.predict import predict_volume, to_labels, windowed
from napari_progseg.volume import LabelClass, Volume

ModelOf = Callable[..., TrainedModel]
VolumeOf = Callable[..., Volume]
PATCHES = [(16, 16), (8, 16, 16)]


def block(shape: tuple[int, int, int], dtype: Any = np.int16) -> Any:
    image = np.zeros(shape, dtype)
    image[tuple(slice(n // 4, n // 2) for n in shape)] = 100
    return image


@pytest.mark.parametrize("patch", PATCHES)
@pytest.mark.parametrize("shape", [(12, 16, 16), (5, 7, 9), (60, 50, 40), (1, 16, 33)])
def test_any_size_is_predicted_on_its_own_grid(
    model_of: ModelOf, volume_of: VolumeOf, patch: tuple[int, ...], shape: tuple[int, int, int]
) -> None:
    volume = volume_of(np.random.default_rng(0).integers(0, 100, shape).astype(np.int16))
    model = model_of(patch=patch)
    found = predict_volume(model, volume)
    assert found.geometry is volume.geometry
    assert found.names == {1: "bone"}
    np.testing.assert_array_equal(found.labels, volume.image >= 50)
    assert set(model.network.sizes) == {patch}


@pytest.mark.parametrize("patch", PATCHES)
@pytest.mark.parametrize("spacing", [(3.0, 0.8, 0.6), (0.5, 2.0, 1.5)])
def test_resampled_volumes_come_back_at_their_place(
    model_of: ModelOf, volume_of: VolumeOf, patch: tuple[int, ...], spacing: Any
) -> None:
    shape = (40, 48, 44)
    volume = volume_of(block(shape), spacing)
    found = predict_volume(model_of(patch=patch), volume).labels
    assert found.shape == shape
    expected = volume.image > 50
    overlap = 2 * np.count_nonzero(expected & (found > 0)) / (expected.sum() + np.count_nonzero(found))
    assert overlap > 0.9
    np.testing.assert_allclose(np.argwhere(found).mean(0), np.argwhere(expected).mean(0), atol=0.3)


@pytest.mark.parametrize("mm", [1.0, 0.7, 1.6])
def test_slabs_leave_no_seams(model_of: ModelOf, volume_of: VolumeOf, monkeypatch: Any, mm: float) -> None:
    rng = np.random.default_rng(0)
    volume = volume_of(rng.integers(0, 100, (60, 20, 18)).astype(np.int16), (mm, 1.0, 1.0))
    by_slabs = predict_volume(model_of(patch=(8, 16, 16)), volume).labels
    monkeypatch.setattr("napari_progseg.inference.predict._SLAB_PATCHES", 99)
    np.testing.assert_array_equal(by_slabs, predict_volume(model_of(patch=(8, 16, 16)), volume).labels)


def test_windows_join_smoothly(model_of: ModelOf) -> None:
    images = torch.rand(2, 1, 40, 25)
    torch.testing.assert_close(windowed(model_of(), images), torch.sigmoid((images - 0.5) * 40), atol=1e-5, rtol=0)


@pytest.mark.parametrize("patch", PATCHES)
def test_cancelling_keeps_what_was_done(model_of: ModelOf, volume_of: VolumeOf, patch: tuple[int, ...]) -> None:
    volume = volume_of(np.full((100, 16, 16), 100, np.int16))
    fractions: list[float] = []
    part = predict_volume(
        model_of(patch=patch), volume, progress=fractions.append, cancelled=lambda: len(fractions) == 1
    )
    done = part.labels.any(axis=(1, 2))
    assert 0 < done.sum() < 100
    assert done.sum() == pytest.approx(100 * fractions[0])
    assert len(fractions) == 1


def test_progress_ends_at_one(model_of: ModelOf, volume_of: VolumeOf) -> None:
    fractions: list[float] = []
    predict_volume(model_of(), volume_of(np.zeros((100, 16, 16), np.int16)), progress=fractions.append)
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


def test_classes_are_written_with_their_first_value_and_the_likelier_one_wins(
    model_of: ModelOf, volume_of: VolumeOf
) -> None:
    classes = (LabelClass("a", (300, 4)), LabelClass("b", (7,)))
    found = predict_volume(model_of(classes=classes), volume_of(np.full((1, 4, 4), 90, np.int16)))
    assert found.labels.dtype == np.uint16
    assert set(np.unique(found.labels)) == {300}
    probabilities = np.array([[0.6, 0.7, 0.4], [0.9, 0.6, 0.49]], np.float32)
    assert to_labels(probabilities, classes).tolist() == [7, 300, 0]


def test_interactive_models_predict_with_empty_click_maps(interactive_of: ModelOf, volume_of: VolumeOf) -> None:
    volume = volume_of(block((8, 20, 20)))
    np.testing.assert_array_equal(predict_volume(interactive_of(), volume).labels, volume.image > 90)


@pytest.mark.parametrize("patch", PATCHES)
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (3.0, 0.8, 0.6), (0.5, 2.0, 1.5)])
def test_every_voxel_is_seen_once_with_its_probabilities(
    model_of: ModelOf, volume_of: VolumeOf, patch: tuple[int, ...], spacing: Any
) -> None:
    volume = volume_of(np.random.default_rng(0).integers(0, 100, (60, 30, 28)).astype(np.int16), spacing)
    times, labels = np.zeros(volume.image.shape, int), np.zeros(volume.image.shape, int)

    def seen(region: Any, values: Any) -> None:
        times[region] += 1
        labels[region] = values[0] >= 0.5

    found = predict_volume(model_of(patch=patch), volume, seen=seen)
    assert (times == 1).all()
    np.testing.assert_array_equal(labels, found.labels)

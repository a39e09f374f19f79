"""The way to the network's grid and back."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_progseg.data.plan import Plan
from napari_progseg.data.preprocess import Prepared, nearest_labels, prepare
from napari_progseg.geometry import Geometry
from napari_progseg.volume import Volume

PlanOf = Callable[..., Plan]
SPACINGS = [(1.0, 1.0, 1.0), (2.0, 0.7, 1.3), (0.5, 1.6, 3.0)]


def volume(shape: tuple[int, int, int] = (20, 24, 18), spacing: Any = (1.0, 1.0, 1.0)) -> Volume:
    image = np.random.default_rng(0).integers(0, 100, shape).astype(np.int16)
    return Volume(image, Geometry.from_spacing(shape, spacing))


def ramps(shape: tuple[int, int, int], plan: Plan, axis: int) -> Prepared:
    line = np.linspace(0, 100, shape[axis]).reshape([-1 if a == axis else 1 for a in range(3)])
    image = np.broadcast_to(line, shape)
    return prepare(Volume(image.astype(np.float32), Geometry.from_spacing(shape, (1.0, 1.0, 1.0))), plan)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_box_is_a_cut_of_the_whole(plan_of: PlanOf, spacing: Any) -> None:
    prepared = prepare(volume(), plan_of(patch=(8, 8, 8), spacing_zyx_mm=spacing))
    whole = prepared.box((0, 0, 0), prepared.shape)
    rng = np.random.default_rng(1)
    for _ in range(20):
        start = tuple(int(rng.integers(0, n)) for n in prepared.shape)
        size = tuple(int(rng.integers(1, n - s + 1)) for n, s in zip(prepared.shape, start, strict=True))
        cut = whole[tuple(slice(s, s + n) for s, n in zip(start, size, strict=True))]
        np.testing.assert_allclose(prepared.box(start, size), cut, atol=1e-6)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_a_box_over_the_border_is_zero_outside(plan_of: PlanOf, spacing: Any) -> None:
    prepared = prepare(volume(), plan_of(patch=(8, 8, 8), spacing_zyx_mm=spacing))
    z, y, x = prepared.shape
    box = prepared.box((-3, -2, -1), (z + 4, y + 5, x + 6))
    np.testing.assert_allclose(box[3 : 3 + z, 2 : 2 + y, 1 : 1 + x], prepared.box((0, 0, 0), (z, y, x)), atol=1e-6)
    box[3 : 3 + z, 2 : 2 + y, 1 : 1 + x] = 0
    assert not box.any()
    assert not prepared.box((z, 0, 0), (2, 2, 2)).any()


def test_intensities_lie_between_0_and_1_and_the_window_clips(plan_of: PlanOf) -> None:
    image = np.array([[[-50, 0, 25, 100, 150]]], np.int16)
    prepared = prepare(Volume(image, Geometry.from_spacing(image.shape, (1.0, 1.0, 1.0))), plan_of())
    assert prepared.box((0, 0, 0), (1, 1, 5)).ravel().tolist() == [0, 0, 0.25, 1, 1]


def test_mr_is_scaled_by_its_own_percentiles(plan_of: PlanOf) -> None:
    image = np.arange(1000, dtype=np.float32).reshape(10, 10, 10)
    one = prepare(Volume(image, Geometry.from_spacing(image.shape, (1.0, 1.0, 1.0))), plan_of(window=None))
    other = prepare(Volume(image * 7 + 3, Geometry.from_spacing(image.shape, (1.0, 1.0, 1.0))), plan_of(window=None))
    np.testing.assert_allclose(one.box((0, 0, 0), image.shape), other.box((0, 0, 0), image.shape), atol=1e-5)
    assert one.low == pytest.approx(np.percentile(image, 0.5))


def test_a_constant_image_stays_finite(plan_of: PlanOf) -> None:
    image = np.full((4, 4, 4), 7, np.int16)
    prepared = prepare(Volume(image, Geometry.from_spacing(image.shape, (1.0, 1.0, 1.0))), plan_of(window=None))
    assert np.isfinite(prepared.box((0, 0, 0), (4, 4, 4))).all()


def test_identity_spacing_goes_there_and_back_exactly(plan_of: PlanOf) -> None:
    given = volume()
    prepared = prepare(given, plan_of(patch=(8, 8, 8)))
    assert prepared.shape == given.image.shape
    region, back = prepared.back(prepared.box((3, 4, 5), (6, 7, 8))[None], (3, 4, 5))
    assert region == (slice(3, 9), slice(4, 11), slice(5, 13))
    np.testing.assert_allclose(back[0] * 100, given.image[region], atol=1e-4)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("mm", [0.6, 1.7])
def test_resampled_ramps_come_back_at_their_place(plan_of: PlanOf, axis: int, mm: float) -> None:
    spacing = tuple(mm if a == axis else 1.0 for a in range(3))
    prepared = ramps((30, 32, 34), plan_of(patch=(8, 8, 8), spacing_zyx_mm=spacing), axis)
    region, back = prepared.back(prepared.box((0, 0, 0), prepared.shape)[None], (0, 0, 0))
    assert [part.indices(99)[:2] for part in region] == [(0, 30), (0, 32), (0, 34)]
    middle = (slice(5, -5),) * 3
    expected = prepared.image / 100
    np.testing.assert_allclose(back[0][middle], expected[middle], atol=5e-3)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_neighbouring_boxes_come_back_without_gap_or_overlap(plan_of: PlanOf, spacing: Any) -> None:
    prepared = prepare(volume(), plan_of(patch=(8, 8, 8), spacing_zyx_mm=spacing))
    seen = np.zeros(prepared.image.shape, int)
    for z in range(0, prepared.shape[0], 4):
        size = (min(4, prepared.shape[0] - z), *prepared.shape[1:])
        region, values = prepared.back(np.zeros((2, *size), np.float32), (z, 0, 0))
        assert values.shape[1:] == seen[region].shape
        seen[region] += 1
    assert (seen == 1).all()


def test_voxels_and_boxes_agree_about_places(plan_of: PlanOf) -> None:
    prepared = prepare(volume(), plan_of(patch=(8, 8, 8), spacing_zyx_mm=(2.0, 0.5, 1.0)))
    assert prepared.shape == (10, 48, 18)
    np.testing.assert_allclose(prepared.to_voxels(np.array([[0, 0, 0], [1, 1, 1]])), [[-0.25, 0.5, 0], [0.25, 2.5, 1]])


def test_slices_keep_their_own_distance_in_2d(plan_of: PlanOf) -> None:
    assert prepare(volume(spacing=(5.0, 2.0, 2.0)), plan_of()).shape == (20, 48, 36)


def test_labels_are_carried_to_the_place_of_the_image(plan_of: PlanOf) -> None:
    image = np.zeros((20, 20, 20), np.uint8)
    image[4:12, 6:14, 2:10] = 1
    plan = plan_of(patch=(8, 8, 8), spacing_zyx_mm=(2.0, 0.5, 2.0), window=(0.0, 1.0))
    prepared = prepare(Volume(image, Geometry.from_spacing(image.shape, (1.0, 1.0, 1.0))), plan)
    labels = nearest_labels(image, prepared.shape)
    assert labels.sum() == 4 * 16 * 4
    soft = prepared.box((0, 0, 0), prepared.shape)
    centre = [np.average(np.arange(n), weights=soft.sum(tuple({0, 1, 2} - {a}))) for a, n in enumerate(soft.shape)]
    np.testing.assert_allclose(np.argwhere(labels).mean(0), centre, atol=0.05)


def test_preparing_and_cutting_a_large_image_copies_only_the_box(plan_of: PlanOf) -> None:
    shape = (64, 256, 256)
    large = Volume(np.zeros(shape, np.int16), Geometry.from_spacing(shape, (1.0, 1.0, 1.0)))
    tracemalloc.start()
    prepare(large, plan_of()).box((10, 10, 10), (1, 96, 96))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000

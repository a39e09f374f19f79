"""Windows of any scale out of a scan and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_progseg.inference.click_window import ClickWindow

SHAPE = (30, 50, 60)
SPACING = (3.0, 1.0, 0.8)
MIDDLE = (14.3, 24.1, 30.7)


def ramp(shape: tuple[int, ...] = SHAPE, spacing: tuple[float, ...] = SPACING) -> Any:
    """Rise by 1 per mm along z, 2 along y and 3 along x."""
    z, y, x = np.meshgrid(*(np.arange(n) * step for n, step in zip(shape, spacing, strict=True)), indexing="ij")
    return (z + 2 * y + 3 * x).astype(np.float32)


def expected(window: ClickWindow) -> Any:
    """Return the ramp where the voxels of a window lie."""
    axis = np.repeat(np.arange(window.size)[:, None], 3, axis=1)
    z, y, x = (window.to_scan(axis) * window.spacing_zyx_mm).T
    return z[:, None, None] + 2 * y[:, None] + 3 * x


@pytest.mark.parametrize("step_mm", [0.3, 0.8, 1.0, 1.9, 2.4])
def test_a_linear_ramp_is_cut_exactly_at_any_scale_of_an_anisotropic_scan(step_mm: float) -> None:
    window = ClickWindow(MIDDLE, step_mm, SPACING, 12)
    np.testing.assert_allclose(window.cut(ramp()), expected(window), rtol=1e-4)


@pytest.mark.parametrize("step_mm", [2.6, 3.1, 4.0, 5.3])
def test_a_linear_ramp_is_cut_exactly_where_voxels_are_averaged(step_mm: float) -> None:
    shape, spacing = (60, 60, 60), (1.0, 1.0, 1.0)
    window = ClickWindow((29.3, 30.1, 28.7), step_mm, spacing, 8)
    np.testing.assert_allclose(window.cut(ramp(shape, spacing)), expected(window), rtol=1e-4)


def test_a_coarse_window_averages_what_lies_in_its_voxels() -> None:
    noise = np.random.default_rng(0).normal(size=(60, 60, 60)).astype(np.float32)
    window = ClickWindow((29.5, 29.5, 29.5), 4.0, (1.0, 1.0, 1.0), 12)
    assert window.cut(noise).std() < 0.35


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16])
def test_whole_numbers_do_not_wrap_around(dtype: type) -> None:
    image = np.zeros((8, 8, 8), dtype)
    image[:, :, ::2] = np.iinfo(dtype).max
    image[:, ::2, 1::2] = np.iinfo(dtype).min
    for step in (0.5, 1.0, 3.0):
        window = ClickWindow((3.5, 3.5, 3.5), step, (1.0, 1.0, 1.0), 6)
        np.testing.assert_allclose(window.cut(image), window.cut(image.astype(np.float64)), rtol=1e-5, atol=0.01)


def test_a_cut_of_the_scans_own_voxels_is_those_voxels_and_a_view_of_any_strides_will_do() -> None:
    image = np.random.default_rng(0).integers(-900, 900, (20, 20, 20)).astype(np.int16)[::-1, :, ::-1]
    window = ClickWindow((9.5, 10.5, 8.5), 1.0, (1.0, 1.0, 1.0), 6)
    np.testing.assert_array_equal(window.cut(image), image[7:13, 8:14, 6:12])


@pytest.mark.parametrize("centre", [(0.0, 0.0, 0.0), (-4.0, 25.0, 80.0), (200.0, 200.0, 200.0)])
@pytest.mark.parametrize("step_mm", [0.7, 6.0])
def test_beyond_the_scan_its_nearest_voxels_are_repeated(centre: tuple[float, float, float], step_mm: float) -> None:
    image = ramp()
    window = ClickWindow(centre, step_mm, SPACING, 10)
    values = window.cut(image)
    axis = np.repeat(np.arange(window.size)[:, None], 3, axis=1)
    nearest = np.clip(window.to_scan(axis), 0, np.array(SHAPE) - 1) * SPACING
    z, y, x = nearest.T
    # where voxels are averaged, those at the border lie half a block inwards
    blocks = 2 * step_mm * (1 + 2 + 3)
    np.testing.assert_allclose(values, z[:, None, None] + 2 * y[:, None] + 3 * x, atol=0.01 if step_mm < 1 else blocks)
    assert np.isfinite(values).all()


def test_a_scan_of_one_slice_fills_the_window() -> None:
    window = ClickWindow((0.0, 5.0, 5.0), 1.0, (5.0, 1.0, 1.0), 8)
    values = window.cut(ramp((1, 11, 11), (5.0, 1.0, 1.0)))
    np.testing.assert_array_equal(values, np.broadcast_to(values[:1], values.shape))


def test_places_go_to_the_window_and_back() -> None:
    window = ClickWindow(MIDDLE, 1.7, SPACING, 12)
    voxels = np.random.default_rng(0).uniform(0, 30, (9, 3))
    np.testing.assert_allclose(window.to_scan(window.to_window(voxels)), voxels)
    np.testing.assert_allclose(window.to_window([MIDDLE]), [[5.5] * 3])
    along = window.to_window([(MIDDLE[0] + 1, MIDDLE[1], MIDDLE[2])])[0]
    np.testing.assert_allclose(along - 5.5, [3.0 / 1.7, 0, 0])


def test_a_window_knows_its_side() -> None:
    assert ClickWindow(MIDDLE, 1.5, SPACING, 12).side_mm == 18


def test_a_window_is_moved_into_the_scan_as_far_as_it_fits() -> None:
    def moved(centre: tuple[float, float, float], step_mm: float) -> tuple[float, ...]:
        return ClickWindow(centre, step_mm, (1.0, 1.0, 0.5), 11).moved_into((30, 50, 60)).centre_zyx

    assert moved((15.0, 20.0, 30.0), 1.0) == (15.0, 20.0, 30.0)
    assert moved((2.0, 48.0, -7.0), 1.0) == (5.0, 44.0, 10.0)
    # too large for the scan along z: it lies as far beyond one end as beyond the other
    assert moved((2.0, 25.0, 30.0), 3.0) == (14.5, 25.0, 29.5)


def smooth(shape: tuple[int, ...] = SHAPE) -> Any:
    z, y, x = np.meshgrid(*(np.linspace(0, 3, n) for n in shape), indexing="ij")
    return (np.sin(z) + np.cos(y) + np.sin(x + 1)).astype(np.float32)


@pytest.mark.parametrize("centre", [MIDDLE, (2.0, 45.0, 10.0)])
@pytest.mark.parametrize("step_mm", [0.8, 1.3, 2.4])
def test_what_was_cut_is_carried_back_onto_the_same_voxels(centre: tuple[float, float, float], step_mm: float) -> None:
    image = smooth()
    window = ClickWindow(centre, step_mm, SPACING, 16)
    region, values = window.back(window.cut(image), SHAPE)
    assert values.shape == tuple(part.stop - part.start for part in region)
    inner = tuple(slice(1, -1) for _ in range(3))
    np.testing.assert_allclose(values[inner], image[region][inner], atol=0.03)


def test_the_region_holds_the_voxels_whose_centres_lie_in_the_window_and_in_the_scan() -> None:
    window = ClickWindow((0.0, 10.0, 20.0), 1.0, (1.0, 1.0, 1.0), 5)
    region, values = window.back(np.zeros((5, 5, 5), np.float32), SHAPE)
    assert region == (slice(0, 3), slice(8, 13), slice(18, 23))
    assert values.shape == (3, 5, 5)


def test_windows_side_by_side_share_no_voxel() -> None:
    regions = [
        ClickWindow((10.0, 10.0, at), 1.0, (1.0, 1.0, 0.8), 5).back(np.zeros((5, 5, 5), np.float32), SHAPE)[0]
        for at in (20.0, 26.25)
    ]
    assert regions[0][2].stop == regions[1][2].start


def test_only_voxels_within_a_part_of_the_window_are_carried_back() -> None:
    window = ClickWindow((10.0, 10.0, 10.0), 2.0, (1.0, 1.0, 1.0), 6)
    whole, values = window.back(np.arange(216, dtype=np.float32).reshape(6, 6, 6), SHAPE)
    part, inner = window.back(
        np.arange(216, dtype=np.float32).reshape(6, 6, 6), SHAPE, (slice(2, 4), slice(0, 6), slice(1, 3))
    )
    assert part == (slice(8, 12), whole[1], slice(6, 10))
    offset = tuple(slice(b.start - a.start, b.stop - a.start) for a, b in zip(whole, part, strict=True))
    np.testing.assert_array_equal(inner, values[offset])


def test_a_window_beyond_the_scan_carries_nothing_back() -> None:
    region, values = ClickWindow((90.0, 10.0, 10.0), 1.0, SPACING, 6).back(np.ones((6, 6, 6), np.float32), SHAPE)
    assert values.size == 0
    assert np.zeros(SHAPE)[region].size == 0

"""The distortions of restoration pretraining (algorithms 4.2)."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_progseg import restoration
from napari_progseg.restoration import MASKED_VALUE, Distortions, apply, draw, shuffle_windows
from napari_progseg.training.config import RestorationConfig

PATCHES = [(48, 40), (20, 24, 28)]
NOTHING = {"flip": 0.0, "shuffle": 0.0, "curve": 0.0, "paint": 0.0, "mask": 0.0}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(patch: tuple[int, ...], batch: int = 8, seed: int = 0, **settings: Any) -> Distortions:
    return draw(RestorationConfig(**settings), batch, patch, seeded(seed))


def alone(patch: tuple[int, ...], batch: int = 8, seed: int = 0, **settings: Any) -> Distortions:
    return drawn(patch, batch, seed, **{**NOTHING, **settings})


def images(patch: tuple[int, ...], batch: int = 8) -> Tensor:
    """Images whose intensities tell every voxel apart."""
    count = int(torch.tensor(patch).prod())
    return (torch.arange(count).float() / count).view(1, 1, *patch).expand(batch, 1, *patch).contiguous()


def share(changed: Tensor) -> float:
    return float(changed.float().mean())


def per_sample(different: Tensor) -> Tensor:
    return different.flatten(1).any(1)


def kept_low(n: int) -> int:
    return n - 4 * n // 7


def kept_high(n: int) -> int:
    return n - 3 * n // 7


@pytest.mark.parametrize("patch", PATCHES)
def test_without_distortions_nothing_changes(patch: tuple[int, ...]) -> None:
    given = images(patch)
    done = apply(given, alone(patch))
    torch.testing.assert_close(done.images, given, atol=1e-6, rtol=0)
    assert torch.equal(done.targets, given)
    assert torch.equal(done.weights, torch.ones_like(given))


@pytest.mark.parametrize("patch", PATCHES)
def test_the_target_is_the_original_whatever_happens_to_the_input(patch: tuple[int, ...]) -> None:
    given = images(patch, 32)
    before = given.clone()
    done = apply(given, drawn(patch, 32, flip=0.0, mask=0.5))
    assert torch.equal(done.targets, before)
    assert torch.equal(given, before)
    assert share(per_sample(done.images != before)) > 0.9


@pytest.mark.parametrize("patch", PATCHES)
def test_a_flip_turns_input_and_target_alike(patch: tuple[int, ...]) -> None:
    given = images(patch, 64)
    distortions = alone(patch, 64, flip=0.7)
    done = apply(given, distortions)
    torch.testing.assert_close(done.images, done.targets, atol=1e-6, rtol=0)
    for number in range(64):
        axes = [int(axis) + 1 for axis in distortions.flips[number].nonzero()[:, 0]]
        assert torch.equal(done.targets[number], given[number].flip(axes))


@pytest.mark.parametrize("patch", PATCHES)
def test_input_and_output_stay_between_0_and_1(patch: tuple[int, ...]) -> None:
    wild = torch.randn(16, 1, *patch, generator=seeded()) * 3
    done = apply(wild, drawn(patch, 16, mask=0.3))
    for each in (done.images, done.targets):
        assert each.min() >= 0
        assert each.max() <= 1


@pytest.mark.parametrize("patch", PATCHES)
def test_shuffled_voxels_come_from_less_than_a_tenth_of_the_axis_away(patch: tuple[int, ...]) -> None:
    given = images(patch, 4)
    done = apply(given, alone(patch, 4, shuffle=1.0))
    origins = (done.images * given[0].numel()).round().long().flatten(1)
    here = torch.arange(given[0].numel()).expand_as(origins)
    assert share(origins != here) > 0.5, "most voxels have moved"
    for n, stride in zip(reversed(patch), _strides(patch), strict=True):
        away = (origins // stride % n - here // stride % n).abs()
        assert away.max() < max(1, n // 10)
        assert n < 20 or away.max() > 0


def _strides(patch: tuple[int, ...]) -> list[int]:
    strides = [1]
    for n in reversed(patch[1:]):
        strides.append(strides[-1] * n)
    return strides


def test_later_windows_win_and_take_their_voxels_from_the_original() -> None:
    given = images((16, 16), 1)
    two = torch.tensor([[0, 0, 0, 8, 8], [0, 4, 4, 1, 1]])
    done = apply(given, dataclasses.replace(alone((16, 16), 1), windows=two))
    assert done.images[0, 0, 4, 4] == given[0, 0, 4, 4], "a window of one voxel puts the original back"
    assert set(done.images[0, 0, :8, :8].flatten().tolist()) <= set(given[0, 0, :8, :8].flatten().tolist())
    assert share(done.images[0, 0, :8, :8] != given[0, 0, :8, :8]) > 0.9
    assert torch.equal(done.images[0, 0, 8:], given[0, 0, 8:])


def test_every_order_of_a_window_is_as_likely() -> None:
    samples = 6000
    given = torch.tensor([0.0, 0.5, 1.0]).view(1, 1, 1, 3).expand(samples, 1, 1, 3)
    windows = torch.tensor([[0, 0, 0, 1, 3]]).repeat(samples, 1)
    windows[:, 0] = torch.arange(samples)
    done = apply(given, dataclasses.replace(alone((1, 3), samples), windows=windows))
    orders = Counter(map(tuple, done.images.view(samples, 3).tolist()))
    assert len(orders) == 6
    assert max(abs(count - 1000) for count in orders.values()) < 120, "four standard deviations"


@pytest.mark.parametrize("patch", [(96, 41), (20, 31, 14)])
def test_windows_take_all_sizes_and_places_and_stay_inside(patch: tuple[int, ...]) -> None:
    windows = drawn(patch, 40, shuffle=1.0).windows
    assert len(windows) == 40 * shuffle_windows(patch)
    starts, sides = windows[:, 1 : 1 + len(patch)], windows[:, 1 + len(patch) :]
    for axis, n in enumerate(patch):
        assert set(sides[:, axis].tolist()) == set(range(1, n // 10 + 1))
        assert starts[:, axis].min() == 0
        assert (starts + sides)[:, axis].max() == n


def test_windows_cover_a_patch_as_often_as_published() -> None:
    for patch in ((96, 96), (64, 64, 32)):
        windows = drawn(patch, 4, shuffle=1.0).windows
        covered = windows[:, 1 + len(patch) :].prod(1).sum() / 4
        assert float(covered) / float(np.prod(patch)) == pytest.approx(1.87, rel=0.03)


@pytest.mark.parametrize(("patch", "windows"), [((64, 64, 32), 10_000), ((96, 96), 690)])
def test_the_number_of_windows_keeps_the_published_coverage(patch: tuple[int, ...], windows: int) -> None:
    assert shuffle_windows(patch) == pytest.approx(windows, rel=0.01)


def test_rates_over_ten_thousand_draws() -> None:
    distortions = drawn((14, 14), 10_000)
    shuffled = distortions.windows[:, 0].unique()
    assert len(shuffled) / 10_000 == pytest.approx(0.5, abs=0.02)
    identity = torch.linspace(0, 1, distortions.curves.shape[1])
    recoloured = (distortions.curves != identity).any(1)
    assert share(recoloured) == pytest.approx(0.9, abs=0.01)
    falling = distortions.curves[:, 0] > distortions.curves[:, -1]
    assert share(falling) == pytest.approx(0.45, abs=0.02)
    assert share(distortions.painted == 1) == pytest.approx(0.18, abs=0.015)
    assert share(distortions.painted == 2) == pytest.approx(0.72, abs=0.015)
    assert share(distortions.painted == 0) == pytest.approx(0.10, abs=0.01)
    # at least one flip in 0.4; exactly two, in 0.4 * 0.4 * 0.6, undo each other where they take the same axis
    assert share(distortions.flips.any(1)) == pytest.approx(0.4 - 0.4**2 * 0.6 / 2, abs=0.015)


def test_curves_are_those_of_the_published_rule() -> None:
    curves = restoration._curves(torch.ones(40, dtype=torch.bool), seeded(2))
    source = seeded(2)
    middle = torch.rand(40, 2, 2, generator=source).double().numpy()
    falling = (torch.rand(40, generator=source) < 0.5).numpy()
    t = np.linspace(0, 1, 20_001)
    for number, ((u1, u2), (u3, u4)) in enumerate(middle):
        # as published, the curve runs from (1, 1) to (0, 0)
        x, y = (3 * a * t**2 * (1 - t) + 3 * b * t * (1 - t) ** 2 + (1 - t) ** 3 for a, b in ((u1, u3), (u2, u4)))
        assert x[0] == y[0] == 1
        expected = np.interp(np.linspace(0, 1, 1024), np.sort(x), y if falling[number] else np.sort(y))
        np.testing.assert_allclose(curves[number].numpy(), expected, atol=3e-3)


def test_images_are_read_through_their_curve() -> None:
    given = images((32, 32), 4)
    distortions = alone((32, 32), 4, curve=1.0)
    done = apply(given, distortions)
    at = np.linspace(0, 1, 1024)
    for number in range(4):
        expected = np.interp(given[number].numpy(), at, distortions.curves[number].numpy())
        np.testing.assert_allclose(done.images[number].numpy(), expected, atol=1e-5)


def test_curves_are_monotone_from_end_to_end() -> None:
    curves = drawn((16, 16), 500, curve=1.0).curves
    steps = curves.diff(dim=1)
    rising = curves[:, -1] > curves[:, 0]
    assert (steps[rising] >= -1e-6).all()
    assert (steps[~rising] <= 1e-6).all()
    ends = curves[:, [0, -1]].sort(1).values
    torch.testing.assert_close(ends, torch.tensor([[0.0, 1.0]]).expand_as(ends), atol=1e-5, rtol=0)
    assert curves.std(0).max() > 0.2, "curves differ from each other"


@pytest.mark.parametrize("patch", PATCHES)
def test_a_constant_patch_stays_as_it_is(patch: tuple[int, ...]) -> None:
    given = torch.full((16, 1, *patch), 0.3)
    done = apply(given, alone(patch, 16, curve=1.0, shuffle=1.0))
    assert torch.equal(done.images, given)


@pytest.mark.parametrize("patch", PATCHES)
def test_in_painting_fills_small_boxes_with_noise_away_from_the_border(patch: tuple[int, ...]) -> None:
    given = images(patch, 64)
    done = apply(given, alone(patch, 64, paint=1.0, inpaint=1.0))
    painted = (done.images - given).abs() > 1e-4
    assert 0.01 < share(painted) < 0.5
    for axis, n in enumerate(patch, 2):
        edges = torch.cat([painted.narrow(axis, 0, 3), painted.narrow(axis, n - 3, 3)], axis)
        assert not edges.any()
    assert done.images[painted].std() == pytest.approx((1 / 12) ** 0.5, abs=0.02), "uniform noise, voxel by voxel"


@pytest.mark.parametrize("patch", PATCHES)
def test_out_painting_leaves_boxes_of_the_image_and_noise_around_them(patch: tuple[int, ...]) -> None:
    given = images(patch, 64)
    done = apply(given, alone(patch, 64, paint=1.0, inpaint=0.0))
    kept = (done.images - given).abs() < 1e-6
    assert per_sample(kept).all(), "at least one box is put back"
    assert 0.1 < share(kept) < 0.8
    for axis, n in enumerate(patch, 2):
        assert share(torch.cat([kept.narrow(axis, 0, 3), kept.narrow(axis, n - 3, 3)], axis)) < 0.01


@pytest.mark.parametrize(("n", "whole"), [(13, True), (14, False)])
def test_an_axis_of_fewer_than_14_voxels_is_painted_as_a_whole(n: int, whole: bool) -> None:
    boxes = alone((n, 40), 200, paint=1.0, inpaint=1.0).boxes
    used = boxes[:, :, 1, 1] > 0
    starts, sides = boxes[:, :, 0, 0][used], boxes[:, :, 1, 0][used]
    assert bool((starts == 0).all() and (sides == n).all()) is whole
    if not whole:
        assert starts.min() >= 3
        assert (starts + sides).max() <= n - 3


@pytest.mark.parametrize(("patch", "painted"), [((13, 13), 0.0), ((13, 14), 0.9), ((13, 13, 13), 0.0)])
def test_a_patch_without_an_axis_of_14_voxels_is_not_painted(patch: tuple[int, ...], painted: float) -> None:
    assert share(drawn(patch, 2000).painted > 0) == pytest.approx(painted, abs=0.03)


@pytest.mark.parametrize(
    ("inpaint", "low", "high"), [(1.0, lambda n: n // 6, lambda n: n // 3), (0.0, kept_low, kept_high)]
)
def test_boxes_have_the_published_sizes_places_and_number(inpaint: float, low: Any, high: Any) -> None:
    patch, batch = (45, 28), 4000
    boxes = alone(patch, batch, paint=1.0, inpaint=inpaint).boxes
    used = boxes[:, :, 1].amin(2) > 0
    for axis, n in enumerate(patch):
        starts, sides = boxes[:, :, 0, axis][used], boxes[:, :, 1, axis][used]
        assert set(sides.tolist()) == set(range(low(n), high(n) + 1))
        assert starts.min() == 3
        assert (starts + sides).max() == n - 3
    expected = [0.95**count * (1 if inpaint else 1 / 0.95) for count in range(1, 6)]
    np.testing.assert_allclose(used.float().mean(0).numpy(), expected, atol=0.025)


def test_patches_of_few_voxels_can_be_distorted() -> None:
    done = apply(images((6, 9), 8), drawn((6, 9), 8, mask=1.0))
    assert done.images.isfinite().all()


@pytest.mark.parametrize("patch", PATCHES)
def test_masked_blocks_are_grey_and_the_loss_reads_them_alone(patch: tuple[int, ...]) -> None:
    given = images(patch, 16)
    done = apply(given, alone(patch, 16, mask=0.5, mask_block=4))
    masked = per_sample(done.weights == 0)
    assert 0 < masked.sum() < 16
    grey = done.weights[masked] == 1
    assert share(grey) == pytest.approx(0.75, abs=0.03)
    assert (done.images[masked][grey] == MASKED_VALUE).all()
    torch.testing.assert_close(done.images[masked][~grey], given[masked][~grey], atol=1e-6, rtol=0)
    assert (done.weights[~masked] == 1).all()


def test_one_block_is_always_left_to_see() -> None:
    for n in (4, 8, 12):
        done = apply(images((n, 4), 8), alone((n, 4), 8, mask=1.0, mask_block=4, mask_share=0.9))
        assert per_sample(done.images != MASKED_VALUE).all()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device here")
@pytest.mark.parametrize("patch", PATCHES)
def test_a_gpu_turns_recolours_and_places_boxes_as_the_cpu_does(patch: tuple[int, ...]) -> None:
    given = images(patch, 16)
    same = drawn(patch, 16, shuffle=0.0, paint=0.0, mask=0.3)
    here, there = apply(given, same), apply(given.cuda(), same)
    torch.testing.assert_close(there.images.cpu(), here.images, atol=1e-5, rtol=0)
    torch.testing.assert_close(there.targets.cpu(), here.targets)
    painted = drawn(patch, 16, shuffle=0.0, curve=0.0, paint=1.0)
    here, there = (apply(each, painted) for each in (given, given.cuda()))
    kept = (here.images - here.targets).abs() < 1e-6
    torch.testing.assert_close(there.images.cpu()[kept], here.images[kept], atol=1e-5, rtol=0)
    assert share((there.images.cpu() - here.targets).abs()[~kept] > 1e-6) > 0.99


@pytest.mark.parametrize("patch", PATCHES)
def test_equal_generators_give_equal_distortions(patch: tuple[int, ...]) -> None:
    given = images(patch)
    first, again = (apply(given, drawn(patch, seed=3, mask=0.3)).images for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, apply(given, drawn(patch, seed=4, mask=0.3)).images)

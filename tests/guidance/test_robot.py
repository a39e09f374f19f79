"""The simulated user of evaluations: where it clicks in a whole volume."""

from __future__ import annotations

from itertools import repeat
from typing import Any

import numpy as np
import pytest

from napari_progseg.guidance.clicks import Click
from napari_progseg.guidance.robot import Aim, Robot, missed, worst_error

SHAPE = (5, 20, 20)
MM = (3.0, 1.0, 1.0)


def cube(*sides: tuple[int, int]) -> Any:
    mask = np.zeros(SHAPE, bool)
    mask[tuple(slice(*side) for side in sides)] = True
    return mask


TRUTH = cube((1, 4), (5, 12), (5, 12))
NOTHING = np.zeros(SHAPE, bool)


def clicks(robot: Robot, predicted: Any, number: int, truth: Any = TRUTH, seed: int = 0) -> list[Click]:
    return robot.round(predicted, truth, 7, number, MM, np.random.default_rng(seed))


def test_per_slice_the_first_round_clicks_into_each_slice_of_the_structure() -> None:
    found = clicks(Robot(2, "slice"), TRUTH, 1)
    assert found == [Click((z, 8, 8), True, 7) for z in (1, 2, 3)]


def test_per_slice_a_further_round_clicks_the_largest_error_of_each_slice_and_leaves_right_ones_alone() -> None:
    predicted = TRUTH.copy()
    predicted[2, 5:12, 9:12] = False
    predicted[3, 14:19, 14:19] = True
    predicted[3, 5:7, 5:7] = False
    predicted[0] = True  # a slice without the structure is not clicked
    assert clicks(Robot(2, "slice"), predicted, 2) == [Click((2, 6, 10), True, 7), Click((3, 16, 16), False, 7)]


def test_per_volume_in_3d_the_first_click_is_the_innermost_point_and_further_ones_the_largest_error() -> None:
    predicted = TRUTH.copy()
    predicted[:, 9:12] = False
    assert clicks(Robot(3, "volume"), predicted, 1) == [Click((2, 6, 6), True, 7)]
    assert clicks(Robot(3, "volume"), predicted, 2) == [Click((2, 10, 6), True, 7)]
    assert clicks(Robot(3, "volume"), TRUTH, 2) == []


@pytest.mark.parametrize("number", [1, 2])
def test_per_volume_in_2d_every_click_goes_to_the_largest_error_of_all_slices(number: int) -> None:
    predicted = TRUTH.copy()
    predicted[1, 5:12, 5:12] = False
    predicted[0:3, 14:19, 14:19] = True  # larger than any other in the volume, but not in a slice
    assert clicks(Robot(2, "volume"), predicted, number) == [Click((1, 8, 8), True, 7)]


@pytest.mark.parametrize(("dims", "per"), [(2, "slice"), (2, "volume"), (3, "volume")])
def test_errors_below_the_smallest_get_no_click(dims: int, per: Any) -> None:
    predicted = TRUTH.copy()
    predicted[2, 5, 5:9] = False
    assert clicks(Robot(dims, per, smallest=5), predicted, 2) == []
    assert len(clicks(Robot(dims, per, smallest=4), predicted, 2)) == 1


@pytest.mark.parametrize(("dims", "per"), [(2, "slice"), (2, "volume"), (3, "volume")])
@pytest.mark.parametrize("number", [1, 2])
def test_what_is_not_in_the_reference_is_not_clicked(dims: int, per: Any, number: int) -> None:
    assert clicks(Robot(dims, per), TRUTH, number, truth=NOTHING) == []


@pytest.mark.parametrize("dims", [2, 3])
def test_jitter_moves_clicks_by_at_most_so_many_mm_and_never_to_where_they_say_what_is_not_true(dims: int) -> None:
    robot, wide = Robot(dims, "volume", jitter_mm=3.0), Robot(dims, "volume", jitter_mm=40.0)
    aim = clicks(Robot(dims, "volume"), NOTHING, 1)[0]
    found = [clicks(robot, NOTHING, 1, seed=seed)[0] for seed in range(60)]
    offsets = (np.array([each.voxel_zyx for each in found]) - aim.voxel_zyx) * MM
    # a voxel's middle may lie half a voxel off the place that was drawn
    assert 2 < np.linalg.norm(offsets[:, 1:], axis=1).max() <= 3 + np.hypot(0.5, 0.5)
    assert (offsets[:, 0] != 0).any() == (dims == 3)
    assert len({each.voxel_zyx for each in found}) > 10
    far = [clicks(wide, NOTHING, 1, seed=seed)[0] for seed in range(60)]
    assert all(TRUTH[each.voxel_zyx] for each in (*found, *far))


def test_the_same_generator_misses_by_the_same() -> None:
    robot = Robot(2, "slice", jitter_mm=3.0)
    assert clicks(robot, TRUTH, 1, seed=5) == clicks(robot, TRUTH, 1, seed=5) != clicks(robot, TRUTH, 1, seed=6)


def test_where_no_offset_will_do_the_click_stays_where_it_aims() -> None:
    aim = Click((2, 8, 8), True, 7)
    assert missed(aim, TRUTH, MM, repeat(np.array([0.0, 90.0, 0.0]))) == aim
    assert missed(aim, TRUTH, MM, iter([np.array([0.0, 90.0, 0.0]), np.array([3.2, 1.2, -2.0])])).voxel_zyx == (3, 9, 6)


def test_the_worst_error_is_told_with_its_size() -> None:
    predicted = TRUTH.copy()
    predicted[1:3, 5:12, 11] = False
    assert worst_error(predicted, TRUTH, 7, 2) == Aim(Click((1, 5, 11), True, 7), 7)
    assert worst_error(predicted, TRUTH, 7, 3) == Aim(Click((1, 5, 11), True, 7), 14)
    assert worst_error(predicted, TRUTH, 7, 3, smallest=15) is None
    assert worst_error(TRUTH, TRUTH, 7, 3) is None

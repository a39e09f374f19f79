"""A line drawn across slices, as one inside click in each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from napari_progseg.guidance.clicks import Click
from napari_progseg.guidance.lines import clicks_along

SHAPE = (20, 30, 30)


def test_a_straight_line_gives_one_click_a_slice() -> None:
    clicks = clicks_along([(2, 10, 5), (6, 14, 5)], SHAPE, 3)
    assert clicks == tuple(Click((2 + n, 10 + n, 5), True, 3) for n in range(5))


def test_the_direction_of_drawing_does_not_matter() -> None:
    line = [(2.0, 10.0, 5.0), (9.0, 3.0, 8.0)]
    assert clicks_along(line, SHAPE, 1) == clicks_along(line[::-1], SHAPE, 1)


def test_where_it_crosses_twice_the_first_crossing_counts() -> None:
    clicks = clicks_along([(2, 5, 5), (6, 5, 5), (2, 20, 5)], SHAPE, 1)
    assert [click.voxel_zyx for click in clicks] == [(z, 5, 5) for z in range(2, 7)]


def test_outside_of_the_image_there_is_no_click() -> None:
    clicks = clicks_along([(-3, 5, 5), (3, 5, 5)], SHAPE, 1)
    assert [click.voxel_zyx[0] for click in clicks] == [0, 1, 2, 3]
    assert clicks_along([(2, -4, 5), (5, -4, 5)], SHAPE, 1) == ()


def test_a_single_point_and_a_line_within_a_slice_are_one_click() -> None:
    assert clicks_along([(4, 7, 8)], SHAPE, 1) == (Click((4, 7, 8), True, 1),)
    assert clicks_along([(4, 7, 8), (4, 20, 20)], SHAPE, 1) == (Click((4, 7, 8), True, 1),)
    assert clicks_along(np.empty((0, 3)), SHAPE, 1) == ()


def test_other_axes_count_slices_as_well() -> None:
    clicks = clicks_along([(4, 7, 8), (4, 7, 10)], SHAPE, 1, axis=2)
    assert [click.voxel_zyx for click in clicks] == [(4, 7, 8), (4, 7, 9), (4, 7, 10)]


def test_a_line_may_say_where_the_structure_is_not() -> None:
    clicks = clicks_along([(2, 10, 5), (4, 10, 5)], SHAPE, 1, inside=False)
    assert [(click.voxel_zyx[0], click.inside) for click in clicks] == [(2, False), (3, False), (4, False)]


@given(arrays.arrays(np.float64, (4, 3), elements=st.floats(0, 19)))
def test_every_slice_between_the_ends_is_met_once_and_near_the_line(line: np.ndarray) -> None:
    clicks = clicks_along(line, SHAPE, 1)
    slices = [click.voxel_zyx[0] for click in clicks]
    assert slices == sorted(set(slices))
    assert set(range(int(np.ceil(line[:, 0].min())), int(line[:, 0].max()) + 1)) <= set(slices)
    voxels = np.array([click.voxel_zyx for click in clicks])
    assert (voxels >= np.floor(line.min(0))).all()
    assert (voxels <= np.ceil(line.max(0))).all()


def test_what_is_no_line_is_refused() -> None:
    for wrong in ([(1, 2)], [(1, 2, np.nan)]):
        with pytest.raises(ValueError, match="vertices"):
            clicks_along(wrong, SHAPE, 1)

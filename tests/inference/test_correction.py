"""What a click takes over from an answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_progseg.guidance.boxes import BoxPrompt
from napari_progseg.guidance.clicks import Click
from napari_progseg.inference.correction import corrected, obey, renewed, untouched

REACH = (0.0, 2.0, 2.0)


@pytest.fixture
def before() -> Any:
    mask = np.zeros((1, 20, 20), np.uint8)
    mask[0, 5:10, 5:10] = 1
    return mask


@pytest.fixture
def answer(before: Any) -> Any:
    """A missed corner is filled, and two other places change as well."""
    mask = before.copy()
    mask[0, 10:12, 5:10] = 1
    mask[0, 15:18, 15:18] = 1
    mask[0, 5, 5] = 0
    return mask


def test_a_click_on_an_error_changes_the_piece_it_lies_in(before: Any, answer: Any) -> None:
    kept = corrected(before, answer, (0, 11, 7), inside=True, value=1, reach=REACH)
    wanted = before.copy()
    wanted[0, 10:12, 5:10] = 1
    np.testing.assert_array_equal(kept, wanted)


def test_an_outside_click_takes_the_piece_away(before: Any, answer: Any) -> None:
    answer[0, 5:10, 8:10] = 0
    kept = corrected(before, answer, (0, 7, 9), inside=False, value=1, reach=(0, 0, 0))
    assert not kept[0, 5:10, 8:10].any()
    assert kept[0, 5, 5] == 1
    assert not kept[0, 15:18, 15:18].any()


def test_a_click_the_mask_agrees_with_changes_nothing(before: Any, answer: Any) -> None:
    np.testing.assert_array_equal(corrected(before, answer, (0, 7, 7), inside=True, value=1, reach=REACH), before)
    np.testing.assert_array_equal(corrected(before, answer, (0, 0, 0), inside=False, value=1, reach=REACH), before)


def test_an_inside_click_takes_nothing_away_and_an_outside_click_adds_nothing(before: Any, answer: Any) -> None:
    wanted = before.copy()
    wanted[0, 10:12, 5:10] = 1
    more = corrected(before, answer, (0, 10, 7), inside=True, value=1, reach=(0, 9, 9))
    np.testing.assert_array_equal(more >= before, True)
    np.testing.assert_array_equal(more[0, :12], wanted[0, :12])
    less = corrected(before, answer, (0, 5, 5), inside=False, value=1, reach=(0, 9, 9))
    wanted = before.copy()
    wanted[0, 5, 5] = 0
    np.testing.assert_array_equal(less, wanted)


def test_renewal_is_about_one_structure(before: Any) -> None:
    before[0, 0:3, 0:3] = 2
    before[0, 0:3, 6:9] = 2
    answer = np.zeros_like(before)
    answer[0, 5:10, 8:12] = 1
    answer[0, 5:10, 5:6] = 2
    answer[0, 0:3, 0:1] = 1
    after = renewed(before, answer, 1)
    np.testing.assert_array_equal(after == 1, answer == 1)
    assert (after[0, 0:3, 1:3] == 2).all()
    assert (after[0, 0:3, 6:9] == 2).all()
    assert (after[0, 5:10, 5] == 2).all(), "what leaves the structure goes where the answer says"


def test_a_first_click_on_a_right_mask_leaves_it_as_it_stands(before: Any) -> None:
    same = before.copy()
    same[0, 5, 5:10] = 0  # 20 of 25 voxels: Dice 0.89
    np.testing.assert_array_equal(renewed(before, same, 1), before)
    same[0, 6, 5:10] = 0  # 15 of 25: Dice 0.75
    np.testing.assert_array_equal(renewed(before, same, 1), same)


def test_pieces_without_an_inside_click_are_untouched(before: Any) -> None:
    before[0, 15:18, 15:18] = 1
    before[0, 0:2, 15:18] = 2
    steps = [
        Click((4, 26, 36), True, 1),
        Click((4, 37, 46), False, 1),
        Click((4, 21, 46), True, 2),
        Click((9, 1, 1), True, 1),
    ]
    loose = untouched(before, 1, steps, (4, 20, 30))
    wanted = np.zeros_like(loose)
    wanted[0, 15:18, 15:18] = True
    np.testing.assert_array_equal(loose, wanted)


def test_the_latest_word_on_a_voxel_is_obeyed(before: Any) -> None:
    before[0, 0, 0] = 2
    steps = [
        Click((4, 20, 30), True, 1),
        Click((4, 22, 32), True, 1),
        Click((4, 22, 32), False, 1),
        Click((4, 20, 31), True, 2),
        Click((4, 20, 31), False, 1),
        Click((5, 20, 30), True, 1),
    ]
    obey(before, steps, (4, 20, 30))
    assert before[0, 0, :3].tolist() == [1, 2, 0]
    assert before[0, 2, 2] == 0
    assert before.sum() == 25 + 1 + 2


def test_a_later_box_overrules_a_click_that_lies_outside_of_it() -> None:
    click, box = Click((0, 1, 1), True, 1), BoxPrompt((0, 5, 5), (0, 8, 8), 0, 1)
    for steps, expected in (([click, box], 0), ([box, click], 1)):
        labels = np.zeros((1, 10, 10), np.uint8)
        obey(labels, steps)
        assert labels[0, 1, 1] == expected


def test_pieces_within_reach_count_as_clicked(before: Any, answer: Any) -> None:
    near = corrected(before, answer, (0, 14, 14), inside=True, value=1, reach=REACH)
    assert near[0, 15:18, 15:18].all()
    far = corrected(before, answer, (0, 14, 14), inside=True, value=1, reach=(0, 0, 0))
    np.testing.assert_array_equal(far, before)


def test_another_structure_around_the_click_is_not_touched(before: Any) -> None:
    before[0, 0:3, 0:3] = 2
    answer = before.copy()
    answer[0, 0:3, 0:3] = 0
    answer[0, 12:14, 5:8] = 1
    kept = corrected(before, answer, (0, 12, 6), inside=True, value=1, reach=REACH)
    assert (kept[0, 0:3, 0:3] == 2).all()
    assert (kept[0, 12:14, 5:8] == 1).all()


def test_a_click_at_the_border_reaches_no_further_than_the_window(before: Any, answer: Any) -> None:
    kept = corrected(before, answer, (0, 19, 19), inside=True, value=1, reach=REACH)
    assert kept[0, 15:18, 15:18].all()

"""How far a click reaches into a mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_progseg.inference.correction import corrected

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


def test_a_click_the_mask_agrees_with_renews_the_whole_window(before: Any, answer: Any) -> None:
    np.testing.assert_array_equal(corrected(before, answer, (0, 7, 7), inside=True, value=1, reach=REACH), answer)
    np.testing.assert_array_equal(corrected(before, answer, (0, 0, 0), inside=False, value=1, reach=REACH), answer)


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

"""Clicks answered before any model exists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_progseg.guidance.boxes import BoxPrompt
from napari_progseg.guidance.clicks import Click
from napari_progseg.inference.answer import Answer
from napari_progseg.inference.without_model import ClicksAlone
from napari_progseg.volume import Volume

SHAPE = (4, 60, 60)
ROWS, COLUMNS = np.indices(SHAPE[1:])
LEFT, RIGHT = ((ROWS - 30) ** 2 + (COLUMNS - x) ** 2 <= 64 for x in (18, 44))


@pytest.fixture
def two_discs(volume_of: Callable[..., Volume]) -> ClicksAlone:
    image = np.where(LEFT | RIGHT, 200, 50) + np.random.default_rng(0).integers(0, 20, SHAPE)
    session = ClicksAlone()
    session.set_image(volume_of(image.astype(np.int16)))
    return session


def on(mask: Any, answer: Answer) -> Any:
    mask = mask.copy()
    for region, labels in answer.patches:
        mask[region] = labels
    return mask


def empty() -> Any:
    return np.zeros(SHAPE, np.uint8)


def overlap(mask: Any, wanted: Any) -> float:
    return float(2 * (mask & wanted).sum() / (mask.sum() + wanted.sum()))


def test_a_click_finds_its_disc_in_its_slice_alone(two_discs: ClicksAlone) -> None:
    answer = two_discs.answer([Click((1, 30, 18), True, 3)], 7)
    mask = on(empty(), answer)
    assert overlap(mask[1] == 3, LEFT) > 0.9
    assert not mask[[0, 2, 3]].any()
    assert answer.revision == 7
    assert answer.seconds > 0


def test_clicks_on_several_slices_and_structures_are_answered_together(two_discs: ClicksAlone) -> None:
    clicks = [Click((1, 30, 18), True, 1), Click((1, 30, 44), True, 2), Click((2, 30, 44), True, 2)]
    mask = on(empty(), two_discs.answer(clicks, 1))
    assert overlap(mask[1] == 1, LEFT) > 0.9
    assert overlap(mask[1] == 2, RIGHT) > 0.9
    assert overlap(mask[2] == 2, RIGHT) > 0.9


def test_what_is_answered_already_is_not_answered_again(two_discs: ClicksAlone) -> None:
    first = [Click((1, 30, 18), True, 1)]
    two_discs.answer(first, 1)
    assert two_discs.answer(first, 2).patches == ()
    second = two_discs.answer([*first, Click((2, 30, 18), True, 1)], 3)
    assert [region[0] for region, _ in second.patches] == [slice(2, 3)]


def test_clicks_that_are_gone_are_taken_back_exactly(two_discs: ClicksAlone) -> None:
    start = empty()
    start[1, 5:9, 5:9] = 1
    clicks = [Click((1, 30, 18), True, 1), Click((1, 36, 18), False, 1), Click((1, 30, 44), True, 1)]
    masks = [start]
    for number in range(1, 4):
        masks.append(on(masks[-1], two_discs.answer(clicks[:number], number, masks[-1])))
    for number in (2, 1, 0):
        back = on(masks[-1], two_discs.answer(clicks[:number], 9, masks[-1]))
        np.testing.assert_array_equal(back, masks[number])


def test_a_click_that_was_undone_and_is_made_again_is_answered_again(two_discs: ClicksAlone) -> None:
    click = [Click((1, 30, 18), True, 1)]
    mask = on(empty(), two_discs.answer(click, 1, empty()))
    again = on(empty(), two_discs.answer(click, 2, empty()))
    np.testing.assert_array_equal(again, mask)
    assert again.any()


def test_a_mask_that_is_there_is_kept_around_a_correction(two_discs: ClicksAlone) -> None:
    start = empty()
    start[1][RIGHT] = 1
    click = [Click((1, 30, 18), True, 1)]
    mask = on(start, two_discs.answer(click, 1, start))
    assert overlap(mask[1] == 1, LEFT | RIGHT) > 0.9


def test_other_structures_keep_their_voxels(two_discs: ClicksAlone) -> None:
    start = empty()
    start[1][LEFT & (ROWS < 30)] = 2
    mask = on(start, two_discs.answer([Click((1, 34, 18), True, 1)], 1, start))
    np.testing.assert_array_equal(mask == 2, start == 2)
    assert (mask[1] == 1).any()


def test_outside_clicks_alone_change_nothing_but_their_own_voxels(two_discs: ClicksAlone) -> None:
    start = empty()
    start[1][LEFT] = 1
    mask = on(start, two_discs.answer([Click((1, 30, 18), False, 1), Click((1, 5, 5), False, 1)], 1, start))
    assert np.argwhere(mask != start).tolist() == [[1, 30, 18]]


@pytest.mark.parametrize("local", [True, False])
def test_every_clicked_voxel_ends_on_the_side_that_was_clicked(two_discs: ClicksAlone, local: bool) -> None:
    """Also where the walk says otherwise, another structure lies, or a neighbour was clicked to the contrary."""
    start = empty()
    start[1][RIGHT] = 2
    clicks = [
        *(Click((1, 30, 18), True, 1), Click((1, 30, 19), False, 1), Click((1, 30, 44), True, 1)),
        *(Click((1, 31, 18), False, 1), Click((1, 30, 20), True, 1), Click((1, 5, 5), True, 1)),
    ]
    mask = start
    for count in range(1, len(clicks) + 1):
        mask = on(mask, two_discs.answer(clicks[:count], count, mask, local=local))
        assert [mask[each.voxel_zyx] == 1 for each in clicks[:count]] == [each.inside for each in clicks[:count]]
    assert mask[1, 30, 46] == 2
    np.testing.assert_array_equal(on(mask, two_discs.answer([], 9, mask)), start)


def test_a_click_on_a_right_mask_changes_nothing(two_discs: ClicksAlone) -> None:
    start = empty()
    start[1][LEFT] = 1
    start[1, 10:14, 10:14] = 1
    clicks = [Click((1, 30, 18), True, 1), Click((1, 36, 18), True, 1), Click((1, 50, 50), False, 1)]
    np.testing.assert_array_equal(on(start, two_discs.answer(clicks, 1, start)), start)


ROUND_LEFT = BoxPrompt((1, 20, 8), (1, 40, 28), 0, 1)


def test_a_box_alone_finds_what_is_in_it_and_empties_its_slice_around(two_discs: ClicksAlone) -> None:
    start = empty()
    start[:, 2:6, 50:56] = 1
    start[:, 2:6, 40:46] = 2
    mask = on(start, two_discs.answer([ROUND_LEFT], 1, start))
    assert overlap(mask[1] == 1, LEFT) > 0.9
    np.testing.assert_array_equal(mask == 2, start == 2)
    np.testing.assert_array_equal(mask[[0, 2, 3]], start[[0, 2, 3]])


def test_a_later_click_stays_within_the_box(two_discs: ClicksAlone) -> None:
    clicks = [ROUND_LEFT, Click((1, 30, 27), True, 1)]
    for local in (True, False):
        mask = on(empty(), two_discs.answer(clicks, 1, local=local))
        mask[1, 20:41, 8:29] = 0
        assert not mask.any()


def test_a_box_of_another_direction_confines_every_slice_it_cuts(two_discs: ClicksAlone) -> None:
    start = empty()
    start[:, :, 18] = 1
    box = BoxPrompt((1, 22, 18), (2, 38, 18), 2, 1)
    mask = on(start, two_discs.answer([box], 1, start))
    assert not mask[[0, 3], :, 18].any()
    assert not mask[2, :22, 18].any()
    assert (mask[2, 22:39, 18] == 1).all()
    back = on(mask, two_discs.answer([], 2, mask))
    np.testing.assert_array_equal(back, start)


def test_without_an_image_it_says_so() -> None:
    with pytest.raises(RuntimeError, match="set_image"):
        ClicksAlone().answer([Click((0, 1, 1), True, 1)], 1)

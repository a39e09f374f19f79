"""The simulated user of a whole volume."""

from __future__ import annotations

import numpy as np
import pytest

from napari_progseg.guidance.clicks import Click
from napari_progseg.guidance.drags import DragPrompt
from napari_progseg.guidance.gestures import SMALLEST_ERROR, WRONG_BY, first_gesture, innermost_voxel, next_click

SHAPE, CUBE = (12, 20, 20), (1.0, 1.0, 1.0)


def draws(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def block(z: slice, y: slice, x: slice) -> np.ndarray:
    mask = np.zeros(SHAPE, np.bool_)
    mask[z, y, x] = True
    return mask


def test_the_innermost_voxel_is_the_deepest_one_in_mm_not_in_voxels() -> None:
    # a cross: a beam of 3 x 3 along z, and a plate of 1 x 9 x 9
    mask = block(slice(1, 12), slice(9, 12), slice(9, 12)) | block(slice(3, 4), slice(6, 15), slice(6, 15))
    assert innermost_voxel(mask, CUBE)[1:] == (10, 10)
    assert innermost_voxel(mask, (10.0, 1.0, 1.0)) == (3, 10, 10)


def test_what_lies_beyond_the_scan_is_outside() -> None:
    mask = block(slice(0, 5), slice(0, 5), slice(0, 5))
    assert innermost_voxel(mask, CUBE) == (2, 2, 2)


def test_a_structure_is_begun_with_a_click_at_its_innermost_voxel() -> None:
    mask = block(slice(2, 7), slice(3, 8), slice(4, 9))
    assert first_gesture(mask, CUBE, 4, "click", draws()) == Click((4, 5, 6), inside=True, label=4)


def test_a_drag_reaches_the_farthest_voxel_of_its_piece_in_its_slice_wrong_by_up_to_a_fifth() -> None:
    mask = block(slice(2, 7), slice(3, 8), slice(4, 9)) | block(slice(4, 5), slice(16, 18), slice(16, 18))
    far = float(np.hypot(2 * 1.0, 4 * 3.0))
    reaches = []
    for seed in range(60):
        drag = first_gesture(mask, (1.0, 1.0, 3.0), 4, "drag", draws(seed))
        assert isinstance(drag, DragPrompt)
        assert (drag.voxel_zyx, drag.label) == ((4, 5, 4), 4)
        reaches.append(drag.reach_mm / far)
    assert 1 - WRONG_BY <= min(reaches) < 0.87
    assert 1.13 < max(reaches) <= 1 + WRONG_BY


def test_a_drag_is_made_in_the_view_in_which_the_structure_is_longest() -> None:
    mask = block(slice(1, 12), slice(8, 11), slice(8, 11))
    drag = first_gesture(mask, CUBE, 1, "drag", draws())
    assert isinstance(drag, DragPrompt)
    assert drag.voxel_zyx[1:] == (9, 9)
    far = np.hypot(max(11 - drag.voxel_zyx[0], drag.voxel_zyx[0] - 1), 1)
    assert 1 - WRONG_BY <= drag.reach_mm / far <= 1 + WRONG_BY


def test_a_drag_on_a_single_voxel_still_reaches_somewhere() -> None:
    drag = first_gesture(block(slice(2, 3), slice(3, 4), slice(4, 5)), (2.0, 0.5, 0.5), 1, "drag", draws())
    assert isinstance(drag, DragPrompt)
    assert 0.4 <= drag.reach_mm <= 0.6


@pytest.mark.parametrize("gesture", ["click", "drag"])
def test_no_structure_gets_no_gesture(gesture: str) -> None:
    assert first_gesture(np.zeros(SHAPE, np.bool_), CUBE, 1, gesture, draws()) is None  # type: ignore[arg-type]


def test_the_next_click_goes_into_the_largest_error_whichever_way_it_is_wrong() -> None:
    wanted = block(slice(2, 7), slice(3, 8), slice(3, 8))
    missing, surplus = block(slice(2, 4), slice(3, 8), slice(3, 8)), block(slice(8, 11), slice(12, 15), slice(12, 15))
    click = next_click((wanted & ~missing) | surplus, wanted, CUBE, 2)
    assert click is not None
    assert click.inside
    assert missing[click.voxel_zyx]
    larger = block(slice(7, 12), slice(11, 16), slice(11, 16))
    assert next_click((wanted & ~missing) | larger, wanted, CUBE, 2) == Click((9, 13, 13), inside=False, label=2)


def test_pieces_that_touch_at_edges_alone_are_different_errors() -> None:
    wanted = block(slice(2, 4), slice(3, 6), slice(3, 6)) | block(slice(4, 6), slice(6, 9), slice(3, 6))
    larger = block(slice(8, 11), slice(12, 15), slice(12, 15))
    click = next_click(np.zeros(SHAPE, np.bool_), wanted | larger, CUBE, 1)
    assert click is not None
    assert larger[click.voxel_zyx]


def test_a_right_mask_gets_no_click() -> None:
    wanted = block(slice(2, 7), slice(3, 8), slice(3, 8))
    assert next_click(wanted, wanted, CUBE, 1) is None


def test_small_errors_are_left_alone() -> None:
    wanted = block(slice(2, 7), slice(3, 8), slice(3, 8))
    for voxels, clicked in ((SMALLEST_ERROR - 1, False), (SMALLEST_ERROR, True)):
        surplus = block(slice(10, 11), slice(15, 16), slice(2, 2 + voxels))
        assert (next_click(wanted | surplus, wanted, CUBE, 1) is not None) == clicked

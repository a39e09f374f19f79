"""A box within one slice."""

from __future__ import annotations

import numpy as np
import pytest

from napari_progseg.guidance.boxes import BoxPrompt, confine
from napari_progseg.guidance.clicks import Click

BOX = BoxPrompt((3, 2, 4), (3, 6, 9), 0, 1)
CLICK = Click((3, 0, 0), True, 1)


def test_it_stands_for_an_inside_click_in_its_middle() -> None:
    assert BOX.middle == Click((3, 4, 6), True, 1)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_it_empties_its_own_plane_around_it_and_nothing_else(axis: int) -> None:
    first, last = [2, 2, 2], [4, 5, 3]
    first[axis] = last[axis] = 3
    box = BoxPrompt(tuple(first), tuple(last), axis, 1)
    labels = np.random.default_rng(0).integers(1, 3, (6, 7, 8)).astype(np.uint8)
    wanted = labels.copy()
    for voxel in np.ndindex(labels.shape):
        if voxel[axis] == 3 and labels[voxel] == 1 and not box.holds(voxel):
            wanted[voxel] = 0
    confine(labels, [box])
    np.testing.assert_array_equal(labels, wanted)


def test_a_window_of_the_image_is_confined_alike() -> None:
    whole = np.ones((6, 12, 12), np.uint8)
    confine(whole, [BOX])
    for corner in [(3, 4, 5), (2, 8, 0), (0, 0, 10), (4, 0, 0)]:
        part = tuple(slice(at, at + 4) for at in corner)
        window = np.ones(whole[part].shape, np.uint8)
        confine(window, [BOX], corner)
        np.testing.assert_array_equal(window, whole[part])


def test_it_refuses_inside_clicks_beside_it_and_no_others() -> None:
    assert BOX.refuses(CLICK)
    assert not BOX.refuses(Click((3, 4, 4), True, 1))
    assert not BOX.refuses(Click((3, 0, 0), False, 1))
    assert not BOX.refuses(Click((2, 0, 0), True, 1))
    assert not BOX.refuses(Click((3, 0, 0), True, 2))


def test_what_is_no_box_in_a_plane_is_refused() -> None:
    with pytest.raises(ValueError, match="order"):
        BoxPrompt((3, 7, 4), (3, 6, 9), 0, 1)
    with pytest.raises(ValueError, match="plane"):
        BoxPrompt((2, 2, 4), (3, 6, 9), 0, 1)

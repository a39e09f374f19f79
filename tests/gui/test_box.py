from __future__ import annotations

import json

import numpy as np
import pytest

from napari_progseg.gui.box import Box, changes, difference

WHOLE = (slice(0, None),) * 3


def speckled(shape: tuple[int, int, int], seed: int, dtype=np.uint8) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (rng.integers(0, 4, shape) * (rng.random(shape) > 0.8)).astype(dtype)


def test_a_box_lies_around_what_changed_and_goes_back_and_forth() -> None:
    array = np.zeros((4, 6, 5), np.uint8)
    new = array.copy()
    new[1:3, 2:4, 1:5] = 7
    (box,) = changes(array, WHOLE, new)
    assert box.region == (slice(1, 3), slice(2, 4), slice(1, 5))
    assert np.array_equal(array, new)
    assert not box.old(array).any()
    box.apply(array, back=True)
    assert not array.any()
    box.apply(array)
    assert np.array_equal(array, new)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, bool])
def test_changes_of_many_planes_are_taken_back_exactly(dtype) -> None:
    before, after = speckled((50, 9, 11), 1, dtype), speckled((50, 9, 11), 2, dtype)
    array = before.copy()
    boxes = changes(array, (slice(3, 45), slice(1, 8), slice(2, 11)), after[3:45, 1:8, 2:11])
    assert len(boxes) == 3
    assert np.array_equal(array[3:45, 1:8, 2:11], after[3:45, 1:8, 2:11])
    for box in boxes:
        box.apply(array, back=True)
    assert np.array_equal(array, before)


def test_only_voxels_that_changed_are_written() -> None:
    array = np.zeros((1, 3, 3), np.uint8)
    new = array.copy()
    new[0, 0, 0] = new[0, 2, 2] = 1
    (box,) = changes(array, WHOLE, new)
    array[0, 1, 1] = 5
    box.apply(array, back=True)
    assert array.sum() == array[0, 1, 1] == 5


def test_a_change_without_effect_is_no_box() -> None:
    array = np.ones((2, 2, 2), np.uint8)
    assert changes(array, WHOLE, array.copy()) == ()


def test_large_volumes_are_compared_like_small_ones(monkeypatch) -> None:
    before, after = speckled((40, 5, 6), 3), speckled((40, 5, 6), 4)
    small = [box.record() for box in difference(before, after)]
    monkeypatch.setattr("napari_progseg.gui.box._LARGE_VOXELS", 1)
    assert [box.record() for box in difference(before, after)] == small


def test_a_box_comes_back_from_what_is_stored() -> None:
    before, after = speckled((3, 5, 6), 5), speckled((3, 5, 6), 6)
    (box,) = difference(before, after, (7, 8, 9))
    found = Box.of_record(json.loads(json.dumps(box.record())))
    array = np.zeros((20, 20, 20), np.uint8)
    array[7:10, 8:13, 9:15] = before
    found.apply(array)
    assert np.array_equal(array[7:10, 8:13, 9:15], after)
    with pytest.raises((KeyError, TypeError, ValueError)):
        Box.of_record(box.record() | {"where": "no bits"})

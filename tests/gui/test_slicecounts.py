from __future__ import annotations

import numpy as np
import pytest

from napari_progseg.gui.doubts import Doubts
from napari_progseg.gui.slicecounts import SliceCounts, shares

SHAPE = (5, 6, 7)


def sums(mask: np.ndarray) -> list[list[int]]:
    return [mask.sum((1, 2)).tolist(), mask.sum((0, 2)).tolist(), mask.sum((0, 1)).tolist()]


def test_boxes_add_up_and_can_be_taken_out_again() -> None:
    rng = np.random.default_rng(0)
    mask = rng.random(SHAPE) > 0.6
    counts = SliceCounts(SHAPE)
    counts.add(mask[:2], (0, 0, 0))
    counts.add(mask[2:, 3:], (2, 3, 0))
    counts.add(mask[2:, :3], (2, 0, 0))
    assert [each.tolist() for each in counts.along] == sums(mask)
    counts.add(mask[1:3, 2:4, 5:], (1, 2, 5), -1)
    mask[1:3, 2:4, 5:] = False
    assert [each.tolist() for each in counts.along] == sums(mask)


def test_a_few_wrong_voxels_at_a_tip_are_not_worse_than_a_slice_that_is_wrong_throughout() -> None:
    sizes = np.array([0, 2, 100, 100, 100])
    found = shares(np.array([2, 2, 60, 0, 10]), sizes)
    assert found.argmax() == 2
    assert found[2] == pytest.approx(0.6)
    assert found[1] == pytest.approx(2 / 50)


def test_without_any_structure_shares_are_still_numbers() -> None:
    assert shares(np.array([0, 3]), np.zeros(2, np.int64)).tolist() == [0, 3]


def test_doubts_follow_answers_and_travel_back_exactly() -> None:
    rng = np.random.default_rng(0)
    doubts = Doubts(SHAPE)
    probabilities = rng.random((2, *SHAPE)).astype(np.float32)
    for z in range(len(probabilities[0])):
        doubts.see((slice(z, z + 1), slice(0, 6), slice(0, 7)), probabilities[:, z : z + 1])
    before = ((probabilities > 0.1) & (probabilities < 0.9)).any(0)
    assert [each.tolist() for each in doubts.counts.along] == sums(before)
    after = before.copy()
    after[2:4, 1:5, 2:6] = rng.random((2, 4, 4)) > 0.9
    region = (slice(2, 4), slice(1, 5), slice(2, 6))
    boxes = doubts.put(region, after[region])
    assert boxes
    assert [each.tolist() for each in doubts.counts.along] == sums(after)
    doubts.travel(boxes, back=True)
    assert [each.tolist() for each in doubts.counts.along] == sums(before)
    doubts.travel(boxes, back=False)
    assert [each.tolist() for each in doubts.counts.along] == sums(after)

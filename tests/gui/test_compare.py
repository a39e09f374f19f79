from __future__ import annotations

import numpy as np
import pytest

from napari_progseg.gui.compare import AGREED, EXTRA, MISSED, Tally, agreement, shown_region


def test_dice_follows_changes_exactly() -> None:
    rng = np.random.default_rng(0)
    reference = rng.integers(0, 3, (6, 8, 7), dtype=np.uint8)
    predicted = rng.integers(0, 3, (6, 8, 7), dtype=np.uint8)
    tally = Tally.of(predicted, reference, (1, 2))
    for _ in range(5):
        region = (slice(1, 4), slice(2, 8), slice(0, 5))
        new = rng.integers(0, 3, (3, 6, 5), dtype=np.uint8)
        tally.change((1, 2, 0), predicted[region].copy(), new, reference[region])
        predicted[region] = new
    expected = {
        v: 2 * np.sum((predicted == v) & (reference == v)) / (np.sum(predicted == v) + np.sum(reference == v))
        for v in (1, 2)
    }
    assert tally.dice() == pytest.approx(expected)
    fresh = Tally.of(predicted, reference, (1, 2))
    for name in ("missed", "extra", "reference"):
        for kept, counted in zip(getattr(tally.slices, name).along, getattr(fresh.slices, name).along, strict=True):
            assert kept.tolist() == counted.tolist()


def test_every_slice_knows_what_is_missed_extra_and_there() -> None:
    rng = np.random.default_rng(1)
    reference, predicted = (rng.integers(0, 3, (6, 8, 7), dtype=np.uint8) for _ in range(2))
    slices = Tally.of(predicted, reference, (1, 2)).slices
    kinds = agreement(predicted, reference)
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        assert slices.missed.along[axis].tolist() == (kinds == MISSED).sum(others).tolist()
        assert slices.extra.along[axis].tolist() == (kinds == EXTRA).sum(others).tolist()
        assert slices.reference.along[axis].tolist() == (reference > 0).sum(others).tolist()


def test_empty_against_empty_is_not_available() -> None:
    empty = np.zeros((2, 2, 2), np.uint8)
    tally = Tally.of(empty, empty, (1,))
    assert tally.dice() == {1: None}
    assert not tally.has_reference()


def test_agreement_tells_extra_from_missed_and_wrong_class_is_extra() -> None:
    predicted, reference = np.array([0, 1, 1, 0, 2]), np.array([0, 1, 0, 1, 1])
    assert agreement(predicted, reference).tolist() == [0, AGREED, EXTRA, MISSED, EXTRA]


def test_a_slice_is_shown_in_2d_and_everything_in_3d() -> None:
    assert shown_region((99, 3, 3), (1, 2), (10, 20, 30)) == (slice(9, 10), slice(0, 20), slice(0, 30))
    assert shown_region((4, 3, 3), (0, 2), (10, 20, 30)) == (slice(0, 10), slice(3, 4), slice(0, 30))
    assert shown_region((4, 3, 3), (0, 1, 2), (10, 20, 30)) == (slice(0, 10), slice(0, 20), slice(0, 30))

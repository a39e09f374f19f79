import numpy as np
import pytest

from napari_progseg.evaluation.metrics import confusion, dice, mean_dice

REFERENCE = np.array([[0, 1, 1, 1], [0, 2, 2, 0]], dtype=np.uint8)


def test_dice_of_each_structure_is_twice_the_overlap_over_the_sum():
    predicted = np.array([[1, 1, 1, 0], [0, 0, 0, 2]], dtype=np.uint8)
    assert dice(predicted, REFERENCE, (1, 2)) == {1: pytest.approx(4 / 6), 2: 0.0}


def test_dice_is_one_for_equal_maps_whatever_their_integer_types():
    assert dice(REFERENCE.astype(np.uint16), REFERENCE, (2, 1)) == {2: 1.0, 1: 1.0}
    assert dice(REFERENCE == 1, (REFERENCE == 1).astype(np.int64), (1,)) == {1: 1.0}


def test_dice_of_empty_against_empty_is_not_defined():
    assert dice(REFERENCE, REFERENCE, (7,)) == {7: None}


def test_dice_of_something_against_nothing_is_zero():
    nothing = np.zeros_like(REFERENCE)
    assert dice(nothing, REFERENCE, (1,)) == {1: 0.0}
    assert dice(REFERENCE, nothing, (1,)) == {1: 0.0}


def test_scores_are_plain_numbers_that_json_can_hold():
    assert type(dice(REFERENCE, REFERENCE, (1,))[1]) is float


def test_other_values_count_as_background():
    changed = np.where(REFERENCE == 2, 9, REFERENCE)
    assert dice(changed, REFERENCE, (1,)) == {1: 1.0}


def test_maps_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match="shapes"):
        dice(REFERENCE, REFERENCE.T, (1,))
    with pytest.raises(ValueError, match="shapes"):
        confusion(REFERENCE, REFERENCE.T, 1)


def test_mean_dice_leaves_undefined_scores_out_and_weighs_cases_equally():
    cases = {"a": {1: 0.5, 2: None}, "b": {1: 0.9, 2: 0.7}, "c": {1: None, 2: None}}
    assert mean_dice(cases) == pytest.approx((0.5 + 0.8) / 2)
    assert mean_dice(cases.values()) == mean_dice(cases)


def test_mean_dice_of_nothing_defined_is_none():
    assert mean_dice({}) is None
    assert mean_dice({"a": {1: None}}) is None


def test_confusion_tells_found_invented_and_missed_apart():
    predicted = np.array([[1, 1, 1, 0], [1, 2, 0, 0]], dtype=np.uint8)
    expected = [[2, 1, 1, 3], [2, 0, 0, 0]]
    result = confusion(predicted, REFERENCE, 1)
    assert result.dtype == np.uint8
    assert result.tolist() == expected

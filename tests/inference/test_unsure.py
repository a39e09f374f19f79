"""How unsure a model is: voxels that are background for sure do not count."""

from __future__ import annotations

import numpy as np
import pytest

from napari_progseg.inference.unsure import MeanEntropy, doubtful

REGION = (slice(0, 1), slice(0, 1), slice(0, 4))


def gathered(*regions: list[list[float]]) -> float | None:
    entropy = MeanEntropy()
    for classes in regions:
        entropy.add(REGION, np.array(classes, np.float32)[:, None, None])
    return entropy.bits


def test_a_coin_toss_is_one_bit_and_certainty_none() -> None:
    assert gathered([[0.5, 0.5]]) == pytest.approx(1)
    assert gathered([[1.0, 1.0]]) == pytest.approx(0, abs=1e-4)


def test_background_does_not_dilute_it_and_regions_add_up() -> None:
    assert gathered([[0.5, 0.0, 0.0, 0.05]]) == pytest.approx(1)
    assert gathered([[0.5, 0.5]], [[1.0, 1.0]], [[0.0, 0.0]]) == pytest.approx(0.5, abs=1e-4)


def test_the_least_sure_class_of_a_voxel_counts() -> None:
    assert gathered([[1.0], [0.5]]) == pytest.approx(1)


def test_where_nothing_is_in_question_nothing_was_found() -> None:
    assert gathered([[0.0, 0.09]]) is None


def test_what_is_neither_clearly_there_nor_clearly_not_is_doubtful() -> None:
    probabilities = np.array([[0.0, 0.1, 0.2, 0.9, 1.0], [0.0, 0.0, 0.0, 0.5, 0.95]], np.float32)
    assert doubtful(probabilities).tolist() == [False, False, True, True, False]

"""Intervals over seeds and cases."""

from __future__ import annotations

import numpy as np
import pytest

from napari_progseg.evaluation.crossed import crossed_interval


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_mean_is_that_of_all_seeds_and_cases() -> None:
    found = crossed_interval([[[0.2, 0.4, 0.6], [0.4, 0.6, 0.8]]], rng())
    assert found.mean == pytest.approx(0.5)
    assert (found.seeds, found.cases, found.level) == (2, 3, 0.95)
    assert 0.2 <= found.low < 0.5 < found.high <= 0.8


def test_resamples_take_a_seed_less_and_a_case_less_than_there_are() -> None:
    """Of two seeds one is drawn, so that the resampled means of two equal rows are the rows' values, half each."""
    found = crossed_interval([[[0.0, 0.0], [1.0, 1.0]]], rng(), level=0.9)
    assert (found.low, found.mean, found.high) == (0.0, 0.5, 1.0)


def test_every_seed_meets_the_same_cases() -> None:
    """Scores that depend on the case alone leave one of two values in each resample of two cases."""
    found = crossed_interval(np.broadcast_to([0.0, 1.0], (1, 6, 2)), rng())
    assert (found.low, found.mean, found.high) == (0.0, 0.5, 1.0)


def test_one_seed_resamples_cases_alone() -> None:
    found = crossed_interval([[[0.1, 0.5, 0.9]]], rng())
    assert found.mean == pytest.approx(0.5)
    assert found.low == pytest.approx(0.1)
    assert found.high == pytest.approx(0.9)


def test_a_paired_difference_does_not_see_what_the_methods_share() -> None:
    shared = rng(1).normal(0.5, 0.3, (1, 4, 8))
    both = np.concatenate([shared + 0.1, shared])
    found = crossed_interval(both, rng(), contrast=lambda means: means[..., 0] - means[..., 1])
    assert found.low == pytest.approx(0.1)
    assert found.high == pytest.approx(0.1)
    assert found.verdict == "above"


def test_the_better_part_is_chosen_anew_in_every_resample() -> None:
    """Two parts that are each better on one seed: whatever is drawn, the better one is 1."""
    table = np.array([[[1.0], [1.0]], [[1.0], [0.0]], [[0.0], [1.0]]])
    found = crossed_interval(table, rng(), contrast=lambda m: m[..., 0] - m[..., 1:].max(axis=-1))
    assert found.mean == pytest.approx(0.5)
    assert (found.low, found.high) == (0.0, 0.0)


def test_a_score_that_is_not_defined_leaves_its_cell_out_of_all_methods() -> None:
    table = np.array([[[0.5, np.nan], [0.7, 0.9]], [[0.1, 0.9], [0.2, 0.3]]])
    found = crossed_interval(table, rng(), contrast=lambda means: means[..., 1])
    assert found.mean == pytest.approx((0.1 + 0.2 + 0.3) / 3)


@pytest.mark.parametrize("table", [[[np.nan]], [[[np.nan]]], [0.1, 0.2]])
def test_without_any_score_there_is_no_interval(table: object) -> None:
    with pytest.raises(ValueError, match="finite"):
        crossed_interval(table, rng())  # type: ignore[arg-type]


def test_the_same_generator_gives_the_same_interval() -> None:
    table = rng(2).random((2, 5, 10))
    assert crossed_interval(table, rng(3)) == crossed_interval(table, rng(3)) != crossed_interval(table, rng(4))


@pytest.mark.parametrize(
    ("seeds", "cases", "spreads", "least"),
    [(5, 20, (1, 2, 2), 0.91), (5, 20, (2, 1, 1), 0.84), (10, 20, (1, 1, 1), 0.91), (5, 2, (1, 1, 1), 0.80)],
)
def test_intervals_hold_the_true_mean_about_as_often_as_they_say(
    seeds: int, cases: int, spreads: tuple[float, float, float], least: float
) -> None:
    """Scores made of a seed's part, a case's part and a rest; few seeds hold it less often, as the report says."""
    draw = rng(5)
    hits = 0
    for _ in range(250):
        by_seed, by_case = draw.normal(size=(1, seeds, 1)), draw.normal(size=(1, 1, cases))
        rest = draw.normal(size=(1, seeds, cases))
        found = crossed_interval(spreads[0] * by_seed + spreads[1] * by_case + spreads[2] * rest, draw, resamples=400)
        hits += found.low <= 0 <= found.high
    assert least < hits / 250 < 0.99

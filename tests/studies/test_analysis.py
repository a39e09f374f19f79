"""Numbers drawn from rows, against numbers worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from napari_progseg.studies.analysis import (
    Score,
    by_place,
    difference,
    differences,
    first_reaching,
    means,
    over_the_better,
    reaching,
    scores_of,
    spending,
)
from napari_progseg.studies.rows import Cost, Point, Row

RowOf = Callable[..., Row]
SEG, PRE, INTER = Score("Seg", "0"), Score("SegPretrained", "0"), Score("SegInter", "1", "1 click")


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_scores_are_laid_out_by_method_seed_and_case(row_of: RowOf) -> None:
    rows = by_place(
        [row_of(seed=0, dice={"0": [0.1, None]}), row_of(seed=1, dice={"0": [0.3, 0.4]}), row_of("SegPretrained", 1, 1)]
    )
    table = scores_of(rows, (SEG,), 1)
    assert np.array_equal(np.asarray(table), [[[0.1, np.nan], [0.3, 0.4]]], equal_nan=True)
    paired = scores_of(rows, (SEG, PRE), 1)
    assert np.array_equal(np.asarray(paired), [[[0.3, 0.4]], [[0.5, 0.7]]])
    assert scores_of(rows, (SEG, INTER), 1) is None


def test_means_and_differences_by_hand(row_of: RowOf) -> None:
    rows = by_place(
        [
            row_of(seed=0, dice={"0": [0.2, 0.4]}),
            row_of(seed=1, dice={"0": [0.4, 0.6]}),
            row_of("SegPretrained", seed=0, dice={"0": [0.3, 0.5]}),
            row_of("SegPretrained", seed=1, dice={"0": [0.6, 0.8]}),
            row_of("SegInter", seed=0, dice={"0": [0.1, 0.1], "1": [0.5, 0.5]}),
            row_of("SegInter", seed=1, dice={"0": [0.1, 0.1], "1": [0.5, 0.5]}),
        ]
    )
    found = {mean.score.label: mean.interval.mean for mean in means(rows, (SEG, PRE, INTER), rng())}
    assert found == pytest.approx({"Seg": 0.4, "SegPretrained": 0.55, "SegInter, 1 click": 0.5})
    gain, over = differences(rows, (difference(PRE, SEG), over_the_better(INTER, (SEG, PRE), "over")), rng())
    assert gain.comparison.name == "SegPretrained - Seg"
    assert gain.interval.mean == pytest.approx(0.15)
    assert (gain.interval.low, gain.interval.high) == (pytest.approx(0.1), pytest.approx(0.2))
    assert over.interval.mean == pytest.approx(0.5 - 0.55)


def test_a_target_is_reached_at_the_first_validation_not_below_it() -> None:
    curve = [Point(step=n, seconds=n, dice=d) for n, d in ((1, None), (2, 0.4), (3, 0.5), (4, 0.3), (5, 0.9))]
    found = first_reaching(curve, 0.5)
    assert found is not None
    assert found.step == 3
    assert first_reaching(curve, 0.91) is None


def test_time_to_target_counts_what_never_reached_it_as_later_than_all(row_of: RowOf) -> None:
    """The best mean of tops is that of SegPretrained, (0.8 + 1.0) / 2, so the target is 0.81."""
    rows = by_place(
        [
            row_of(seed=0, curve=((10, 0.5), (20, 0.7))),
            row_of(seed=1, curve=((10, 0.5), (20, 0.82))),
            row_of("SegPretrained", seed=0, curve=((10, 0.8), (20, 0.7))),
            row_of("SegPretrained", seed=1, curve=((10, 0.81), (20, 1.0))),
        ]
    )
    seg, pre = reaching(rows, ["Seg", "SegPretrained", "SegInter"], rng())
    assert seg.target == pre.target == pytest.approx(0.81)
    assert (seg.reached, seg.seeds, seg.steps, seg.seconds) == (1, 2, None, None)
    assert (pre.reached, pre.seeds, pre.steps) == (1, 2, None)
    taken = rows["SegPretrained", 1, 0].cost.steps
    assert pre.mean_steps.mean == pytest.approx((taken + 10) / 2)
    assert (pre.mean_steps.low, pre.mean_steps.high) == (min(taken, 10), max(taken, 10))
    more = by_place([*rows.values(), row_of("SegPretrained", seed=2, curve=((10, 0.2), (20, 0.9)))])
    assert reaching(more, ["SegPretrained"], rng())[0].steps == 20


def test_cost_is_the_median_so_that_a_run_beside_other_work_does_not_count(row_of: RowOf) -> None:
    seconds = (2.0, 3.0, 500.0)
    rows = by_place(
        row_of(seed=seed, cost=Cost(steps=20, voxels=10, seconds=each, validation_seconds=1.0))
        for seed, each in enumerate(seconds)
    )
    (found,) = spending(rows, ["Seg", "SegInter"])
    assert (found.seconds, found.steps, found.voxels, found.start_seconds) == (3.0, 20, 10, 0.0)

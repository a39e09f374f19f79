"""Costs and times to a Dice relative to a reference group."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from napari_progseg.studies.analysis import by_place
from napari_progseg.studies.rows import Cost, Row
from napari_progseg.studies.speed import ratios, speeds

RowOf = Callable[..., Row]
PDL = ("All", "PDL", "Random"), "All"
PGPS = ("Constant", "Efficiency", "Performance"), "Constant"


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def cost(seconds: float, voxels: int = 1000) -> Cost:
    return Cost(steps=10, voxels=voxels, seconds=seconds, validation_seconds=99.0)


def test_ratios_are_taken_within_each_seed_and_leave_validation_out(row_of: RowOf) -> None:
    rows = [
        row_of("Constant", 3, 0, cost=cost(10)),
        row_of("Constant", 3, 1, cost=cost(100)),
        row_of("Efficiency", 3, 0, cost=cost(5, 344)),
        row_of("Efficiency", 3, 1, cost=cost(40, 344)),
        row_of("Performance", 3, 2, cost=cost(1)),
    ]
    found = {each.group: each for each in ratios(by_place(rows), *PGPS, rng())}
    assert found["Efficiency"].voxels == pytest.approx(0.344)
    seconds = found["Efficiency"].seconds
    assert (seconds.mean, seconds.seeds) == (pytest.approx(45 / 110), 2)
    assert seconds.low == pytest.approx(0.4)
    assert seconds.high == pytest.approx(0.5)
    assert "Performance" not in found, "its seed has no reference"


def test_speeds_are_shares_of_the_references_final_dice(row_of: RowOf) -> None:
    rows = [
        row_of("All", 3, 0, curve=((10, 0.5), (20, 0.78), (30, 0.8))),
        row_of("PDL", 3, 0, curve=((10, 0.73), (20, 0.76), (30, 0.78))),
        row_of("Random", 3, 0, curve=((10, 0.1), (20, 0.2), (30, 0.3))),
    ]
    found = {(each.group, each.share): each for each in speeds(by_place(rows), *PDL, rng())}
    early = found["PDL", 0.9]
    assert early.target == pytest.approx(0.72)
    assert early.steps == 10
    assert early.steps_ratio is not None
    assert early.steps_ratio.mean == pytest.approx(0.5)
    assert found["All", 0.9].steps_ratio.mean == 1.0  # type: ignore[union-attr]
    assert (found["PDL", 0.99].steps, found["PDL", 0.99].steps_ratio) == (None, None)
    assert (found["Random", 0.9].steps, found["Random", 0.9].reached, found["Random", 0.9].seeds) == (None, 0, 1)


def test_a_run_that_never_gets_there_counts_with_all_that_it_took(row_of: RowOf) -> None:
    rows = [row_of("All", 3, seed, curve=((10, 0.8), (20, 0.8)), cost=cost(20)) for seed in range(3)]
    rows += [row_of("PDL", 3, seed, curve=((5, 0.8), (20, 0.8)), cost=cost(20)) for seed in range(2)]
    rows += [
        row_of(
            "PDL",
            3,
            2,
            curve=((5, 0.1), (20, 0.2)),
            cost=Cost(steps=20, voxels=1, seconds=20.0, validation_seconds=0.0),
        )
    ]
    found = {(each.group, each.share): each for each in speeds(by_place(rows), *PDL, rng())}["PDL", 0.9]
    assert (found.reached, found.seeds) == (2, 3)
    assert found.steps_ratio is not None
    assert found.steps_ratio.mean == pytest.approx((5 + 5 + 20) / 30)
    assert found.steps_ratio.low == pytest.approx(0.5)
    assert found.steps_ratio.high == pytest.approx(2.0)

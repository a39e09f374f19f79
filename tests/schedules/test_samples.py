"""Which cases are active when (algorithms 1.2 to 1.4)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from napari_progseg.schedules.samples import SampleSchedule, tuning_subset
from napari_progseg.training.config import SampleConfig

RANKED = tuple(f"case{number:02d}" for number in range(12))
ONE_EACH = dict.fromkeys(RANKED, 1)


def growing(
    ranked: tuple[str, ...] = RANKED,
    units: dict[str, int] | None = None,
    add_every: float = 10,
    seed: int = 0,
    **settings: Any,
) -> SampleSchedule:
    config = SampleConfig(**{"schedule": "pdl", **settings})
    return SampleSchedule.growing(ranked, units or ONE_EACH, config, add_every, seed)


def test_similar_cases_come_first_and_all_come_in_the_end() -> None:
    schedule = growing()
    assert schedule.at(0).cases == RANKED[:3]
    assert schedule.at(10**6).cases == RANKED


def test_a_stage_lasts_its_passes_over_the_cases_that_are_active() -> None:
    schedule = growing()
    assert schedule.at(29) == (RANKED[:3], 9, 2)
    assert schedule.at(30) == (RANKED, 10, 0)
    assert schedule.at(30 + 12 + 5) == (RANKED, 11, 5)


def test_a_pass_over_slices_is_as_long_as_there_are_slices() -> None:
    schedule = growing(units=dict.fromkeys(RANKED, 7))
    assert schedule.at(3 * 7 * 10 - 1) == (RANKED[:3], 9, 20)
    assert schedule.at(3 * 7 * 10).cases == RANKED


def test_active_cases_only_ever_grow() -> None:
    schedule = growing(start=0.1, stages=5, add_every=3)
    active = [schedule.at(samples).cases for samples in range(200)]
    assert all(set(before) <= set(after) for before, after in itertools.pairwise(active))
    assert sorted({len(cases) for cases in active}) == [1, 4, 7, 9, 12]


def test_epochs_never_go_back() -> None:
    schedule = growing(start=0.1, stages=5, add_every=2.5)
    epochs = [schedule.at(samples).epoch for samples in range(300)]
    assert epochs == sorted(epochs)


@pytest.mark.parametrize("choice", ["pdl-dissimilar", "random"])
def test_the_controls_have_the_same_sizes_in_another_order(choice: str) -> None:
    control, schedule = growing(schedule=choice, seed=1), growing(seed=1)
    for samples in (0, 29, 30, 500):
        assert len(control.at(samples).cases) == len(schedule.at(samples).cases)
    assert sorted(control.at(500).cases) == list(RANKED)
    assert control.at(0).cases != schedule.at(0).cases


def test_dissimilar_first_is_the_ranking_from_its_end() -> None:
    assert growing(schedule="pdl-dissimilar").at(0).cases == RANKED[:-4:-1]


def test_random_is_drawn_by_the_seed() -> None:
    assert len({growing(schedule="random", seed=seed).at(0).cases for seed in (0, 0, 1)}) == 2


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_cases_are_not_divided(count: int) -> None:
    assert growing(RANKED[:count]).at(0).cases == RANKED[:count]


def test_three_cases_begin_with_one() -> None:
    assert growing(RANKED[:3], start=0.1).at(0).cases == RANKED[:1]


def test_constant_is_all_cases_all_the_time() -> None:
    schedule = SampleSchedule.constant({"a": 2, "b": 3})
    assert schedule.at(0) == (("a", "b"), 0, 0)
    assert schedule.at(12) == (("a", "b"), 2, 2)


def test_settings_are_tuned_on_every_kth_case() -> None:
    assert tuning_subset(RANKED, 5) == ("case00", "case05", "case10")

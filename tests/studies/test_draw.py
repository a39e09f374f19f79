"""Which cases a study uses for what."""

from __future__ import annotations

from itertools import combinations
from types import SimpleNamespace
from typing import Any

import pytest

from napari_progseg.data.persons import person_of
from napari_progseg.data.splits import Split, permutation
from napari_progseg.errors import UserError
from napari_progseg.project import Project
from napari_progseg.studies.draw import Draw, draw_cases


def assert_apart(draw: Draw) -> None:
    for one, other in combinations((draw.test, draw.validation, draw.pool), 2):
        assert not set(one) & set(other)
    assert not set(draw.scans) & {*draw.test, *draw.validation}


def test_fewer_training_cases_are_among_more_of_the_same_seed(project: Project) -> None:
    draw = draw_cases(project, validation=1)
    for seed in range(5):
        for fewer, more in ((1, 2), (2, 5)):
            assert draw.train(fewer, seed) == draw.train(more, seed)[:fewer]
    assert len({draw.train(2, seed) for seed in range(5)}) > 1


def test_test_and_validation_cases_never_train_nor_pretrain(project: Project) -> None:
    draw = draw_cases(project, validation=1)
    assert_apart(draw)
    assert set(draw.test) == set(project.split.test)
    assert set(draw.scans) == {*draw.pool, "p8", "p9"}
    assert draw == draw_cases(project, validation=1)


def test_a_larger_test_part_comes_out_of_the_training_part(project: Project) -> None:
    own, larger = draw_cases(project, validation=1), draw_cases(project, test=4, validation=2)
    assert_apart(larger)
    assert larger.test[: len(own.test)] == own.test
    assert (len(larger.test), len(larger.validation), len(larger.pool)) == (4, 2, 2)


def test_a_smaller_test_part_does_not_free_its_cases_for_training(project: Project) -> None:
    draw = draw_cases(project, test=1, validation=1)
    assert_apart(draw)
    assert not set(project.split.test) & {*draw.pool, *draw.scans}


def test_development_cases_come_from_the_pool_and_train_nothing(project: Project) -> None:
    draw = draw_cases(project, validation=1)
    development = draw.development(2)
    assert_apart(development)
    assert set(development.test) < set(draw.pool)
    assert not set(development.test) & set(draw.test)
    assert development.validation == draw.validation


def test_development_cases_are_not_what_a_seed_trains_on() -> None:
    pool = tuple(f"case{number:03d}" for number in range(60))
    draw = Draw((), (), pool, pool)
    chosen_on = draw.development(8).test
    shared = [len({*chosen_on} & {*draw.train(8, seed)}) for seed in range(20)]
    assert max(shared) < 6
    assert sum(shared) / len(shared) < 2.5, "about as many as chance draws, 1.1"


def test_nobody_stands_on_two_sides_not_with_another_scan_either() -> None:
    """Also where the project was split when it did not look at persons."""
    cases = permutation([f"hippocampus_{number:03d}" for number in range(1, 61)], 5)
    split = Split(cases[12:44], cases[8:12], cases[:8])
    project: Any = SimpleNamespace(split=split, cases=[SimpleNamespace(id=case) for case in cases])
    draw = draw_cases(project, test=12, validation=6)
    assert (len(draw.test), len(draw.validation)) == (12, 6)
    for each in (draw, draw.development(4)):
        parts = [{person_of(case) for case in part} for part in (each.test, each.validation, each.scans)]
        assert len(set.union(*parts)) == sum(map(len, parts))
        assert set(each.pool) < set(each.scans)


def test_what_cannot_be_drawn_is_refused_in_words(project: Project) -> None:
    draw = draw_cases(project, validation=1)
    with pytest.raises(UserError, match="the pool holds 5"):
        draw.train(6, 0)
    with pytest.raises(UserError, match="the pool holds 5"):
        draw.development(5)
    with pytest.raises(UserError, match="to train on"):
        draw_cases(project, test=8)

"""Which scans show the same person, and that nobody stands on two sides."""

from __future__ import annotations

from itertools import combinations

import pytest

from napari_progseg.data.persons import cut, deal, one_each, person_of, together, without
from napari_progseg.data.splits import Split, choose, extend_split, make_split, permutation

HIPPOCAMPI = [f"hippocampus_{number:03d}" for number in range(1, 41)]
FRAMES = [f"patient{number:03d}_frame{frame}" for number in range(1, 16) for frame in ("01", "12")]


def persons(cases: tuple[str, ...]) -> set[str]:
    return {person_of(case) for case in cases}


def assert_apart(*parts: tuple[str, ...]) -> None:
    for one, other in combinations(parts, 2):
        assert not persons(one) & persons(other)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("hippocampus_003", "hippocampus_004", True),
        ("hippocampus_004", "hippocampus_005", False),
        ("b_hippocampus_003", "b_hippocampus_004", True),
        ("patient001_frame01", "patient001_frame12", True),
        ("patient001_frame01", "patient002_frame01", False),
        ("sub-07_ses-1", "sub-07_ses-2", True),
        ("leg_003", "leg_004", False),
        ("STS_002", "STS_002", True),
    ],
)
def test_names_tell_who_is_the_same_person(one: str, other: str, same: bool) -> None:
    assert (person_of(one) == person_of(other)) == same


@pytest.mark.parametrize("cases", [HIPPOCAMPI, FRAMES])
@pytest.mark.parametrize("seed", range(5))
def test_a_split_keeps_a_person_on_one_side_and_about_its_sizes(cases: list[str], seed: int) -> None:
    split = make_split(cases, seed)
    assert_apart(split.train, split.validation, split.test)
    assert sorted(split.ids) == sorted(cases)
    assert 0 <= len(split.test) - round(0.2 * len(cases)) <= 1
    assert 0 <= len(split.validation) - round(0.1 * len(cases)) <= 1


def test_of_a_single_person_all_scans_train() -> None:
    assert make_split([*FRAMES[:2], "patient001_frame30"], 0).validation == ()


@pytest.mark.parametrize("cases", [HIPPOCAMPI, FRAMES])
def test_a_scan_that_comes_later_joins_the_part_of_its_person(cases: list[str]) -> None:
    split = make_split(cases[::2], 0)
    grown = extend_split(split, cases, 0)
    assert_apart(grown.train, grown.validation, grown.test)
    for part in ("train", "validation", "test"):
        assert getattr(grown, part)[: len(getattr(split, part))] == getattr(split, part)
        assert persons(getattr(grown, part)) == persons(getattr(split, part))


def test_cases_that_are_completed_one_by_one_end_up_apart() -> None:
    split = Split()
    for number in range(1, len(FRAMES) + 1):
        split = extend_split(split, permutation(FRAMES, 1)[:number], 1)
        assert_apart(split.train, split.validation, split.test)
    assert split.validation
    assert split.test


def test_validation_cases_that_are_drawn_show_nobody_who_trains() -> None:
    """An older project may have both sides of a head in two parts."""
    split = Split(("hippocampus_001", "hippocampus_003"), ("hippocampus_002", "hippocampus_007"))
    assert choose(split, None, None, 0) == (("hippocampus_003", "hippocampus_001"), ("hippocampus_007",))
    train, _ = choose(split, None, ("hippocampus_002",), 0)
    assert train == ("hippocampus_003",)


def test_dealt_parts_have_their_sizes_and_share_nobody() -> None:
    order = permutation(HIPPOCAMPI, 3)
    parts = deal(order, (7, 5, 4))
    assert [len(part) for part in parts] == [7, 5, 4]
    assert_apart(*parts)
    assert parts[0] == order[:7]
    assert deal(("leg_1", "leg_2", "leg_3"), (2, 4)) == [("leg_1", "leg_2"), ("leg_3",)]


def test_without_leaves_out_all_scans_of_a_person() -> None:
    assert without(HIPPOCAMPI[:5], ["hippocampus_004"]) == ("hippocampus_001", "hippocampus_002", "hippocampus_005")


def test_scans_of_a_person_follow_each_other_and_are_not_cut_apart() -> None:
    order = together(("patient002_frame01", "patient001_frame01", "x", "patient002_frame12"))
    assert order == ("patient002_frame01", "patient002_frame12", "patient001_frame01", "x")
    assert [cut(order, size) for size in range(5)] == [0, 2, 2, 3, 3]


def test_of_each_person_the_first_case_is_taken() -> None:
    cases = ("patient002_frame12", "hippocampus_003", "patient002_frame01", "hippocampus_004", "x")
    assert one_each(cases) == ("patient002_frame12", "hippocampus_003", "x")

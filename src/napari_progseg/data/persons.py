"""Which scans show the same person, as far as their names tell: no person stands on two sides of a split."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

# frames and time points of one examination, and BIDS sessions of one subject
_PART_OF_PERSON = re.compile(r"(?P<person>.+?)_(?:frame|time|phase|ses-)\w+", re.IGNORECASE)
# MSD Task04: 2k - 1 and 2k are left and right of one head (their intensities are quantised alike, no others' are)
_HIPPOCAMPUS = re.compile(r"(?:.*_)?hippocampus_(?P<number>\d{3})", re.IGNORECASE)


def person_of(case: str) -> str:
    """Return who a case shows; a case whose name tells nothing is a person of its own.

    Parameters
    ----------
    case : str
        Name of a case, such as ``patient001_frame12``, ``sub-07_ses-2`` or ``hippocampus_004``.
    """
    if pair := _HIPPOCAMPUS.fullmatch(case):
        return f"hippocampus {(int(pair['number']) + 1) // 2}"
    part = _PART_OF_PERSON.fullmatch(case)
    return case if part is None else part["person"]


def without(cases: Iterable[str], others: Collection[str]) -> tuple[str, ...]:
    """Return the cases of persons of whom `others` hold no case."""
    persons = {person_of(case) for case in others}
    return tuple(case for case in cases if person_of(case) not in persons)


def one_each(cases: Iterable[str]) -> tuple[str, ...]:
    """Return the first case of each person."""
    first: dict[str, str] = {}
    for case in cases:
        first.setdefault(person_of(case), case)
    return tuple(first.values())


def deal(cases: Iterable[str], sizes: Iterable[int]) -> list[tuple[str, ...]]:
    """Deal cases, in their order, into parts of these sizes as far as they go.

    A case of a person who stands in another part is left out.
    """
    parts: list[tuple[str, ...]] = []
    left = tuple(cases)
    for size in sizes:
        parts.append(left[:size])
        left = without(left[size:], parts[-1])
    return parts


def together(order: Sequence[str]) -> tuple[str, ...]:
    """Return cases so that those of a person follow the first of them at once."""
    by_person: dict[str, list[str]] = {}
    for case in order:
        by_person.setdefault(person_of(case), []).append(case)
    return tuple(case for cases in by_person.values() for case in cases)


def cut(order: Sequence[str], size: int) -> int:
    """Return where to end a part of about `size` cases, taken from the front of `together`, between two persons.

    The part is larger where the size falls within a person, unless it would hold all.
    """
    ends = [at for at in range(1, len(order)) if person_of(order[at - 1]) != person_of(order[at])]
    return 0 if size == 0 else next((at for at in ends if at >= size), max(ends, default=0))

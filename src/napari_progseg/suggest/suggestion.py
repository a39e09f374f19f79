"""A case that might be labelled next, and what a search for one needs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import UserError
from ..project import Project
from ..storage.cache import source_key

Way = Literal["typical", "uncertain", "random"]
WAYS: tuple[Way, ...] = ("typical", "uncertain", "random")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A case that might be labelled next.

    Parameters
    ----------
    case : str
        Its id.
    by : {"typical", "uncertain", "random"}
        How it was found.
    score : float or None
        Typical: by how much the mean similarity (SSIM) of the unlabelled scans to their nearest labelled one would
        rise. Uncertain: entropy in bits, 0 to 1, see `Doubt`. Random: None.
    reason : str
        Why, in words that go on after the name of the case.
    run : str or None
        Name of the run that was asked.
    """

    case: str
    by: Way
    score: float | None
    reason: str
    run: str | None = None


@dataclass(frozen=True)
class Search:
    """What all ways of searching are given.

    Parameters
    ----------
    project : Project
        Whose cases.
    cases : tuple of str
        Those that may be suggested.
    run : Path or None
        Folder of the run to ask.
    count : int or None
        How many suggestions are wanted; None wants all.
    seed : int
        Draws a random order.
    device : str
        Where a model runs: ``auto``, ``cpu``, ``cuda``, ...
    progress : callable
        Called with the fraction done, 0 to 1.
    tick : callable
        Called between parts; raises where the search is to end.
    """

    project: Project
    cases: tuple[str, ...]
    run: Path | None
    count: int | None
    seed: int
    device: str
    progress: Callable[[float], None]
    tick: Callable[[], None]

    def source(self, case: str) -> str:
        """Name the image of a case so that a changed file gets another name; for keys of the cache."""
        record = self.project.case(case)
        stamp = source_key(record.image) if record.image.exists() else "missing"
        return f"{case} {record.modality} {record.series} {stamp}"

    def require(self, readable: Collection[object]) -> None:
        """Raise UserError where not one scan could be read."""
        if not readable:
            raise UserError(
                f"none of {len(self.cases)} unlabelled scans could be read, so none is suggested; nothing was changed; "
                "the table of patients and progseg check say what is wrong with them"
            )


def chosen(how: str, count: int, place: int) -> str:
    """Say how a case was chosen of so many, when those at the places before it (from 0) are taken.

    ``how`` goes before the number, such as "most typical of"; of a single scan nothing is chosen.
    """
    left = count - place
    if left == 1:
        return "the only unlabelled scan" if place == 0 else "the only other unlabelled scan"
    return f"{how} {left} unlabelled scans" if place == 0 else f"{how} the other {left} unlabelled scans"

"""Cases in a random order; where a run can say so, those without the structure last."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from ..data.splits import permutation
from .suggestion import Search, Suggestion, chosen

_HOW = "drawn at random from"


def drawn(search: Search) -> tuple[Suggestion, ...]:
    """Order cases by the seed alone, or also by whether the run of the search finds anything in them.

    Where a structure lies is known only after labelling, so without a run every scan has the same chance. With one,
    scans are looked at in the order drawn until there are as many as wanted.
    """
    order = permutation(search.cases, search.seed)
    if search.run is not None:
        return tuple(islice(_found_first(search, order), search.count))
    return tuple(Suggestion(case, "random", None, chosen(_HOW, len(order), place)) for place, case in enumerate(order))


def _found_first(search: Search, order: tuple[str, ...]) -> Iterator[Suggestion]:
    from .asked import Asked

    asked, empty = Asked(search), []
    start = f"{chosen(_HOW, len(order), 0)}; {asked.name}"
    for number, case in enumerate(order):
        search.tick()
        search.progress(number / len(order))
        doubt = asked.doubt(case)
        if doubt is not None and doubt.voxels:
            yield Suggestion(case, "random", None, f"{start} finds something in it", asked.run.name)
        elif doubt is not None:
            empty.append(case)
    yield from (Suggestion(case, "random", None, f"{start} finds nothing in it", asked.run.name) for case in empty)

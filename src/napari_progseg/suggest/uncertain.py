"""Cases of which a trained run is least sure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .suggestion import Search, Suggestion

if TYPE_CHECKING:
    from ..inference.doubt import Doubt


def uncertain(search: Search) -> tuple[Suggestion, ...]:
    """Order cases by how unsure the run is of them; those in which it finds nothing come first."""
    from .asked import Asked

    asked = Asked(search)
    doubts: dict[str, Doubt] = {}
    for number, case in enumerate(search.cases):
        search.tick()
        search.progress(number / len(search.cases))
        doubt = asked.doubt(case)
        if doubt is not None:
            doubts[case] = doubt
    search.require(doubts)
    ranked = sorted(doubts, key=lambda case: -doubts[case].bits)
    return tuple(
        Suggestion(
            case, "uncertain", doubts[case].bits, _reason(asked.name, doubts[case], len(ranked), place), asked.run.name
        )
        for place, case in enumerate(ranked)
    )


def _reason(run: str, doubt: Doubt, count: int, place: int) -> str:
    if not doubt.voxels:
        return f"{run} finds nothing in it"
    if place == 0:
        return f"{run} is least sure of it"
    return f"number {place + 1} of {count} by how unsure {run} is"

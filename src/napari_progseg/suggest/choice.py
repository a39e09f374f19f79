"""Cases that are not completed, in the order in which one might label them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..project import CaseState, Project
from .drawn import drawn
from .suggestion import Search, Suggestion, Way
from .typical import typical
from .uncertain import uncertain

_OPEN = (CaseState.NOT_STARTED, CaseState.IN_PROGRESS)
_SEARCHES: dict[Way, Callable[[Search], tuple[Suggestion, ...]]] = {
    "typical": typical,
    "uncertain": uncertain,
    "random": drawn,
}


class _CancelledError(Exception):
    """Ends a search where it stands."""


def open_cases(project: Project) -> tuple[str, ...]:
    """Return the cases that may be suggested: neither completed, nor flagged, nor kept for the test."""
    return tuple(case for case in project.scans() if project.case(case).state in _OPEN)


def suggest(
    project: Project,
    by: Way = "typical",
    *,
    run: Path | None = None,
    count: int | None = None,
    seed: int = 0,
    device: str = "auto",
    progress: Callable[[float], None] = lambda fraction: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> tuple[Suggestion, ...]:
    """Order the cases that are not completed; labels are not read.

    Parameters
    ----------
    project : Project
        Whose cases. Scans that cannot be read are passed over.
    by : {"typical", "uncertain", "random"}
        Most like the other unlabelled scans and least like the labelled ones; those of which a model is least sure; or
        an order that the seed alone decides, the same whatever is completed or added meanwhile.
    run : Path or None
        Folder of the run that is unsure; None takes the newest that segments. A random order with a run is aware of
        the foreground: scans in which the run finds nothing come last.
    count : int or None
        How many are wanted; None returns all.
    seed : int
        Draws the random order.
    device : str
        Where the model runs: ``auto``, ``cpu``, ``cuda``, ...
    progress : callable
        Called with the fraction done, 0 to 1.
    cancelled : callable
        Asked between parts; once it says True, nothing is returned.

    Returns
    -------
    tuple of Suggestion
        The one to label next comes first; each further one supposes that those before it are labelled. Empty where all
        cases are completed.

    Raises
    ------
    UserError
        If a model is needed and there is none, modalities are mixed, or no scan can be read.
    """

    def tick() -> None:
        if cancelled():
            raise _CancelledError

    cases = open_cases(project)
    if not cases:
        return ()
    try:
        return _SEARCHES[by](Search(project, cases, run, count, seed, device, progress, tick))[:count]
    except _CancelledError:
        return ()

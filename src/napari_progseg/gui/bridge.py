"""From a run folder to the window: events followed in a worker, thinned, and handed over at most ten times a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..training.events import Event, Previewed, Restored, StepDone
from . import engine

_AT_MOST_EVERY = 0.1
_LOSS_EVERY = 0.2
_MOST_BATCH = 2000


@dataclass(frozen=True, eq=False)
class Preview:
    """The live prediction of a case: label values on its canonical grid."""

    step: int
    case: str
    labels: NDArray[Any]


@dataclass(frozen=True, eq=False)
class Triplet:
    """A slice of a case before and after its distortion, and restored: (Y, X) uint8."""

    step: int
    case: str
    original: NDArray[np.uint8]
    distorted: NDArray[np.uint8]
    restored: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class News:
    """What happened in a run since the last news."""

    events: tuple[Event, ...]
    preview: Preview | None = None
    triplet: Triplet | None = None


def following(run_dir: Path) -> Callable[[threading.Event], Iterator[News | None]]:
    """Return steps that follow a run from its beginning until it ends or the job is stopped."""

    def steps(stop: threading.Event) -> Iterator[News | None]:
        thinned = Thinner()
        batch: list[Event] = []
        last = time.monotonic()
        for event in engine.follow(run_dir):
            if stop.is_set():
                return
            if event is not None:
                batch.append(event)
            due = time.monotonic() - last >= _AT_MOST_EVERY or len(batch) >= _MOST_BATCH
            if event is None or due:
                yield _news(run_dir, batch, thinned) if batch else None
                batch, last = [], time.monotonic()
        yield _news(run_dir, batch, thinned)

    return steps


def _news(run_dir: Path, batch: list[Event], thinned: Thinner) -> News:
    return News(thinned(batch), read_preview(run_dir, batch), read_triplet(run_dir, batch))


class Thinner:
    """Drops steps that follow each other closely; everything else passes."""

    def __init__(self) -> None:
        self._last = -_LOSS_EVERY

    def __call__(self, events: Iterable[Event]) -> tuple[Event, ...]:
        """Return the events that are worth showing; the newest step always is."""
        events = list(events)
        newest = max((n for n, event in enumerate(events) if isinstance(event, StepDone)), default=-1)
        return tuple(event for n, event in enumerate(events) if self._passes(event) or n == newest)

    def _passes(self, event: Event) -> bool:
        if not isinstance(event, StepDone):
            return True
        if 0 <= event.seconds - self._last < _LOSS_EVERY:
            return False
        self._last = event.seconds
        return True


def read_preview(run_dir: Path, events: Iterable[Event]) -> Preview | None:
    """Load the newest preview among the events; None if there is none or it was pruned meanwhile."""
    newest, arrays = _newest(run_dir, events, Previewed)
    return Preview(newest.step, newest.case, arrays["labels"]) if "labels" in arrays else None


def read_triplet(run_dir: Path, events: Iterable[Event]) -> Triplet | None:
    """Load the newest restored slice among the events; None if there is none or it was pruned meanwhile."""
    newest, arrays = _newest(run_dir, events, Restored)
    three = [arrays[name] for name in ("original", "distorted", "restored") if name in arrays]
    return Triplet(newest.step, newest.case, *three) if len(three) == 3 else None


def _newest(run_dir: Path, events: Iterable[Event], kind: type[Event]) -> tuple[Any, dict[str, NDArray[Any]]]:
    """Return the newest event of a kind and the arrays of its file, none if it cannot be read."""
    newest = None
    for event in events:
        if isinstance(event, kind):
            newest = event
    if newest is None:
        return None, {}
    try:
        with np.load(run_dir / newest.path) as stored:
            return newest, dict(stored)
    except (OSError, ValueError, KeyError):
        return newest, {}

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

from ..training.events import Event, Previewed, StepDone
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
class News:
    """What happened in a run since the last news."""

    events: tuple[Event, ...]
    preview: Preview | None = None


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
                yield News(thinned(batch), read_preview(run_dir, batch)) if batch else None
                batch, last = [], time.monotonic()
        yield News(thinned(batch), read_preview(run_dir, batch))

    return steps


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
    newest = None
    for event in events:
        if isinstance(event, Previewed):
            newest = event
    if newest is None:
        return None
    try:
        with np.load(run_dir / newest.path) as stored:
            return Preview(newest.step, newest.case, stored["labels"])
    except (OSError, ValueError, KeyError):
        return None

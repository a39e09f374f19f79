"""A run in the terminal: one bar with step, loss, validation Dice and time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import NoReturn

from tqdm import tqdm

from ..training.events import Continued, Event, Failed, Finished, Paused, Said, Started, StepDone, Validated
from .text import dice, duration, mm

_FORMAT = "{percentage:3.0f}%|{bar:24}| {desc}"
_SECONDS_TERMINAL, _SECONDS_LOG = 0.2, 30.0


@contextmanager
def fraction_bar() -> Iterator[Callable[[float], None]]:
    """Show a bar on stderr; yields what is to be called with the fraction done, in [0, 1]."""
    with _bar() as bar:
        yield lambda fraction: _set(bar, fraction)


class RunBar:
    """Shows the events of a run on stderr: a bar in a terminal, a line now and then in a log; a context manager.

    Attributes
    ----------
    last : Finished or Failed or None
        How the run ended, as far as it has been told.
    """

    def __init__(self) -> None:
        self.last: Finished | Failed | None = None
        self._score, self._best = "", "n/a"
        self._text = ""
        self._said = time.monotonic()
        self._bar = _bar()

    def __enter__(self) -> RunBar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def __str__(self) -> str:
        return self._text

    def show(self, events: Iterable[Event | None]) -> Finished | Failed | None:
        """Show all events; returns how the run ended, None where the events broke off."""
        for event in events:
            if event is not None:
                self.tell(event)
        return self.last

    def tell(self, event: Event) -> None:
        """Show one event."""
        match event:
            case StepDone():
                self._step(event)
            case Validated():
                self._validated(event)
            case Finished() | Failed():
                self.last = event
            case Started(sentence=text) | Said(text=text):
                self._say(text)
            case Paused(step=step):
                self._say(f"paused at step {step}; continue with progseg resume")
            case Continued(step=step):
                self._say(f"continued at step {step}")

    def _step(self, event: StepDone) -> None:
        left = event.seconds * (1 - event.progress) / event.progress if event.progress > 0 else None
        parts = [f"step {event.step}", f"loss {event.loss:.3f}"]
        if self._score:
            parts.append(f"{self._score} (best {self._best})")
        if left is not None:
            parts.append(f"{duration(left)} left")
        self._text = " · ".join(parts)
        self._bar.set_description_str(self._text, refresh=False)
        _set(self._bar, event.progress)
        if self._bar.disable and time.monotonic() - self._said > _SECONDS_LOG:
            self._say(self._text)

    def _validated(self, event: Validated) -> None:
        value = dice(event.mean_dice) if event.mean_mm is None else mm(event.mean_mm)
        self._score = f"Dice {value}" if event.mean_mm is None else f"distance {value}"
        if event.best:
            self._best = value
        mark = ", the best so far" if event.best else ""
        self._say(f"step {event.step}: validation {self._score}{mark}")

    def _say(self, text: str) -> None:
        self._said = time.monotonic()
        self._bar.write(text, file=sys.stderr)


def _bar() -> tqdm[NoReturn]:
    return tqdm(
        total=1.0,
        bar_format=_FORMAT,
        mininterval=_SECONDS_TERMINAL,
        miniters=0,
        file=sys.stderr,
        leave=False,
        disable=not sys.stderr.isatty(),
    )


def _set(bar: tqdm[NoReturn], fraction: float) -> None:
    # set, not added: a resumed run repeats steps
    bar.update(fraction - bar.n)

"""What Ctrl-C means while something runs that can be saved."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALLED = 128


@contextmanager
def on_first_signal(ask: Callable[[], None] = lambda: None) -> Iterator[list[int]]:
    """Call `ask` at the first Ctrl-C or SIGTERM instead of ending; a second Ctrl-C interrupts at once.

    Yields
    ------
    list of int
        The signals received so far.
    """
    received: list[int] = []

    def heard(number: int, frame: FrameType | None) -> None:
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)
        ask()

    before: dict[int, Any] = {number: signal.signal(number, heard) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""One long thing in the background: how far it is, how long it still takes, and the way to end it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from .background import Background, Job, Steps

_TICK_MS = 200
_FEWEST_SECONDS = 2.0


class LongJob(QObject):
    """At most one job at a time. Lives on the GUI thread; `tell` may be called from the worker."""

    changed = Signal()

    def __init__(self, background: Background) -> None:
        super().__init__()
        self._background = background
        self._job: Job | None = None
        self._began = 0.0
        self.fraction = 0.0
        self.text = ""
        self._ticker = QTimer(self)
        self._ticker.setInterval(_TICK_MS)
        self._ticker.timeout.connect(self.changed)

    @property
    def running(self) -> bool:
        """Whether it is at work."""
        return self._job is not None

    @property
    def seconds_left(self) -> float | None:
        """What remains by the pace so far; None where that cannot be told yet."""
        spent = time.monotonic() - self._began
        return seconds_left(spent, self.fraction) if self.running else None

    def start(
        self, title: str, text: str, steps: Steps, on_value: Callable[[Any], None], on_end: Callable[[], None]
    ) -> None:
        """Start, unless one runs already; `on_end` is not called when it is cancelled."""
        if self.running:
            return
        self._began, self.fraction, self.text = time.monotonic(), 0.0, text

        def ended() -> None:
            self._finish()
            on_end()

        self._job = self._background.start(title, steps, on_value, ended)
        self._ticker.start()
        self.changed.emit()

    def tell(self, fraction: float, text: str | None = None) -> None:
        """Say how far it is, 0 to 1, and what is being done."""
        self.fraction = fraction
        self.text = self.text if text is None else text

    def cancel(self) -> None:
        """End it; returns at once."""
        if self._job is not None:
            self._job.cancel()
            self._finish()

    def _finish(self) -> None:
        self._job = None
        self._ticker.stop()
        self.changed.emit()


def seconds_left(spent: float, fraction: float) -> float | None:
    """Extrapolate; None in the first two seconds or where nothing is done."""
    return spent * (1 - fraction) / fraction if fraction > 0 and spent >= _FEWEST_SECONDS else None

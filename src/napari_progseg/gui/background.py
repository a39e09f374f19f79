"""Work beside the window: napari workers whose errors arrive as values and whose late news is dropped."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from napari.qt.threading import GeneratorWorker, create_worker
from qtpy.QtCore import QObject, QThreadPool, Signal

from ..errors import UserError

_log = logging.getLogger(__name__)
_SURE_FRACTION = 0.02


class CancelledError(Exception):
    """Raised inside a job, where it tells how far it is, once it was cancelled."""


class Flag(threading.Event):
    """Set to end a job; the job tells it how far it is."""

    def __init__(self) -> None:
        super().__init__()
        self.fraction: float | None = None
        self.doing = ""  # what it works on now, in place of the job's text

    def told(self, fraction: float) -> None:
        """Note the fraction done, for functions that take a `progress`; ends the job here if it was cancelled.

        Raises
        ------
        CancelledError
            If the flag is set.
        """
        if self.is_set():
            raise CancelledError
        self.fraction = fraction


Steps = Callable[[Flag], Iterator[Any]]


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong in the background, in a sentence for the user."""

    text: str


class Job:
    """A running worker and the flag that ends it.

    Parameters
    ----------
    text : str
        What the user reads while it runs; empty for short work that needs no word.
    on_end : callable or None
        Called on the GUI thread when it has ended by itself or was given up.
    """

    def __init__(self, text: str = "", on_end: Callable[[], None] | None = None) -> None:
        self._text = text
        self.stop = Flag()
        self.worker: GeneratorWorker | None = None
        self._on_end = on_end
        self._began = time.monotonic()

    @property
    def text(self) -> str:
        """What the user reads now."""
        return self.stop.doing or self._text

    def cancel(self) -> None:
        """Ask the job to end; returns at once and no more values arrive."""
        self.stop.set()
        if self.worker is not None:
            self.worker.quit()

    def give_up(self) -> None:
        """Cancel for the user: whoever started it is told that it has ended."""
        if not self.stop.is_set():
            self.cancel()
            self.end()

    def end(self) -> None:
        """Tell whoever started it that it has ended."""
        if self._on_end is not None:
            self._on_end()

    @property
    def seconds(self) -> float:
        """Time since it began."""
        return time.monotonic() - self._began

    @property
    def seconds_left(self) -> float | None:
        """Time to go at the pace so far; None while that is unknown."""
        done = self.stop.fraction
        return None if done is None or done < _SURE_FRACTION else self.seconds * (1 - done) / done


class Background(QObject):
    """The workers of one dock. Lives on the GUI thread; values arrive there too.

    Qt's pool has as many threads as there are cores; every job brings its own beyond those. So none waits for another,
    and labels are saved and clicks answered while others take hours.
    """

    changed = Signal()  # a job began or ended

    def __init__(self) -> None:
        super().__init__()
        self._jobs: list[Job] = []
        self._closed = False

    def start(
        self,
        title: str,
        steps: Steps,
        on_value: Callable[[Any], None] | None = None,
        on_end: Callable[[], None] | None = None,
        text: str = "",
    ) -> Job:
        """Run a generator in a napari worker.

        Parameters
        ----------
        title : str
            What runs, as napari names it when it asks before closing.
        steps : callable
            Gets the job's flag and returns a generator; it must look at the flag at least twice a second where
            it can, and may raise: a `Problem` arrives instead.
        on_value, on_end : callable
            Called on the GUI thread with every value that is not None, and when the job has ended by itself or was
            given up by the user.
        text : str
            Anything that may take seconds has a text: the dock shows it with progress, time left and *Cancel*.
        """
        job = Job(text, on_end)

        def work() -> Iterator[Any]:
            yield from _guarded(steps, job.stop)

        work.__qualname__ = title

        def deliver(value: Any) -> None:
            if value is not None and on_value is not None and not (self._closed or job.stop.is_set()):
                on_value(value)

        def ended() -> None:
            self._jobs.remove(job)
            job.worker = None
            QThreadPool.globalInstance().reserveThread()
            if not self._closed:
                if not job.stop.is_set():
                    job.end()
                self.changed.emit()

        job.worker = create_worker(work)
        job.worker.yielded.connect(deliver)
        job.worker.finished.connect(ended)
        self._jobs.append(job)
        QThreadPool.globalInstance().releaseThread()
        job.worker.start()
        self.changed.emit()
        return job

    @property
    def shown(self) -> tuple[Job, ...]:
        """The running jobs that have a text, oldest first."""
        return tuple(job for job in self._jobs if job.text and not job.stop.is_set())

    @property
    def busy(self) -> bool:
        """Whether any worker still runs."""
        return bool(self._jobs)

    @property
    def closed(self) -> bool:
        """Whether all work was ended for good."""
        return self._closed

    def close(self) -> None:
        """End all jobs; nothing they still send is delivered."""
        self._closed = True
        for job in list(self._jobs):
            job.cancel()


def _guarded(steps: Steps, stop: Flag) -> Iterator[Any]:
    """Yield what the steps yield; an error becomes a `Problem`, because napari's workers trip over exceptions."""
    try:
        yield from steps(stop)
    except CancelledError:
        return
    except UserError as error:
        yield Problem(str(error))
    except MemoryError:
        yield Problem("There is not enough memory; all saved work is safe. Close other programs and try again.")
    except Exception as error:  # noqa: BLE001  whatever it is, the user is told and the window lives
        _log.exception("background work failed")
        yield Problem(
            f"Something unexpected happened ({type(error).__name__}: {error}); all saved work is safe. "
            "Try again, and report it if it happens twice."
        )


def called(function: Callable[..., Any], *args: Any) -> Steps:
    """Turn a plain call into steps that yield its result."""

    def steps(stop: Flag) -> Iterator[Any]:
        yield function(*args)

    return steps


def telling(function: Callable[..., Any], *args: Any) -> Steps:
    """Turn a call that takes `progress` last into steps; it can be cancelled wherever it tells its progress."""

    def steps(stop: Flag) -> Iterator[Any]:
        yield function(*args, stop.told)

    return steps

"""Work beside the window: napari workers whose errors arrive as values and whose late news is dropped."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from napari.qt.threading import GeneratorWorker, create_worker

from ..errors import UserError

_log = logging.getLogger(__name__)
Steps = Callable[[threading.Event], Iterator[Any]]


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong in the background, in a sentence for the user."""

    text: str


class Job:
    """A running worker and the flag that ends it."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self.worker: GeneratorWorker | None = None

    def cancel(self) -> None:
        """Ask the job to end; returns at once and no more values arrive."""
        self.stop.set()
        if self.worker is not None:
            self.worker.quit()


class Background:
    """The workers of one dock. Lives on the GUI thread; values arrive there too."""

    def __init__(self) -> None:
        self._jobs: set[Job] = set()
        self._closed = False

    def start(
        self,
        title: str,
        steps: Steps,
        on_value: Callable[[Any], None] | None = None,
        on_end: Callable[[], None] | None = None,
    ) -> Job:
        """Run a generator in a napari worker.

        Parameters
        ----------
        title : str
            What runs, as napari names it when it asks before closing.
        steps : callable
            Gets the job's stop flag and returns a generator; it must look at the flag at least twice a second where
            it can, and may raise: a `Problem` arrives instead.
        on_value, on_end : callable
            Called on the GUI thread with every value that is not None, and when the job has ended by itself.
        """
        job = Job(threading.Event())

        def work() -> Iterator[Any]:
            yield from _guarded(steps, job.stop)

        work.__qualname__ = title

        def deliver(value: Any) -> None:
            if value is not None and on_value is not None and not (self._closed or job.stop.is_set()):
                on_value(value)

        def ended() -> None:
            self._jobs.discard(job)
            job.worker = None
            if on_end is not None and not (self._closed or job.stop.is_set()):
                on_end()

        job.worker = create_worker(work)
        job.worker.yielded.connect(deliver)
        job.worker.finished.connect(ended)
        self._jobs.add(job)
        job.worker.start()
        return job

    @property
    def busy(self) -> bool:
        """Whether any worker still runs."""
        return bool(self._jobs)

    def close(self) -> None:
        """End all jobs; nothing they still send is delivered."""
        self._closed = True
        for job in list(self._jobs):
            job.cancel()


def _guarded(steps: Steps, stop: threading.Event) -> Iterator[Any]:
    """Yield what the steps yield; an error becomes a `Problem`, because napari's workers trip over exceptions."""
    try:
        yield from steps(stop)
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

    def steps(stop: threading.Event) -> Iterator[Any]:
        yield function(*args)

    return steps

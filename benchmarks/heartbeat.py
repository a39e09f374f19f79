"""How late Qt's event loop is, and what the main thread did meanwhile."""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType

from qtpy.QtCore import QObject, Qt, QTimer

from napari_progseg.storage.atomic import write_json

_BEAT_MS = 5
_LONG_SECONDS = 0.1
_LOOK_SECONDS = 0.02


@dataclass(frozen=True)
class Delay:
    """One beat that came late.

    Parameters
    ----------
    step : str
        What the window was used for.
    seconds : float
        How long no event could be handled.
    stack : str
        Where the main thread was in the middle of it, innermost last; empty where nobody looked.
    """

    step: str
    seconds: float
    stack: str = ""


@dataclass
class _Watched:
    """What both threads know of the main thread."""

    ident: int
    beat: float
    stack: str = ""
    ended: threading.Event = field(default_factory=threading.Event)


class Heartbeat(QObject):
    """A timer that beats every 5 ms in the event loop; a beat that comes late is a stall that a user may feel.

    Make and use it on the GUI thread. `step` names what is going on from then on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.step = ""
        self.delays: list[Delay] = []
        self._watched = _Watched(threading.get_ident(), time.perf_counter())
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(_BEAT_MS)
        self._timer.timeout.connect(self._beat)
        self._watcher = threading.Thread(target=_watch, args=(self._watched,), daemon=True)

    def start(self) -> None:
        """Begin to beat."""
        self._watched.beat = time.perf_counter()
        self._timer.start()
        self._watcher.start()

    def stop(self) -> None:
        """Beat no more."""
        self._timer.stop()
        self._watched.ended.set()
        self._watcher.join()

    def _beat(self) -> None:
        now = time.perf_counter()
        late = now - self._watched.beat - _BEAT_MS / 1000
        self._watched.beat = now
        stack, self._watched.stack = self._watched.stack, ""
        self.delays.append(Delay(self.step, max(0.0, late), stack if late > _LONG_SECONDS else ""))

    def steps(self) -> tuple[str, ...]:
        """Return the steps in the order in which they began."""
        return tuple(dict.fromkeys(delay.step for delay in self.delays))

    def of(self, step: str) -> list[Delay]:
        """Return the delays of a step, longest first."""
        return sorted((delay for delay in self.delays if delay.step == step), key=lambda each: -each.seconds)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of them lies; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(share * (len(ordered) - 1)))] if ordered else 0.0


def write_delays(beat: Heartbeat, path: Path) -> None:
    """Write how late the event loop was in each step."""
    steps = {
        step: {
            "beats": len(beat.of(step)),
            "p99_ms": round(1000 * percentile([each.seconds for each in beat.of(step)], 0.99), 1),
            "longest": [asdict(each) for each in beat.of(step)[:5]],
        }
        for step in beat.steps()
    }
    write_json(path, steps)


def _watch(watched: _Watched) -> None:
    """Keep the main thread's stack where its beat is overdue."""
    while not watched.ended.wait(_LOOK_SECONDS):
        frame = sys._current_frames().get(watched.ident)  # noqa: SLF001  the only way to another thread
        if frame is not None and not watched.stack and time.perf_counter() - watched.beat > _LONG_SECONDS:
            watched.stack = _told(frame)


def _told(frame: FrameType) -> str:
    places = traceback.extract_stack(frame)[-12:]
    return " > ".join(f"{place.filename.rpartition('/')[2]}:{place.lineno} {place.name}" for place in places)

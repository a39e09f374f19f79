"""The outside view of a run folder: follow it, ask it for something, say how it stands."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from ..storage.atomic import DamagedFileError, read_json, write_json
from ..storage.journal import read_new
from .events import Event, Failed, Finished, Paused, StepDone, Validated, from_line

Want = Literal["run", "pause", "stop"]
State = Literal["new", "running", "paused", "finished", "stopped", "failed", "dead"]

EVENTS, ALIVE, REQUEST, CONFIG = "events.jsonl", "alive.json", "request.json", "config.json"
SILENT_SECONDS = 30.0
_TAIL_BYTES = 256 * 1024


@dataclass(frozen=True)
class RunStatus:
    """How a run stands.

    Parameters
    ----------
    seconds, seconds_left : float, float or None
        Time of training, and the estimate of what remains.
    message : str
        Why it failed, where it did.
    best_mm : float or None
        Smallest mean surface distance of a run of task ``shape``, which has no Dice.
    """

    name: str
    task: str
    state: State
    step: int
    progress: float
    mean_dice: float | None
    best_dice: float | None
    seconds: float
    seconds_left: float | None
    train_cases: tuple[str, ...]
    message: str = ""
    best_mm: float | None = None


def request(run_dir: Path, want: Want | None = None, preview: str | None = None, z: int | None = None) -> None:
    """Ask a run to go on, pause or stop, or for a live preview of a case; what is not named stays as it was.

    Parameters
    ----------
    preview : str or None
        A case; "" ends the previews.
    z : int or None
        The slice that a restoration run shows, counted along the volume's first axis; None for the middle one.
    """
    document = read_request(run_dir)
    if want is not None:
        document["want"] = want
    if preview is not None:
        document["preview"] = {"case": preview, **({} if z is None else {"z": z})} if preview else None
    write_json(run_dir / REQUEST, document, durable=False)


def read_request(run_dir: Path) -> dict[str, Any]:
    """Return the standing request of a run."""
    try:
        document = read_json(run_dir / REQUEST)
    except (FileNotFoundError, DamagedFileError):
        return {"want": "run", "preview": None}
    return document if isinstance(document, dict) else {"want": "run", "preview": None}


def beat(run_dir: Path, count: int, process: psutil.Process | None = None) -> None:
    """Say that a process works on the run."""
    process = process or psutil.Process()
    record = {"pid": process.pid, "host": socket.gethostname(), "started": process.create_time(), "count": count}
    write_json(run_dir / ALIVE, record, durable=False)


def is_alive(run_dir: Path, *, besides: int | None = None) -> bool:
    """Say whether a process (other than `besides`, a pid of this host) works on the run.

    On another host that is believed while `alive.json` is there.
    """
    try:
        record = read_json(run_dir / ALIVE)
    except (FileNotFoundError, DamagedFileError):
        return False
    if record["host"] != socket.gethostname():
        return True
    if record["pid"] == besides:
        return False
    try:
        process = psutil.Process(record["pid"])
        same = abs(process.create_time() - record["started"]) < 1
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


class _Pulse:
    """Judges by the reader's own clock whether the counter of a distant run stands still."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._last: object = None
        self._since = time.monotonic()

    def beats(self) -> bool:
        if not is_alive(self._run_dir):
            return False
        try:
            record = read_json(self._run_dir / ALIVE)
        except (FileNotFoundError, DamagedFileError):
            return True
        if record["host"] == socket.gethostname():
            return True  # the process was seen; on a busy machine its counter may stand still for long
        if record["count"] != self._last:
            self._last, self._since = record["count"], time.monotonic()
        return time.monotonic() - self._since < SILENT_SECONDS


def follow(run_dir: Path, *, poll: float = 0.2, from_start: bool = True) -> Iterator[Event | None]:
    """Yield the events of a run as they are written, and None on every look that finds none.

    Ends when the run has ended, or when its process is gone.
    """
    path = run_dir / EVENTS
    offset = 0 if from_start or not path.exists() else path.stat().st_size
    pulse = _Pulse(run_dir)
    while True:
        beats = pulse.beats()
        lines, offset = read_new(path, offset)
        for line in lines:
            if (event := from_line(line)) is not None:
                yield event
        if not lines:
            if not beats:
                return
            yield None
            time.sleep(poll)


def status(run_dir: Path) -> RunStatus:
    """Read how a run stands from its files."""
    config = read_json(run_dir / CONFIG)
    events = _tail(run_dir / EVENTS)
    step = next((e for e in reversed(events) if isinstance(e, StepDone)), None)
    checked = next((e for e in reversed(events) if isinstance(e, Validated)), None)
    end = next((e for e in reversed(events) if not isinstance(e, Validated)), None)
    state = _state(run_dir, end)
    seconds, progress = (step.seconds, step.progress) if step else (0.0, 0.0)
    if isinstance(end, Finished) and end.reason == "budget":
        progress = 1.0
    left = seconds * (1 - progress) / progress if step and progress > 0 and state in ("running", "paused") else None
    return RunStatus(
        run_dir.name,
        config["task"],
        state,
        step.step if step else 0,
        progress,
        checked.mean_dice if checked else None,
        _best(run_dir, "dice"),
        seconds,
        left,
        tuple(config["train"]),
        end.message if isinstance(end, Failed) else "",
        _best(run_dir, "mm"),
    )


def _state(run_dir: Path, end: Event | None) -> State:
    if is_alive(run_dir):
        return "paused" if isinstance(end, Paused) else "running"
    if isinstance(end, Finished):
        return "finished" if end.reason == "budget" else "stopped"
    if isinstance(end, Failed):
        return "failed"
    return "new" if end is None else "dead"


def _best(run_dir: Path, measure: str) -> float | None:
    try:
        return float(read_json(run_dir / "checkpoints" / "best.json")[measure])
    except (FileNotFoundError, DamagedFileError, KeyError, TypeError):
        return None


def _tail(path: Path) -> list[Event]:
    """Return the last events; enough for the status, however long the run."""
    if not path.exists():
        return []
    with path.open("rb") as stream:
        stream.seek(max(0, os.path.getsize(path) - _TAIL_BYTES))
        lines = stream.read().decode("utf-8", errors="replace").splitlines()
    return [event for line in lines if (event := from_line(line)) is not None]

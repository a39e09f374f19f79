"""Kill napari, kill the trainer, close the window at random moments of the day, and look whether anything is lost.

``python benchmarks/crashes.py DATA OUT --moments 20`` lives the short day of `annotators_day.py` again and again, ends
each at another moment, opens the project as the dock would, and compares clicks and labels with what had been shown as
done. Prints a line a moment; ends with 1 if something was lost.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psutil

from day_props import checksum
from napari_progseg.gui.reading import read_case
from napari_progseg.project import CaseState, Project
from napari_progseg.training.watch import status

HERE = Path(__file__).resolve().parent
End = Literal["napari killed", "trainer killed", "window closed"]
ENDS: tuple[End, ...] = ("napari killed", "trainer killed", "window closed")
DEEDS = 42  # of a short day
_PATIENCE_SECONDS, _DYING_SECONDS, _MOST_DELAY_SECONDS = 900.0, 10.0, 1.5
_ALIVE = ("running", "paused")
Deed = dict[str, Any]


@dataclass(frozen=True)
class Moment:
    """When and how a day ends.

    Parameters
    ----------
    how : str
        One of `ENDS`.
    deeds : int
        After so many deeds; a trainer is killed once there is one.
    delay : float
        Seconds after that.
    """

    how: End
    deeds: int
    delay: float


def main() -> None:
    """Live and end the days."""
    parser = argparse.ArgumentParser(description="End a day at random moments and look what is lost.")
    parser.add_argument("data", type=Path, help="folder with images/ and labels/")
    parser.add_argument("out", type=Path, help="a folder for the days")
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--elsewhere", type=Path, help="a trained run of another centre; the first day makes one")
    asked = parser.parse_args()
    rng = random.Random(asked.seed)
    elsewhere, lost = asked.elsewhere, 0
    for number in range(asked.moments):
        moment = Moment(ENDS[number % len(ENDS)], rng.randint(3, DEEDS), rng.uniform(0, _MOST_DELAY_SECONDS))
        day = asked.out / f"day-{number:02d}"
        end_a_day(asked.data, day, moment, elsewhere)
        elsewhere = elsewhere or next((day / "elsewhere" / "study" / "runs").iterdir())
        found = list(losses(day))
        lost += len(found)
        print(f"{number:2} {moment.how:15} {where(read_deeds(day))}: {'; '.join(found) or 'nothing lost'}", flush=True)
    raise SystemExit(1 if lost else 0)


def where(deeds: list[Deed]) -> str:
    """Say at which moment the day ended."""
    last = deeds[-1] if deeds else {"what": "nothing"}
    return f"after {len(deeds)} deeds, the last {last['what']} {last.get('case', last.get('name', ''))}".rstrip()


def end_a_day(data: Path, day: Path, moment: Moment, elsewhere: Path | None) -> None:
    """Begin a day and end it at a moment, or let it end by itself where that comes first."""
    words = [sys.executable, HERE / "annotators_day.py", data, day, "--short"]
    words += ["--elsewhere", elsewhere] if elsewhere else []
    words += ["--leave-after", moment.deeds] if moment.how == "window closed" else []
    running = subprocess.Popen([str(word) for word in words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if moment.how != "window closed":
        wait_until(lambda: len(read_deeds(day)) >= moment.deeds or running.poll() is not None)
        if moment.how == "trainer killed":
            wait_until(lambda: trainers(day) or running.poll() is not None)
        time.sleep(moment.delay)
    if moment.how == "napari killed":
        running.kill()
    elif moment.how == "trainer killed":
        end(trainers(day)[-1:])
    running.wait(_PATIENCE_SECONDS)
    end(trainers(day))
    wait_until(lambda: not trainers(day))


def losses(day: Path) -> Iterator[str]:
    """Compare the disk with what had been shown as done."""
    deeds = read_deeds(day)
    root = day / "study"
    if not (root / "progseg.json").exists():
        if any(deed["what"] in ("click", "labels", "completed") for deed in deeds):
            yield "the project"
        return
    project = Project.open(root)
    for case in {deed["case"] for deed in deeds if "case" in deed}:
        yield from losses_of(project, case, [deed for deed in deeds if deed.get("case") == case])
    for run in project.runs():
        # a killed process takes a moment to be gone
        wait_until(lambda run=run: status(run).state not in _ALIVE, _DYING_SECONDS)
        if status(run).state in _ALIVE:
            yield f"{run.name} is said to be running"


def losses_of(project: Project, case: str, deeds: list[Deed]) -> Iterator[str]:
    """Compare clicks and labels of a case; what was under way may have happened or not."""
    read = read_case(project, case)
    under_way = deeds[-1]["what"] == "intent"
    clicks = [deed["clicks"] for deed in deeds if deed["what"] == "click"]
    standing = len(read.past.history.clicks)
    if clicks and standing != clicks[-1] and not under_way:
        yield f"{case}: {clicks[-1]} clicks were shown, {standing} are there"
    labels = [deed["checksum"] for deed in deeds if deed["what"] == "labels"]
    if labels and checksum(read.labels) != labels[-1] and not under_way:
        yield f"{case}: the labels are not those that were shown"
    if deeds[-1]["what"] == "completed" and project.case(case).state is not CaseState.COMPLETED:
        yield f"{case}: was completed"


def read_deeds(day: Path) -> list[Deed]:
    """Return what the window has shown so far."""
    path = day / "deeds.jsonl"
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


def trainers(day: Path) -> list[int]:
    """Return the processes that the day started and that still run, oldest first."""
    pids = [deed["pid"] for deed in read_deeds(day) if deed["what"] == "training" and deed["pid"]]
    return [pid for pid in pids if psutil.pid_exists(pid) and _is_of(pid, day)]


def _is_of(pid: int, day: Path) -> bool:
    try:
        return str(day.resolve()) in " ".join(psutil.Process(pid).cmdline())
    except psutil.Error:
        return False


def end(pids: list[int]) -> None:
    """Kill processes at once."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def wait_until(holds: Any, seconds: float = _PATIENCE_SECONDS) -> None:
    """Wait until something holds, or no longer than so many seconds."""
    stop = time.monotonic() + seconds
    while not holds() and time.monotonic() < stop:
        time.sleep(0.02)


if __name__ == "__main__":
    main()

"""What the events of a run tell afterwards: its validation curve, and what it took."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..storage.journal import read_new
from ..training.events import Event, Started, StepDone, Validated, from_line
from ..training.watch import EVENTS
from .rows import Cost, Point


def history_of(run_dir: Path) -> tuple[tuple[Point, ...], Cost]:
    """Read curve and cost of a run from its folder."""
    return told_by(_events(run_dir / EVENTS))


def told_by(events: Iterable[Event]) -> tuple[tuple[Point, ...], Cost]:
    """Read curve and cost; steps that an interrupted run repeated count once."""
    steps: dict[int, StepDone] = {}
    checks: dict[int, Validated] = {}
    for event in events:
        match event:
            case Started(step=step):
                steps = {number: each for number, each in steps.items() if number <= step}
                checks = {number: each for number, each in checks.items() if number <= step}
            case StepDone():
                steps[event.step] = event
            case Validated():
                checks[event.step] = event
    spent, points = 0.0, []
    for check in checks.values():
        seconds = max(0.0, check.seconds - spent)
        points.append(Point(step=check.step, seconds=seconds, dice=check.mean_dice, mm=check.mean_mm))
        spent += check.took
    return tuple(points), _cost(list(steps.values()), list(checks.values()))


def _cost(steps: list[StepDone], checks: list[Validated]) -> Cost:
    last = steps[-1] if steps else None
    # the clock of the last step has not seen the validation that follows it
    before = sum(check.took for check in checks if last is not None and check.step < last.step)
    return Cost(
        steps=last.step if last else 0,
        voxels=sum(step.batch * math.prod(step.patch) for step in steps),
        seconds=max(0.0, last.seconds - before) if last else 0.0,
        validation_seconds=sum(check.took for check in checks),
    )


def _events(path: Path) -> Iterator[Event]:
    offset = 0
    while True:
        lines, offset = read_new(path, offset)
        if not lines:
            return
        yield from (event for line in lines if (event := from_line(line)) is not None)

"""What the commands of ``study`` say while they work: a line a run, a bar within it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from .progress import fraction_bar
from .text import dice, duration, mm

if TYPE_CHECKING:
    from ..studies.effort_run import EffortEvent, PatientLabelled
    from ..studies.grid import CellScored
    from ..studies.rows import Row

# of shapes; what every scale reached is in the report
_TOLD_MM = ("surface", "largest", "points")


def tell(events: Iterable[EffortEvent], write: Callable[[], Path | None]) -> None:
    """Show a line a run, and a bar within it where there is a terminal."""
    from ..studies.effort_run import PatientLabelled
    from ..studies.grid import CellBegan, CellScored, RunBegan
    from ..training.events import StepDone

    seed: int | None = None
    with fraction_bar() as progress:
        for event in events:
            match event:
                case CellBegan(cell=cell):
                    if seed not in (None, cell.seed):
                        write()
                    seed = cell.seed
                case RunBegan(cell=cell, run_dir=run):
                    typer.echo(f"training {run.name}: {cell.config.task} on {len(cell.config.train)} cases")
                case PatientLabelled():
                    typer.echo(_labelled(event))
                case CellScored():
                    typer.echo(_line(event))
                case StepDone():
                    progress(event.progress)


def _line(event: CellScored) -> str:
    row = event.row
    left = "" if not event.seconds_left else f"; about {duration(event.seconds_left)} left"
    place = f"{row.group}, {row.patients} patient{'s' * (row.patients > 1)}, seed {row.seed}"
    return f"{event.done}/{event.total} {place}: test {_scores(row)}{left}"


def _scores(row: Row) -> str:
    if row.in_mm:
        return ", ".join(f"{measure} {mm(row.mean(measure))}" for measure in _TOLD_MM)
    return "Dice " + ", ".join(f"{_measure(measure)}{dice(row.mean(measure))}" for measure in row.measures)


def _labelled(event: PatientLabelled) -> str:
    patient = event.patient
    took = f"{patient.clicks} clicks, {patient.strokes} strokes of {patient.slices} slices"
    reached = f"Dice {dice(patient.before)} to {dice(patient.dice)}"
    return f"labelled {patient.case}: {patient.group}, patient {patient.place}, seed {patient.seed}: {took}, {reached}"


def _measure(measure: str) -> str:
    count, _, control = measure.partition(" ")
    named = {"0": "", "emptied": "emptied "}.get(measure, f"after {count} click ")
    return f"{named}{control} " if control else named

"""Command ``study``: experiments as grids of runs that can be interrupted and go on elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..errors import UserError
from .progress import fraction_bar
from .runs import Device
from .signals import SIGNALLED, on_first_signal
from .text import dice, duration

if TYPE_CHECKING:
    from ..studies.grid import Cell, CellScored, GridEvent
    from ..studies.rows import Row

app = typer.Typer(no_args_is_help=True, help="Run an experiment of many runs; called again, it goes on.")

_GROUPS = "Seg,SegPretrained,SegInter,SegPretrainedInter"


@app.callback()
def _studies() -> None:
    """Keep the name of the study a word of its own, also while there is one."""


@app.command("limited-data")
def limited_data(
    project: Annotated[Path, typer.Argument(help="Folder of the project.")],
    out: Annotated[Path, typer.Option(help="Folder of rows.jsonl and of the report.")],
    patients: Annotated[
        str | None, typer.Option(metavar="N,N", help="Training patients; the paper's numbers as far as there are some.")
    ] = None,
    groups: Annotated[str, typer.Option(metavar="NAME,NAME", help="What is compared.")] = _GROUPS,
    steps_per_run: Annotated[int | None, typer.Option(min=1, help="Budget of every run.")] = None,
    minutes_per_run: Annotated[float | None, typer.Option(min=0.01, help="Budget of every run, instead.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds; each draws its own training patients.")] = 5,
    first_seed: Annotated[int, typer.Option(min=0, help="Seeds count from here.")] = 0,
    pretrain_steps: Annotated[
        int | None, typer.Option(min=1, help="Budget of a seed's restoration run; 1.6 times that of a run if not said.")
    ] = None,
    pretrain_minutes: Annotated[float | None, typer.Option(min=0.01, help="The same in minutes.")] = None,
    test: Annotated[int | None, typer.Option(min=1, help="Test cases; the project's test part if not said.")] = None,
    validation: Annotated[int, typer.Option(min=1, help="Validation cases of every run.")] = 3,
    preset: Annotated[Literal["tiny", "default", "paper"], typer.Option(help="Preset of all runs.")] = "tiny",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="SECTION.FIELD=VALUE", help="A setting for all runs.")
    ] = None,
    frozen: Annotated[
        Path | None,
        typer.Option("--settings", metavar="FILE", help="Frozen settings per group, not the package's own."),
    ] = None,
    device: Device = "auto",
) -> None:
    """Compare scratch, restoration start, clicks and both on few training patients, at equal budgets.

    A finished run is a row of OUT/rows.jsonl and is never repeated; Ctrl-C stops within a step and saves.
    """
    if (steps_per_run is None) == (minutes_per_run is None):
        raise UserError("a study needs --steps-per-run or --minutes-per-run, one of the two; nothing was started")
    if pretrain_steps is not None and pretrain_minutes is not None:
        raise UserError("give --pretrain-steps or --pretrain-minutes, not both; nothing was started")
    from ..project import Project
    from ..studies.draw import draw_cases
    from ..studies.frozen import frozen_settings
    from ..studies.limited_data import STUDY, LimitedData, pretraining_budget
    from ..studies.limited_data_report import PAPER, Setting, write_limited_data
    from ..training.config import BudgetConfig

    opened = Project.open(project)
    draw = draw_cases(opened, test, validation)
    budget = BudgetConfig(steps=steps_per_run, minutes=minutes_per_run)
    study = LimitedData(
        patients=_numbers(patients) if patients else tuple(n for n in PAPER if n <= len(draw.pool)),
        groups=tuple(part.strip() for part in groups.split(",") if part.strip()),
        seeds=tuple(range(first_seed, first_seed + seeds)),
        budget=budget,
        pretraining=pretraining_budget(budget, pretrain_steps, pretrain_minutes),
        preset=preset,
        frozen=frozen_settings(STUDY, frozen),
        settings=tuple(settings or ()),
    )
    common = study.common(opened, draw, out)
    cells = study.cells(draw, common)
    own = "the package's own settings file" if frozen is None else frozen.name
    setting = Setting(study, draw, common, len(cells), len(opened.cases), own)
    _carry_out(project, cells, out, device, lambda rows: write_limited_data(out, setting, rows))


def _carry_out(
    root: Path, cells: Sequence[Cell], out: Path, device: str, report: Callable[[Sequence[Row]], Path | None]
) -> None:
    """Run what has no row yet, and write the report after every seed, at the end and when stopped."""
    from ..project import Project
    from ..studies.grid import run_grid
    from ..studies.rows import RowFile

    file = RowFile(out)

    def write() -> Path | None:
        known = file.read()
        return report([known[cell.key] for cell in cells if cell.key in known])

    with on_first_signal() as received:
        events = run_grid(Project.open(root), cells, file, device=device, stopping=lambda: bool(received))
        _tell(events, write)
    written = write()
    for problem in file.problems:
        typer.echo(f"note: {problem}")
    known = file.read()
    typer.echo(f"{sum(cell.key in known for cell in cells)} of {len(cells)} runs are done; rows: {file.path}")
    if written is not None:
        typer.echo(f"report: {written}")
    if received:
        typer.echo("stopped and saved; the same command goes on")
        raise typer.Exit(SIGNALLED + received[0])


def _tell(events: Iterable[GridEvent], write: Callable[[], Path | None]) -> None:
    """Show a line a run, and a bar within it where there is a terminal."""
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
                case CellScored():
                    typer.echo(_line(event))
                case StepDone():
                    progress(event.progress)


def _line(event: CellScored) -> str:
    row = event.row
    scores = ", ".join(f"{_measure(measure)}{dice(row.mean(measure))}" for measure in row.measures)
    left = "" if not event.seconds_left else f"; about {duration(event.seconds_left)} left"
    place = f"{row.group}, {row.patients} patient{'s' * (row.patients > 1)}, seed {row.seed}"
    return f"{event.done}/{event.total} {place}: test Dice {scores}{left}"


def _measure(measure: str) -> str:
    return {"0": "", "emptied": "emptied "}.get(measure, f"after {measure} click ")


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise UserError(f"{text!r} are no numbers of patients; nothing was started; write for instance 1,2,5") from None

"""What all commands of ``study`` ask for, and how they run a grid: the same options, terms and report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, TypeVar

import typer

from ..errors import UserError
from .signals import SIGNALLED, on_first_signal
from .study_lines import tell

if TYPE_CHECKING:
    from ..studies.arms import ArmStudy
    from ..studies.draw import Draw
    from ..studies.effort_run import EffortEvent
    from ..studies.grid import Cell
    from ..studies.limited_data import LimitedData
    from ..studies.report import Setting
    from ..studies.rows import Row, RowFile
    from ..studies.terms import Terms
    from ..training.config import BudgetConfig, PresetName

Study = TypeVar("Study", "LimitedData", "ArmStudy")
Events: TypeAlias = "Callable[[RowFile, Callable[[], bool]], Iterable[EffortEvent]]"

ProjectFolder = Annotated[Path, typer.Argument(help="Folder of the project.")]
OutFolder = Annotated[Path, typer.Option(help="Folder of rows.jsonl and of the report.")]
StepsPerRun = Annotated[int | None, typer.Option(min=1, help="Budget of every run.")]
MinutesPerRun = Annotated[float | None, typer.Option(min=0.01, help="Budget of every run, instead.")]
Seeds = Annotated[int, typer.Option(min=1, help="How many seeds; each draws its own training patients.")]
FirstSeed = Annotated[int, typer.Option(min=0, help="Seeds count from here.")]
TestCases = Annotated[int | None, typer.Option(min=1, help="Test cases; the project's test part if not said.")]
ValidationCases = Annotated[int, typer.Option(min=1, help="Validation cases of every run.")]
Preset = Annotated[Literal["tiny", "default", "paper"], typer.Option(help="Preset of all runs.")]
ForAll = Annotated[
    list[str] | None, typer.Option("--set", metavar="SECTION.FIELD=VALUE", help="A setting for all runs.")
]
Frozen = Annotated[
    Path | None, typer.Option("--settings", metavar="FILE", help="Frozen settings per group, not the package's own.")
]


def terms_of(
    study: str,
    groups: str,
    first_seed: int,
    seeds: int,
    budget: BudgetConfig,
    preset: PresetName,
    frozen: Path | None,
    settings: Sequence[str] | None,
) -> Terms:
    """Settle on what terms groups are compared; seeds count from `first_seed`."""
    from ..studies.frozen import frozen_settings
    from ..studies.terms import Terms

    counted = tuple(range(first_seed, first_seed + seeds))
    return Terms(_words(groups), counted, budget, preset, frozen_settings(study, frozen), tuple(settings or ()))


def compare(
    root: Path,
    out: Path,
    device: str,
    parts: tuple[int | None, int],
    made: Callable[[Draw], Study],
    frozen: Path | None,
    write: Callable[[Path, Setting[Study], Sequence[Row]], Path | None],
) -> None:
    """Draw `parts`, test and validation cases, and carry out the study that is made for the draw."""
    from ..project import Project
    from ..studies.draw import draw_cases
    from ..studies.report import Setting

    project = Project.open(root)
    draw = draw_cases(project, *parts)
    study = made(draw)
    common = study.common(project, draw, out)
    cells = study.cells(draw, common)
    setting = Setting(study, draw, common, len(cells), len(project.cases), settings_file(frozen))
    carry_out(cells, out, grid_of(root, cells, device), lambda rows: write(out, setting, rows))


def budget_of(steps: int | None, minutes: float | None) -> BudgetConfig:
    """Return the budget of a run: steps or minutes, one of the two."""
    from ..training.config import BudgetConfig

    if (steps is None) == (minutes is None):
        raise UserError("a study needs --steps-per-run or --minutes-per-run, one of the two; nothing was started")
    return BudgetConfig(steps=steps, minutes=minutes)


def settings_file(frozen: Path | None) -> str:
    """Name the file of the frozen settings."""
    return "the package's own settings file" if frozen is None else frozen.name


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def grid_of(root: Path, cells: Sequence[Cell], device: str) -> Events:
    """Return what runs these cells in a project."""
    from ..project import Project
    from ..studies.grid import run_grid

    return lambda file, stopping: run_grid(Project.open(root), cells, file, device=device, stopping=stopping)


def carry_out(cells: Sequence[Cell], out: Path, events: Events, report: Callable[[Sequence[Row]], Path | None]) -> None:
    """Run what has no row yet, and write the report after every seed, at the end and when stopped."""
    from ..studies.rows import RowFile

    file = RowFile(out)

    def write() -> Path | None:
        known = file.read()
        return report([known[cell.key] for cell in cells if cell.key in known])

    with on_first_signal() as received:
        tell(events(file, lambda: bool(received)), write)
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


def numbers(text: str) -> tuple[int, ...]:
    """Read numbers of patients, each once."""
    try:
        return tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise UserError(f"{text!r} are no numbers of patients; nothing was started; write for instance 1,2,5") from None

"""Command ``study``: experiments as grids of runs that can be interrupted and go on elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, TypeVar

import typer

from ..errors import UserError
from .progress import fraction_bar
from .runs import Device
from .signals import SIGNALLED, on_first_signal
from .text import dice, duration

if TYPE_CHECKING:
    from ..studies.arms import ArmStudy
    from ..studies.draw import Draw
    from ..studies.effort_run import EffortEvent, PatientLabelled
    from ..studies.grid import Cell, CellScored
    from ..studies.limited_data import LimitedData
    from ..studies.report import Setting
    from ..studies.rows import Row, RowFile
    from ..studies.terms import Terms
    from ..training.config import BudgetConfig, PresetName

Study = TypeVar("Study", "LimitedData", "ArmStudy")
Events: TypeAlias = "Callable[[RowFile, Callable[[], bool]], Iterable[EffortEvent]]"
app = typer.Typer(no_args_is_help=True, help="Run an experiment of many runs; called again, it goes on.")

_GROUPS = "Seg,SegPretrained,SegInter,SegPretrainedInter"

ProjectFolder = Annotated[Path, typer.Argument(help="Folder of the project.")]
OutFolder = Annotated[Path, typer.Option(help="Folder of rows.jsonl and of the report.")]
StepsPerRun = Annotated[int | None, typer.Option(min=1, help="Budget of every run.")]
MinutesPerRun = Annotated[float | None, typer.Option(min=0.01, help="Budget of every run, instead.")]
Seeds = Annotated[int, typer.Option(min=1, help="How many seeds; each draws its own training patients.")]
FirstSeed = Annotated[int, typer.Option(min=0, help="Seeds count from here.")]
PretrainSteps = Annotated[
    int | None, typer.Option(min=1, help="Budget of a seed's restoration run; 1.6 times that of a run if not said.")
]
PretrainMinutes = Annotated[float | None, typer.Option(min=0.01, help="The same in minutes.")]
TestCases = Annotated[int | None, typer.Option(min=1, help="Test cases; the project's test part if not said.")]
ValidationCases = Annotated[int, typer.Option(min=1, help="Validation cases of every run.")]
Preset = Annotated[Literal["tiny", "default", "paper"], typer.Option(help="Preset of all runs.")]
ForAll = Annotated[
    list[str] | None, typer.Option("--set", metavar="SECTION.FIELD=VALUE", help="A setting for all runs.")
]
Frozen = Annotated[
    Path | None, typer.Option("--settings", metavar="FILE", help="Frozen settings per group, not the package's own.")
]


@app.callback()
def _studies() -> None:
    """Keep the name of the study a word of its own, also while there is one."""


@app.command("limited-data")
def limited_data(
    project: ProjectFolder,
    out: OutFolder,
    patients: Annotated[
        str | None, typer.Option(metavar="N,N", help="Training patients; the paper's numbers as far as there are some.")
    ] = None,
    groups: Annotated[str, typer.Option(metavar="NAME,NAME", help="What is compared.")] = _GROUPS,
    steps_per_run: StepsPerRun = None,
    minutes_per_run: MinutesPerRun = None,
    seeds: Seeds = 5,
    first_seed: FirstSeed = 0,
    pretrain_steps: PretrainSteps = None,
    pretrain_minutes: PretrainMinutes = None,
    test: TestCases = None,
    validation: ValidationCases = 3,
    preset: Preset = "tiny",
    settings: ForAll = None,
    frozen: Frozen = None,
    device: Device = "auto",
) -> None:
    """Compare scratch, restoration start, clicks and both on few training patients, at equal budgets.

    A finished run is a row of OUT/rows.jsonl and is never repeated; Ctrl-C stops within a step and saves.
    """
    budget = _budget(steps_per_run, minutes_per_run)
    first = _pretraining(budget, pretrain_steps, pretrain_minutes)
    from ..studies.limited_data import STUDY, LimitedData
    from ..studies.limited_data_report import PAPER, write_limited_data

    terms = _terms(STUDY, groups, first_seed, seeds, budget, preset, frozen, settings)

    def study(draw: Draw) -> LimitedData:
        counts = _numbers(patients) if patients else tuple(n for n in PAPER if n <= len(draw.pool))
        return LimitedData(counts, terms, first)

    _compare(project, out, device, (test, validation), study, frozen, write_limited_data)


def _add_arms_study(name: str, summary: str, patients: str, groups: str) -> None:
    """Add the command of a study whose arms differ in settings alone; `patients` and `groups` are what it asks for."""

    @app.command(name, help=summary)
    def arms_study(
        project: ProjectFolder,
        out: OutFolder,
        patients: Annotated[str, typer.Option(metavar="N,N", help="Training patients.")] = patients,
        groups: Annotated[str, typer.Option(metavar="NAME,NAME", help="What is compared.")] = groups,
        steps_per_run: StepsPerRun = None,
        minutes_per_run: MinutesPerRun = None,
        seeds: Seeds = 5,
        first_seed: FirstSeed = 0,
        test: TestCases = None,
        validation: ValidationCases = 3,
        preset: Preset = "tiny",
        settings: ForAll = None,
        frozen: Frozen = None,
        device: Device = "auto",
    ) -> None:
        budget = _budget(steps_per_run, minutes_per_run)
        from ..studies.arms import STUDIES, ArmStudy
        from ..studies.arms_report import write_arms

        terms = _terms(name, groups, first_seed, seeds, budget, preset, frozen, settings)
        study = ArmStudy(STUDIES[name], _numbers(patients), terms)
        _compare(project, out, device, (test, validation), lambda draw: study, frozen, write_arms)


_add_arms_study(
    "pdl",
    "Compare learning from similar patients first with learning from all, at equal budgets; see limited-data.",
    patients="12",
    groups="All,PDL,Dissimilar,Random",
)
_add_arms_study(
    "pgps",
    "Compare growing patches with constant and random ones, at equal budgets; see limited-data.",
    patients="10",
    groups="Constant,Efficiency,Performance,RandomPatch",
)


@app.command("transfer")
def transfer(
    project: ProjectFolder,
    out: OutFolder,
    patients: Annotated[int, typer.Option(min=1, help="Target patients to learn from.")] = 8,
    source: Annotated[int, typer.Option(min=1, help="Source patients.")] = 100,
    groups: Annotated[
        str, typer.Option(metavar="NAME,NAME", help="What is compared.")
    ] = "S,T,ST-head,ST-4,ST-10,ST-20,ST-all",
    contour: Annotated[int, typer.Option(help="Voxels by which the target centre draws contours wider.")] = 0,
    steps_per_run: StepsPerRun = None,
    minutes_per_run: MinutesPerRun = None,
    seeds: Seeds = 5,
    first_seed: FirstSeed = 0,
    test: Annotated[int, typer.Option(min=1, help="Target test cases.")] = 40,
    validation: ValidationCases = 3,
    preset: Preset = "tiny",
    settings: ForAll = None,
    frozen: Frozen = None,
    device: Device = "auto",
) -> None:
    """Compare a source model, a target model and transferred ones on a simulated second centre; see limited-data."""
    budget = _budget(steps_per_run, minutes_per_run)
    from ..project import Project
    from ..samples.centre import CentreShift
    from ..studies.transfer import STUDY, Transfer, two_centres
    from ..studies.transfer_report import Setting, write_transfer

    shift = CentreShift(contour=contour)
    both, centres = two_centres(
        Project.open(project), out, shift, source=source, patients=patients, test=test, validation=validation
    )
    study = Transfer(patients, _terms(STUDY, groups, first_seed, seeds, budget, preset, frozen, settings))
    common = study.common(both, centres, out)
    cells = study.cells(centres, common)
    setting = Setting(study, centres, shift, common, len(cells), _settings_file(frozen))
    _carry_out(cells, out, _grid(both.root, cells, device), lambda rows: write_transfer(out, setting, rows))


@app.command("effort")
def effort(
    project: ProjectFolder,
    out: OutFolder,
    patients: Annotated[
        str, typer.Option(metavar="N,N", help="After so many labelled patients a model is trained and measured.")
    ] = "1,2,3,5,8,12",
    groups: Annotated[str, typer.Option(metavar="NAME,NAME", help="What is compared.")] = "Suggested,Random,Painting",
    goal: Annotated[float, typer.Option(min=0, max=1, help="Test Dice that is to be reached.")] = 0.85,
    accept: Annotated[float, typer.Option(help="Dice at which the simulated person accepts a mask.")] = 0.9,
    most_clicks: Annotated[int, typer.Option(help="Clicks on a patient before the rest is painted.")] = 10,
    jitter: Annotated[float, typer.Option(help="Millimetres (sd) by which a click misses, along each axis.")] = 2.0,
    pool: Annotated[int, typer.Option(min=1, help="Unlabelled scans that a seed draws, at most.")] = 40,
    steps_per_run: StepsPerRun = None,
    minutes_per_run: MinutesPerRun = None,
    seeds: Seeds = 5,
    first_seed: FirstSeed = 0,
    pretrain_steps: PretrainSteps = None,
    pretrain_minutes: PretrainMinutes = None,
    test: TestCases = None,
    preset: Preset = "tiny",
    settings: ForAll = None,
    frozen: Frozen = None,
    device: Device = "auto",
) -> None:
    """Count the clicks, strokes and patients of simulated people until a Dice is reached; see limited-data.

    Labels are made in projects below OUT, from masks that are accepted there; PROJECT gives the references.
    """
    budget = _budget(steps_per_run, minutes_per_run)
    first = _pretraining(budget, pretrain_steps, pretrain_minutes)
    from ..project import Project
    from ..studies.annotator import Annotator
    from ..studies.draw import draw_cases
    from ..studies.effort import STUDY, Effort
    from ..studies.effort_report import write_effort
    from ..studies.effort_run import run_effort
    from ..studies.patients import PatientFile
    from ..studies.report import Setting

    terms = _terms(STUDY, groups, first_seed, seeds, budget, preset, frozen, settings)
    study = Effort(_numbers(patients), pool, goal, Annotator(accept, most_clicks, jitter), terms, first)
    given = Project.open(project)
    draw = study.drawn(draw_cases(given, test, validation=0))
    common = study.common(given, draw, out)
    journeys = study.journeys(given, draw, common, out / "work")
    cells = [cell for journey in journeys for cell in journey.cells]
    setting = Setting(study, draw, common, len(cells), len(given.cases), _settings_file(frozen))
    labelled = PatientFile(out)

    def events(file: RowFile, stopping: Callable[[], bool]) -> Iterable[EffortEvent]:
        return run_effort(given, journeys, file, labelled, device=device, stopping=stopping)

    def report(rows: Sequence[Row]) -> Path | None:
        known = labelled.read()
        keys = [key for journey in journeys for key in journey.patient_keys]
        return write_effort(out, setting, rows, [known[key] for key in keys if key in known])

    _carry_out(cells, out, events, report)


def _terms(
    study: str,
    groups: str,
    first_seed: int,
    seeds: int,
    budget: BudgetConfig,
    preset: PresetName,
    frozen: Path | None,
    settings: Sequence[str] | None,
) -> Terms:
    from ..studies.frozen import frozen_settings
    from ..studies.terms import Terms

    counted = tuple(range(first_seed, first_seed + seeds))
    return Terms(_words(groups), counted, budget, preset, frozen_settings(study, frozen), tuple(settings or ()))


def _compare(
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
    setting = Setting(study, draw, common, len(cells), len(project.cases), _settings_file(frozen))
    _carry_out(cells, out, _grid(root, cells, device), lambda rows: write(out, setting, rows))


def _budget(steps: int | None, minutes: float | None) -> BudgetConfig:
    from ..training.config import BudgetConfig

    if (steps is None) == (minutes is None):
        raise UserError("a study needs --steps-per-run or --minutes-per-run, one of the two; nothing was started")
    return BudgetConfig(steps=steps, minutes=minutes)


def _pretraining(budget: BudgetConfig, steps: int | None, minutes: float | None) -> BudgetConfig:
    from ..studies.limited_data import pretraining_budget

    if steps is not None and minutes is not None:
        raise UserError("give --pretrain-steps or --pretrain-minutes, not both; nothing was started")
    return pretraining_budget(budget, steps, minutes)


def _settings_file(frozen: Path | None) -> str:
    return "the package's own settings file" if frozen is None else frozen.name


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _grid(root: Path, cells: Sequence[Cell], device: str) -> Events:
    """Return what runs these cells in a project."""
    from ..project import Project
    from ..studies.grid import run_grid

    return lambda file, stopping: run_grid(Project.open(root), cells, file, device=device, stopping=stopping)


def _carry_out(
    cells: Sequence[Cell], out: Path, events: Events, report: Callable[[Sequence[Row]], Path | None]
) -> None:
    """Run what has no row yet, and write the report after every seed, at the end and when stopped."""
    from ..studies.rows import RowFile

    file = RowFile(out)

    def write() -> Path | None:
        known = file.read()
        return report([known[cell.key] for cell in cells if cell.key in known])

    with on_first_signal() as received:
        _tell(events(file, lambda: bool(received)), write)
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


def _tell(events: Iterable[EffortEvent], write: Callable[[], Path | None]) -> None:
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
    scores = ", ".join(f"{_measure(measure)}{dice(row.mean(measure))}" for measure in row.measures)
    left = "" if not event.seconds_left else f"; about {duration(event.seconds_left)} left"
    place = f"{row.group}, {row.patients} patient{'s' * (row.patients > 1)}, seed {row.seed}"
    return f"{event.done}/{event.total} {place}: test Dice {scores}{left}"


def _labelled(event: PatientLabelled) -> str:
    patient = event.patient
    took = f"{patient.clicks} clicks, {patient.strokes} strokes of {patient.slices} slices"
    reached = f"Dice {dice(patient.before)} to {dice(patient.dice)}"
    return f"labelled {patient.case}: {patient.group}, patient {patient.place}, seed {patient.seed}: {took}, {reached}"


def _measure(measure: str) -> str:
    return {"0": "", "emptied": "emptied "}.get(measure, f"after {measure} click ")


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise UserError(f"{text!r} are no numbers of patients; nothing was started; write for instance 1,2,5") from None

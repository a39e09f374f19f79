"""Command ``study``: experiments as grids of runs that can be interrupted and go on elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UserError
from .runs import Device
from .study_grid import (
    FirstSeed,
    ForAll,
    Frozen,
    MinutesPerRun,
    OutFolder,
    Preset,
    ProjectFolder,
    Seeds,
    StepsPerRun,
    TestCases,
    ValidationCases,
    budget_of,
    carry_out,
    compare,
    grid_of,
    numbers,
    settings_file,
    terms_of,
)
from .study_shape import shape

if TYPE_CHECKING:
    from ..studies.draw import Draw
    from ..studies.effort_run import EffortEvent
    from ..studies.limited_data import LimitedData
    from ..studies.rows import Row, RowFile
    from ..training.config import BudgetConfig

app = typer.Typer(no_args_is_help=True, help="Run an experiment of many runs; called again, it goes on.")

_GROUPS = "Seg,SegPretrained,SegInter,SegPretrainedInter"
_EFFORT = "Suggested,Random,Starter,Predicted,Painting"

PretrainSteps = Annotated[
    int | None, typer.Option(min=1, help="Budget of a seed's restoration run; 1.6 times that of a run if not said.")
]
PretrainMinutes = Annotated[float | None, typer.Option(min=0.01, help="The same in minutes.")]


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
    budget = budget_of(steps_per_run, minutes_per_run)
    first = _pretraining(budget, pretrain_steps, pretrain_minutes)
    from ..studies.limited_data import STUDY, LimitedData
    from ..studies.limited_data_report import PAPER, write_limited_data

    terms = terms_of(STUDY, groups, first_seed, seeds, budget, preset, frozen, settings)

    def study(draw: Draw) -> LimitedData:
        counts = numbers(patients) if patients else tuple(n for n in PAPER if n <= len(draw.pool))
        return LimitedData(counts, terms, first)

    compare(project, out, device, (test, validation), study, frozen, write_limited_data)


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
        budget = budget_of(steps_per_run, minutes_per_run)
        from ..studies.arms import STUDIES, ArmStudy
        from ..studies.arms_report import write_arms

        terms = terms_of(name, groups, first_seed, seeds, budget, preset, frozen, settings)
        study = ArmStudy(STUDIES[name], numbers(patients), terms)
        compare(project, out, device, (test, validation), lambda draw: study, frozen, write_arms)


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
    budget = budget_of(steps_per_run, minutes_per_run)
    from ..project import Project
    from ..samples.centre import CentreShift
    from ..studies.transfer import STUDY, Transfer, two_centres
    from ..studies.transfer_report import Setting, write_transfer

    shift = CentreShift(contour=contour)
    both, centres = two_centres(
        Project.open(project), out, shift, source=source, patients=patients, test=test, validation=validation
    )
    study = Transfer(patients, terms_of(STUDY, groups, first_seed, seeds, budget, preset, frozen, settings))
    common = study.common(both, centres, out)
    cells = study.cells(centres, common)
    setting = Setting(study, centres, shift, common, len(cells), settings_file(frozen))
    carry_out(cells, out, grid_of(both.root, cells, device), lambda rows: write_transfer(out, setting, rows))


@app.command("effort")
def effort(
    project: ProjectFolder,
    out: OutFolder,
    patients: Annotated[
        str, typer.Option(metavar="N,N", help="After so many labelled patients a model is trained and measured.")
    ] = "1,2,3,5,8,12",
    groups: Annotated[str, typer.Option(metavar="NAME,NAME", help="What is compared.")] = _EFFORT,
    goal: Annotated[float, typer.Option(min=0, max=1, help="Test Dice that is to be reached.")] = 0.85,
    accept: Annotated[float, typer.Option(help="Dice at which the simulated person accepts a mask.")] = 0.9,
    most_clicks: Annotated[int, typer.Option(help="Clicks on a patient before the rest is painted.")] = 20,
    jitter: Annotated[float, typer.Option(help="Millimetres (sd) by which a click misses, along each axis.")] = 2.0,
    click_seconds: Annotated[float, typer.Option(help="What a click counts for.")] = 2.5,
    slice_seconds: Annotated[float, typer.Option(help="What a painted slice counts for.")] = 12.0,
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
    """Count the clicks, strokes and seconds of simulated people until a Dice is reached; see limited-data.

    Labels are made in projects below OUT, from masks that are accepted there; PROJECT gives the references.
    """
    budget = budget_of(steps_per_run, minutes_per_run)
    first = _pretraining(budget, pretrain_steps, pretrain_minutes)
    from ..project import Project
    from ..studies.annotator import Annotator, Costs
    from ..studies.draw import draw_cases
    from ..studies.effort import STUDY, Effort
    from ..studies.effort_report import write_effort
    from ..studies.effort_run import run_effort
    from ..studies.patients import PatientFile
    from ..studies.report import Setting

    terms = terms_of(STUDY, groups, first_seed, seeds, budget, preset, frozen, settings)
    annotator, costs = Annotator(accept, most_clicks, jitter), Costs(click_seconds, slice_seconds)
    study = Effort(numbers(patients), pool, goal, annotator, terms, first, costs)
    given = Project.open(project)
    draw = study.drawn(draw_cases(given, test, validation=0))
    common = study.common(given, draw, out)
    journeys = study.journeys(given, draw, common, out / "work")
    cells = [cell for journey in journeys for cell in journey.cells]
    setting = Setting(study, draw, common, len(cells), len(given.cases), settings_file(frozen))
    labelled = PatientFile(out)

    def events(file: RowFile, stopping: Callable[[], bool]) -> Iterable[EffortEvent]:
        return run_effort(given, journeys, file, labelled, device=device, stopping=stopping)

    def report(rows: Sequence[Row]) -> Path | None:
        known = labelled.read()
        keys = [key for journey in journeys for key in journey.patient_keys]
        return write_effort(out, setting, rows, [known[key] for key in keys if key in known])

    carry_out(cells, out, events, report)


app.command("shape")(shape)


def _pretraining(budget: BudgetConfig, steps: int | None, minutes: float | None) -> BudgetConfig:
    from ..studies.limited_data import pretraining_budget

    if steps is not None and minutes is not None:
        raise UserError("give --pretrain-steps or --pretrain-minutes, not both; nothing was started")
    return pretraining_budget(budget, steps, minutes)

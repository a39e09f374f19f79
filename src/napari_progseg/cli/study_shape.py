"""Command ``study shape``: progressive against direct training of shapes."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from .runs import Device
from .study_grid import (
    FirstSeed,
    ForAll,
    Frozen,
    MinutesPerRun,
    OutFolder,
    ProjectFolder,
    Seeds,
    StepsPerRun,
    TestCases,
    ValidationCases,
    budget_of,
    compare,
    numbers,
    terms_of,
)


def shape(
    project: ProjectFolder,
    out: OutFolder,
    patients: Annotated[str, typer.Option(metavar="N,N", help="Training patients, 3 or more.")] = "24",
    groups: Annotated[str, typer.Option(metavar="NAME,NAME", help="What is compared.")] = "Deep,Shallow,Joint,Single",
    steps_per_run: StepsPerRun = None,
    minutes_per_run: MinutesPerRun = None,
    seeds: Seeds = 5,
    first_seed: FirstSeed = 0,
    test: TestCases = None,
    validation: ValidationCases = 3,
    preset: Annotated[Literal["tiny", "default"], typer.Option(help="Preset of all runs.")] = "tiny",
    settings: ForAll = None,
    frozen: Frozen = None,
    device: Device = "auto",
) -> None:
    """Compare progressive with direct training of shapes, at equal budgets; distances in mm, see limited-data."""
    budget = budget_of(steps_per_run, minutes_per_run)
    from ..studies.arms import ArmStudy
    from ..studies.shape import SHAPE
    from ..studies.shape_report import write_shape

    terms = terms_of(SHAPE.study, groups, first_seed, seeds, budget, preset, frozen, settings)
    study = ArmStudy(SHAPE, numbers(patients), terms)
    compare(project, out, device, (test, validation), lambda draw: study, frozen, write_shape)

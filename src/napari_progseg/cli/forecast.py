"""The command ``forecast``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..errors import UserError
from .text import dice, table

if TYPE_CHECKING:
    from ..evaluation.forecast import Forecast
    from ..training.budgets import Budgets


def forecast(
    project: Annotated[Path, typer.Argument(help="Folder of the project.")],
    task: Annotated[
        Literal["segmentation", "interactive"], typer.Option(help="Which runs count; all of one kind.")
    ] = "segmentation",
    json: Annotated[Path | None, typer.Option(help="File for the points and the forecast.")] = None,
) -> None:
    """Say what Dice to expect from more labelled patients, from the runs that are there."""
    from ..project import Project
    from ..storage.atomic import write_json
    from ..training.budgets import RULE, budgets_of, forecast_sentence, missing_sentence, past_error_sentence

    budgets = budgets_of(Project.open(project), task)
    found = budgets.forecast()
    if found is None:
        raise UserError(f"nothing was forecast: {missing_sentence(budgets)}")
    typer.echo(table(("patients", "Dice", "run"), _points(budgets)))
    typer.echo(f"measured on {len(budgets.cases)} validation patients: {', '.join(budgets.cases)}")
    typer.echo(RULE)
    typer.echo(forecast_sentence(found))
    typer.echo(past_error_sentence(budgets.runs, found))
    if json is not None:
        write_json(json, _document(budgets, found))
        typer.echo(f"forecast: {json}")


def _points(budgets: Budgets) -> list[tuple[str, str, str]]:
    return [(str(run.patients), dice(run.mean(budgets.cases)), run.name) for run in budgets.runs]


def _document(budgets: Budgets, found: Forecast) -> dict[str, object]:
    points = [
        {"run": run.name, "patients": run.patients, "dice": {case: run.dice[case] for case in budgets.cases}}
        for run in budgets.runs
    ]
    return {"points": points, "forecast": asdict(found)}

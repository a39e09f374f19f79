"""Commands that finish a project: ``predict-all``, ``export`` and ``report``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .runs import Device
from .signals import SIGNALLED, on_first_signal
from .text import duration
from .whichrun import WAYS, find_run

if TYPE_CHECKING:
    from ..project import Project

BAD_INPUT = 2
ProjectFolder = Annotated[Path, typer.Argument(help="Folder of the project.")]
Run = Annotated[str | None, typer.Option(help=f"A run: {WAYS}; the newest that segments if not said.")]


def predict_all(project: ProjectFolder, run: Run = None, device: Device = "auto") -> None:
    """Predict every case that is not completed into PROJECT/predictions, for review; called again, it goes on."""
    from ..inference.model import load_trained
    from ..inference.whole_project import Place, predict_project
    from ..project import Project
    from .progress import fraction_bar

    opened = Project.open(project)
    model = load_trained(_run(opened, run), device)
    began, faults, kept = time.monotonic(), 0, 0
    with on_first_signal() as received, fraction_bar() as bar:

        def told(place: Place) -> None:
            bar(place.overall)

        for done in predict_project(model, opened, progress=told, cancelled=lambda: bool(received)):
            kept += done.kept
            if done.fault is not None:
                faults += 1
                typer.echo(f"progseg: {done.case}: {done.fault}", err=True)
            elif not done.kept and done.prediction is not None:
                typer.echo(f"{done.case}: {duration(done.prediction.seconds)}, {_unsure(done.prediction.unsure)}")
    if kept:
        typer.echo(f"{kept} cases were predicted by {model.name} before and kept")
    if received:
        typer.echo("stopped; what is predicted is kept, and the same command goes on")
        raise typer.Exit(SIGNALLED + received[0])
    typer.echo(f"predictions: {opened.root / 'predictions'} ({duration(time.monotonic() - began)})")
    if faults:
        raise typer.Exit(BAD_INPUT)


def export(
    project: ProjectFolder,
    out: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    cases: Annotated[str | None, typer.Option(metavar="ID,ID", help="Which cases; all that have labels.")] = None,
    predictions: Annotated[bool, typer.Option("--predictions", help="Also what waits for review.")] = False,
    run: Annotated[str | None, typer.Option(help=f"Also the model of this run: {WAYS}.")] = None,
) -> None:
    """Write labels as NIfTI on each image's own grid, with labels.json, and a model that progseg predict takes."""
    from ..inference.export import DOCUMENT, export_project
    from ..project import Project

    opened = Project.open(project)
    chosen = None if cases is None else [part.strip() for part in cases.split(",")]
    found = None if run is None else _run(opened, run)
    faults = 0
    for done in export_project(opened, out, cases=chosen, predictions=predictions, run=found):
        if done.fault is not None:
            faults += 1
            typer.echo(f"progseg: {done.name}: {done.fault}", err=True)
        for file in done.files:
            typer.echo(f"{done.name}: {file}")
    typer.echo(f"classes and states: {out / DOCUMENT}")
    if faults:
        raise typer.Exit(BAD_INPUT)


def report(
    project: ProjectFolder,
    out: Annotated[Path | None, typer.Option(help="HTML file; PROJECT/report.html if not said.")] = None,
    run: Run = None,
    dice: Annotated[bool, typer.Option("--dice/--no-dice", help="Measure the run; predicts completed cases.")] = True,
    device: Device = "auto",
) -> None:
    """Write one HTML file: patients, effort, models, Dice on cases not learned from, and a Methods paragraph."""
    from ..project import Project
    from ..summary.report import NAME, summarise, write_report
    from .progress import fraction_bar

    opened = Project.open(project)
    chosen = None if run is None else _run(opened, run)
    with fraction_bar() as bar:
        summary = summarise(opened, chosen, with_dice=dice, device=device, progress=bar)
    typer.echo(f"report: {write_report(opened, summary, out or opened.root / NAME)}")


def _run(project: Project, text: str | None) -> Path:
    from ..training.adapt import source_run

    return source_run(project.root) if text is None else find_run(project, text)


def _unsure(value: float | None) -> str:
    return "nothing found" if value is None else f"mean entropy {value:.2f}"

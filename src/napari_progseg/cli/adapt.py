"""The command ``adapt``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..errors import UserError
from .runs import Device, run_here
from .text import dice, table
from .whichrun import Run, chosen_run

if TYPE_CHECKING:
    from ..training.adapt import Changes


def adapt(
    run: Run,
    project: Annotated[Path, typer.Argument(help="Project of the centre to adapt to.")],
    train: Annotated[str, typer.Option(metavar="N|ID,ID", help="Its cases to learn from.")],
    origin: Annotated[
        Path | None, typer.Option("--from", help="Project of RUN, where that is no folder; PROJECT if not said.")
    ] = None,
    val: Annotated[str | None, typer.Option(metavar="N|ID,ID", help="Its validation cases.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Time budget.")] = None,
    steps: Annotated[int | None, typer.Option(help="Step budget.")] = None,
    freeze: Annotated[
        Literal["none", "encoder", "last_k", "head"], typer.Option(help="What stays; last_k: all but 10 convolutions.")
    ] = "last_k",
    name: Annotated[str, typer.Option(help="Name of the new run.")] = "adapted",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="SECTION.FIELD=VALUE", help="Any setting: freeze.last=4")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws cases and patches.")] = 0,
    json: Annotated[Path | None, typer.Option(help="File for the comparison.")] = None,
    keep: Annotated[bool | None, typer.Option("--keep/--discard-if-worse", help="Do not ask.")] = None,
    device: Device = "auto",
) -> None:
    """Fine-tune a model of another centre on a few patients, and compare both on all other completed ones.

    The given run is only read. The new one is asked about at the end: kept, or deleted.
    """
    if (minutes is None) == (steps is None):
        raise UserError("an adaptation needs --minutes or --steps, one of the two; nothing was started")
    from ..data.splits import selection
    from ..inference.cases import project_cases
    from ..inference.evaluate import evaluate_run
    from ..lineage import seen_cases
    from ..project import Project
    from ..training.adapt import adaptation, clicks_to_compare, compare, held_out
    from ..training.config import BudgetConfig
    from ..training.run import create_run

    opened = Project.open(project)
    source = chosen_run(run, origin or project)
    known = [case.id for case in opened.cases]
    train_ids, val_ids = opened.draw(selection(train, known), None if val is None else selection(val, known), seed)
    budget = BudgetConfig(steps=steps, minutes=minutes)
    config = adaptation(
        opened, source, train_ids, val_ids, budget, name=name, freeze=freeze, seed=seed, device=device,
        settings=settings or (),
    )  # fmt: skip
    elsewhere = source.resolve().parents[1] != opened.root.resolve()
    before_it = () if elsewhere else seen_cases(source)
    cases = project_cases(opened, held_out(opened, (*train_ids, *val_ids, *before_it)))
    typer.echo(f"starts from {source}")
    adapted = create_run(opened, config)
    run_here(adapted, detach=False)
    clicks = clicks_to_compare(config)
    before = evaluate_run(source, cases, clicks=clicks, device=device, elsewhere=elsewhere)
    changes = compare(before, evaluate_run(adapted, cases, clicks=clicks, device=device))
    _tell(changes)
    if json is not None:
        _write(json, source, adapted, changes)
    _keep_or_discard(adapted, changes, keep)


def _tell(changes: Changes) -> None:
    rows = [
        (each.case, dice(each.before), dice(each.after), _difference(each.before, each.after)) for each in changes.cases
    ]
    typer.echo(table(("case", "before", "after", "difference"), rows))
    if changes.interval is not None:
        found = changes.interval
        typer.echo(
            f"mean difference {found.mean:+z.3f}, 95 % interval {found.low:+z.3f} to {found.high:+z.3f}, "
            f"{found.n} cases that neither run has learned from"
        )


def _difference(before: float | None, after: float | None) -> str:
    return "n/a" if before is None or after is None else f"{after - before:+z.3f}"


def _write(path: Path, source: Path, adapted: Path, changes: Changes) -> None:
    from dataclasses import asdict

    from ..storage.atomic import write_json

    write_json(path, {"before": str(source), "after": str(adapted), **asdict(changes)})
    typer.echo(f"comparison: {path}")


def _keep_or_discard(adapted: Path, changes: Changes, keep: bool | None) -> None:
    from ..storage.atomic import delete_folder

    if keep is None:
        keep = not sys.stdin.isatty() or typer.confirm("keep the adapted model?", default=changes.better)
    elif keep is False:
        keep = changes.better
    if keep:
        typer.echo(f"kept: {adapted}")
    else:
        delete_folder(adapted)
        typer.echo("discarded; the model it came from is as it was")

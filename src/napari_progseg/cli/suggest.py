"""The command ``next``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import UserError
from .runs import Device
from .text import table
from .whichrun import WAYS, find_run


def suggest_next(
    project: Annotated[Path, typer.Argument(help="Folder of the project.")],
    by: Annotated[
        str, typer.Option(metavar="typical|uncertain|random", help="How the next case is found.")
    ] = "typical",
    run: Annotated[
        str | None, typer.Option(help=f"Run that is asked: {WAYS}; the newest that segments if not said.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many cases to name.")] = 1,
    seed: Annotated[int, typer.Option(help="Draws the random order.")] = 0,
    device: Device = "auto",
) -> None:
    """Say which case to label next, and why; labels are not read.

    Typical cases are like many unlabelled scans and unlike the labelled ones; of uncertain ones a run is least sure;
    random ones are drawn, and with --run those in which that run finds nothing come last.
    """
    from ..project import Project
    from ..suggest.choice import suggest
    from ..suggest.record import note_shown
    from ..suggest.suggestion import WAYS
    from .progress import fraction_bar

    way = next((way for way in WAYS if way == by), None)
    if way is None:
        raise UserError(f"{by!r} is no way to choose; nothing was done; choose from {', '.join(WAYS)}")
    opened = Project.open(project)
    asked = None if run is None else find_run(opened, run)
    with fraction_bar() as progress:
        found = suggest(opened, way, run=asked, count=count, seed=seed, device=device, progress=progress)
    if not found:
        typer.echo("no case is left to label")
        return
    typer.echo(table(("case", "why"), [(each.case, each.reason) for each in found]))
    note_shown(opened, found[0])

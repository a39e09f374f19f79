"""Commands about runs that are there: ``watch``, ``pause``, ``resume`` and ``stop``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from ..errors import UserError
from .signals import on_first_signal
from .text import dice, duration, mm, table
from .whichrun import Home, Run, chosen_run

FAILED = 1
_SIGNALLED = 128

Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
Detach = Annotated[bool, typer.Option("--detach", help="Train in the background; follow it with progseg watch.")]


def runs(project: Annotated[Path, typer.Argument(help="Folder of the project.")] = Path()) -> None:
    """List the runs of a project, newest first: what each learned, from whom, and how it stands."""
    from ..project import Project
    from ..training.watch import RunStatus, status

    def row(now: RunStatus) -> tuple[str, ...]:
        best = "" if now.best_dice is None else dice(now.best_dice)
        if now.best_mm is not None:
            best = mm(now.best_mm)
        learned_from = str(len(now.train_cases))
        return now.name, now.task, now.state, learned_from, str(now.step), duration(now.seconds), best

    opened = Project.open(project)
    found = [status(run) for run in reversed(opened.runs())]
    if found:
        headings = ("run", "task", "state", "cases", "step", "time", "best")
        typer.echo(table(headings, [row(each) for each in found]))
    else:
        typer.echo(f"{opened.root} has no run yet; begin with: progseg train {project} --task segmentation --minutes 5")


def watch(run: Run, project: Home = None) -> None:
    """Follow a run until it ends; Ctrl-C ends only the watching."""
    from ..training.watch import follow
    from .progress import RunBar

    folder = chosen_run(run, project)
    with RunBar() as bar:
        bar.show(follow(folder))
    _tell_status(folder)


def pause(run: Run, project: Home = None) -> None:
    """Ask a run to wait after its current step; it keeps its memory."""
    _ask(chosen_run(run, project), "pause", "paused")


def stop(run: Run, project: Home = None) -> None:
    """Ask a run to save and end after its current step."""
    _ask(chosen_run(run, project), "stop", "stopped")


def resume(run: Run, project: Home = None, detach: Detach = False) -> None:
    """Continue a paused, stopped or interrupted run from its newest checkpoint."""
    from ..training.watch import request, status

    folder = chosen_run(run, project)
    state = status(folder).state
    if state == "finished":
        typer.echo(f"{folder.name} is finished; there is nothing to resume")
    elif state in {"running", "paused"}:
        request(folder, want="run")
        typer.echo(f"{folder.name} goes on in its own process; follow it with: progseg watch {folder}")
    else:
        run_here(folder, detach=detach)


def run_here(run: Path, *, detach: bool) -> None:
    """Train in this process, or start another one; ends with the exit status that fits."""
    from ..training.run import execute, start
    from .progress import RunBar

    if detach:
        start(run)
        typer.echo(f"training in the background; follow it with: progseg watch {run}")
        return
    with stopping_on_signals(run) as received, RunBar() as bar:
        bar.show(execute(run))
    _tell_status(run)
    if received:
        raise typer.Exit(_SIGNALLED + received[0])


@contextmanager
def stopping_on_signals(run: Path) -> Iterator[list[int]]:
    """Turn the first Ctrl-C or SIGTERM into a request to save and stop; see `on_first_signal`."""
    from ..training.watch import request

    with on_first_signal(lambda: request(run, want="stop")) as received:
        yield received


def _ask(run: Path, want: Literal["pause", "stop"], done: str) -> None:
    from ..training.watch import request, status

    state = status(run).state
    if state not in {"running", "paused"}:
        raise UserError(f"{run.name} is not running (it is {state}), so it cannot be {done}; its checkpoints are safe")
    request(run, want=want)
    typer.echo(f"{run.name} will be {done} after its current step")


def _tell_status(run: Path) -> None:
    from ..training.watch import status

    now = status(run)
    best = "" if now.task == "restoration" else f", best validation Dice {dice(now.best_dice)}"
    if now.task == "shape":
        best = f", best validation distance {mm(now.best_mm)}"
    typer.echo(f"{now.state} at step {now.step} after {duration(now.seconds)}{best}")
    if now.state in {"failed", "dead"}:
        typer.echo(
            f"progseg: {now.message or 'the process of the run ended without a word; see its log.txt'}", err=True
        )
        raise typer.Exit(FAILED)
    typer.echo(f"run: {run}")

"""Commands about runs that are there: ``watch``, ``pause``, ``resume`` and ``stop``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from ..errors import UserError
from .signals import on_first_signal
from .text import dice, duration

FAILED = 1
_SIGNALLED = 128

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, such as PROJECT/runs/0001-name.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
Detach = Annotated[bool, typer.Option("--detach", help="Train in the background; follow it with progseg watch.")]


def watch(run: RunFolder) -> None:
    """Follow a run until it ends; Ctrl-C ends only the watching."""
    require_run(run)
    from ..training.watch import follow
    from .progress import RunBar

    with RunBar() as bar:
        bar.show(follow(run))
    _tell_status(run)


def pause(run: RunFolder) -> None:
    """Ask a run to wait after its current step; it keeps its memory."""
    _ask(run, "pause", "paused")


def stop(run: RunFolder) -> None:
    """Ask a run to save and end after its current step."""
    _ask(run, "stop", "stopped")


def resume(run: RunFolder, detach: Detach = False) -> None:
    """Continue a paused, stopped or interrupted run from its newest checkpoint."""
    require_run(run)
    from ..training.watch import request, status

    state = status(run).state
    if state == "finished":
        typer.echo(f"{run.name} is finished; there is nothing to resume")
    elif state in {"running", "paused"}:
        request(run, want="run")
        typer.echo(f"{run.name} goes on in its own process; follow it with: progseg watch {run}")
    else:
        run_here(run, detach=detach)


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
    require_run(run)
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
    typer.echo(f"{now.state} at step {now.step} after {duration(now.seconds)}{best}")
    if now.state in {"failed", "dead"}:
        typer.echo(
            f"progseg: {now.message or 'the process of the run ended without a word; see its log.txt'}", err=True
        )
        raise typer.Exit(FAILED)
    typer.echo(f"run: {run}")


def require_run(run: Path) -> None:
    """Refuse a folder that is no run, naming the runs beside it."""
    if (run / "config.json").is_file():
        return
    siblings = sorted(path.parent for path in run.parent.glob("*/config.json"))
    known = f"there are {', '.join(map(str, siblings))}" if siblings else "runs lie in PROJECT/runs"
    raise UserError(f"{run} is no run; nothing was changed; {known}")

"""Commands about runs: ``train``, ``watch``, ``pause``, ``resume`` and ``stop``."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Literal

import typer

from ..errors import UserError
from .text import dice, duration

FAILED = 1
_SIGNALLED = 128

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, such as PROJECT/runs/0001-name.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
Detach = Annotated[bool, typer.Option("--detach", help="Train in the background; follow it with progseg watch.")]


def train(
    project: Annotated[Path, typer.Argument(help="Folder of the project.")],
    task: Annotated[Literal["segmentation", "interactive"], typer.Option(help="What the network learns.")],
    name: Annotated[str, typer.Option(help="Name of the run.")],
    preset: Annotated[
        Literal["auto", "tiny", "default", "paper"], typer.Option(help="auto is default on CUDA, else tiny.")
    ] = "auto",
    train: Annotated[str | None, typer.Option(metavar="N|ID,ID", help="Training cases; all if not said.")] = None,
    val: Annotated[str | None, typer.Option(metavar="N|ID,ID", help="Validation cases.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Time budget.")] = None,
    steps: Annotated[int | None, typer.Option(help="Step budget; on CPU the same seed gives the same losses.")] = None,
    init: Annotated[Path | None, typer.Option(metavar="RUN", help="Run whose weights to start from.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="SECTION.FIELD=VALUE", help="Any setting: model.dims=2")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws cases, weights and patches.")] = 0,
    device: Device = "auto",
    detach: Detach = False,
) -> None:
    """Train a model on completed cases; Ctrl-C stops within a step and saves."""
    if (minutes is None) == (steps is None):
        raise UserError("a run needs --minutes or --steps, one of the two; nothing was started")
    from ..data.splits import selection
    from ..project import Project
    from ..training.config import apply_settings, preset_config
    from ..training.run import create_run

    opened = Project.open(project)
    known = [case.id for case in opened.cases]
    chosen, validating = (None if text is None else selection(text, known) for text in (train, val))
    train_ids, val_ids = opened.draw(chosen, validating, seed)
    config = preset_config(
        _suitable_preset(device) if preset == "auto" else preset,
        task,
        name=name,
        train=train_ids,
        validation=val_ids,
        seed=seed,
        device=device,
        init=None if init is None else str(init.resolve()),
        budget={"steps": steps, "minutes": minutes},
    )
    _run(create_run(opened, apply_settings(config, settings or [])), detach=detach)


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
        _run(run, detach=detach)


def _run(run: Path, *, detach: bool) -> None:
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
    """Turn the first Ctrl-C or SIGTERM into a request to save and stop; a second Ctrl-C interrupts at once.

    Yields
    ------
    list of int
        The signals received so far.
    """
    from ..training.watch import request

    received: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)
        request(run, want="stop")

    before: dict[int, Any] = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _suitable_preset(device: str) -> Literal["default", "tiny"]:
    if device == "cpu":
        return "tiny"
    import torch

    return "default" if torch.cuda.is_available() else "tiny"


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
    typer.echo(
        f"{now.state} at step {now.step} after {duration(now.seconds)}, best validation Dice {dice(now.best_dice)}"
    )
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

"""The command ``train``."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ..errors import UserError
from .runs import Detach, Device, run_here
from .whichrun import WAYS, find_run

if TYPE_CHECKING:
    from ..project import Project
    from ..training.config import PresetName, RunConfig, Task

TaskName = Literal["segmentation", "restoration", "interactive", "shape"]
SampleChoice = Literal["all", "pdl", "pdl-dissimilar", "random"]
PatchChoice = Literal["constant", "efficiency", "performance", "random"]
FreezeChoice = Literal["none", "encoder", "last_k", "head"]


def train(
    project: Annotated[Path, typer.Argument(help="Folder of the project.")],
    name: Annotated[str, typer.Option(help="Name of the run.")],
    task: Annotated[
        TaskName | None, typer.Option(help="What the network learns; preset progressive is interactive.")
    ] = None,
    preset: Annotated[
        Literal["auto", "tiny", "default", "paper", "transfer-paper", "progressive"],
        typer.Option(help="auto is default on CUDA, else tiny; progressive starts from a restoration run."),
    ] = "auto",
    train: Annotated[str | None, typer.Option(metavar="N|ID,ID", help="Training cases; all if not said.")] = None,
    val: Annotated[str | None, typer.Option(metavar="N|ID,ID", help="Validation cases.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Time budget.")] = None,
    steps: Annotated[int | None, typer.Option(help="Step budget; on CPU the same seed gives the same losses.")] = None,
    init: Annotated[str | None, typer.Option(metavar="RUN", help=f"Run whose weights to start from: {WAYS}.")] = None,
    samples: Annotated[
        SampleChoice | None, typer.Option(help="Which cases come first: pdl begins with similar ones.")
    ] = None,
    patches: Annotated[
        PatchChoice | None, typer.Option(help="Growing patches: efficiency saves time, performance fills the batch.")
    ] = None,
    freeze: Annotated[
        FreezeChoice | None, typer.Option(help="What stays as --init gave it; last_k: all but 10 convolutions.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="SECTION.FIELD=VALUE", help="Any setting: model.dims=2")
    ] = None,
    seed: Annotated[int, typer.Option(help="Draws cases, weights and patches.")] = 0,
    device: Device = "auto",
    detach: Detach = False,
    auto: Annotated[
        bool, typer.Option("--auto", help="Choose task, cases, start and time from what is there, and say them.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be trained; a few steps measure time and memory.")
    ] = False,
) -> None:
    """Train a model; Ctrl-C stops within a step and saves.

    Segmentation and interactive training read completed cases, restoration reads every scan that is no test case.
    """
    if auto:
        _refuse_choices(task, train, val, init, preset, steps)
        _advised(project, name, minutes, device, settings or [], dry_run=dry_run, detach=detach)
        return
    from ..project import Project
    from ..training.config import apply_settings
    from ..training.run import create_run

    opened = Project.open(project)
    config = configured(
        opened, _task(task, preset), preset, name=name, train=train, val=val, minutes=minutes, steps=steps, init=init,
        seed=seed, device=device,
    )  # fmt: skip
    switches = {"samples.schedule": samples, "patches.schedule": patches, "freeze.policy": freeze}
    chosen = [f"{name}={value}" for name, value in switches.items() if value is not None]
    config = apply_settings(config, [*chosen, *(settings or [])])
    if dry_run:
        _tell_cost(opened, config)
    else:
        run_here(create_run(opened, config), detach=detach)


def configured(
    project: Project,
    task: Task,
    preset: PresetName | Literal["auto"],
    *,
    name: str,
    train: str | None,
    val: str | None,
    minutes: float | None,
    steps: int | None,
    init: str | None,
    seed: int,
    device: str,
) -> RunConfig:
    """Turn what a user typed into the settings of a run."""
    from ..training.config import preset_config

    if (minutes is None) == (steps is None):
        raise UserError("a run needs --minutes or --steps, one of the two; nothing was started")
    train_ids, val_ids = _cases(project, task, train, val, seed)
    size = _suitable_size(device)
    return preset_config(
        size if preset == "auto" else preset,
        task,
        size=size,
        name=name,
        train=train_ids,
        validation=val_ids,
        seed=seed,
        device=device,
        init=_start(project, init, preset),
        budget={"steps": steps, "minutes": minutes},
    )


def _refuse_choices(*choices: object) -> None:
    if any(choice not in (None, "auto") for choice in choices):
        raise UserError(
            "--auto chooses task, cases, start and preset itself; nothing was started; leave these options and --steps "
            "out, or leave out --auto"
        )


def _advised(
    folder: Path, name: str, minutes: float | None, device: str, settings: list[str], *, dry_run: bool, detach: bool
) -> None:
    """Train what the project is ready for."""
    from ..project import Project
    from ..training.advice import MINUTES, advise, situation_of
    from ..training.config import apply_settings
    from ..training.rehearsal import rehearse
    from ..training.run import create_run

    project = Project.open(folder)
    gpu = _suitable_size(device) == "default"
    advice = advise(situation_of(project, gpu=gpu), MINUTES if minutes is None else minutes)
    if advice.config is None:
        raise UserError(advice.said)
    config = apply_settings(advice.config, [f"name={name}", f"device={device}", *settings])
    advice = replace(advice, config=config)
    if minutes is None or dry_run:
        cost = rehearse(project, config)
        assert cost is not None, "nothing cancels it here"
        advice = advice.measured(cost) if minutes is None else replace(advice, cost=cost)
    typer.echo(advice.sentence)
    if not dry_run:
        assert advice.config is not None, "it was there before it was measured"
        run_here(create_run(project, advice.config), detach=detach)


def _tell_cost(project: Project, config: RunConfig) -> None:
    from ..training.rehearsal import rehearse

    cost = rehearse(project, config)
    assert cost is not None, "nothing cancels it here"
    typer.echo(
        f"{cost.text(config)}; one step takes {cost.seconds_a_step:.2g} s; nothing was started and no run was made"
    )


def _task(task: TaskName | None, preset: str) -> Task:
    if preset == "progressive":
        if task not in (None, "interactive"):
            raise UserError(
                f"preset progressive is interactive training, not {task}; nothing was started; leave out --task"
            )
        return "interactive"
    if task is None:
        raise UserError(
            "say what the network learns: --task segmentation, restoration, interactive or shape; nothing was started"
        )
    return task


def _cases(
    project: Project, task: Task, train: str | None, val: str | None, seed: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    from ..data.splits import selection

    known = [case.id for case in project.cases]
    chosen, validating = (None if text is None else selection(text, known) for text in (train, val))
    if task != "restoration":
        return project.draw(chosen, validating, seed)
    if validating:
        raise UserError(
            "restoration learns from scans alone and is not validated; nothing was started; leave out --val"
        )
    return project.scans(chosen, seed), ()


def _start(project: Project, init: str | None, preset: str) -> str | None:
    """Return the folder of the run to start from; preset progressive takes the newest restoration run."""
    from ..training.starts import newest_restoration

    if init is not None:
        return str(find_run(project, init))
    if preset != "progressive":
        return None
    found = newest_restoration(project)
    if found is None:
        first = shlex.join(["progseg", "train", str(project.root), "--task", "restoration", "--name", "learn"])
        raise UserError(
            "preset progressive starts from a restoration run, and this project has none with a checkpoint; "
            f"nothing was started; first run: {first} --minutes 5"
        )
    typer.echo(f"starts from {found.name}, the newest restoration run")
    return str(found.resolve())


def _suitable_size(device: str) -> Literal["default", "tiny"]:
    if device == "cpu":
        return "tiny"
    import torch

    return "default" if torch.cuda.is_available() else "tiny"

"""The run whose weights another one begins with: found, and carried over."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path

from torch import nn

from ..data.plan import Plan
from ..errors import UserError
from ..inference.model import Weights, load_weights
from ..lineage import start_folder
from ..networks.shape import ShapeNetwork
from ..networks.surgery import CarryReport, carry_over
from ..project import Project
from ..storage.atomic import read_json
from ..storage.checkpoint import list_checkpoints
from .config import RunConfig
from .watch import CONFIG


def usable_starts(project: Project) -> tuple[Path, ...]:
    """Return the runs that have a checkpoint another run can begin with, newest first; those of shapes cannot."""
    trained = (run for run in reversed(project.runs()) if list_checkpoints(run / "checkpoints"))
    return tuple(run for run in trained if task_of(run) != "shape")


def newest_restoration(project: Project) -> Path | None:
    """Return the newest restoration run that has a checkpoint."""
    return next((run for run in usable_starts(project) if task_of(run) == "restoration"), None)


def task_of(run_dir: Path) -> str | None:
    """Return the task of a run, None where its settings cannot be read."""
    with contextlib.suppress(UserError, OSError):
        return str(read_json(run_dir / CONFIG).get("task"))
    return None


def config_of(run_dir: Path) -> RunConfig:
    """Read the settings of a run."""
    return RunConfig.model_validate(read_json(run_dir / CONFIG))


def source_weights(runs_dir: Path, init: str) -> Weights:
    """Read the weights of the run `init`, also where the project has been moved since that path was written.

    Raises
    ------
    UserError
        If the run is gone, has no checkpoint, or has learned shapes.
    """
    folder = start_folder(runs_dir, init)
    if not folder.is_dir():
        raise UserError(
            f"the run to start from, {init}, is not there; nothing was started; start from another run or from scratch"
        )
    weights = load_weights(folder)
    if weights.plan.heads is not None:
        raise UserError(
            f"the run to start from, {folder.name}, has learned shapes, and no other run can begin with that; "
            "nothing was started; start from a restoration run or from scratch"
        )
    return weights


def take_over(runs_dir: Path, network: nn.Module, plan: Plan, config: RunConfig) -> CarryReport:
    """Load the weights of `config.init` into a new network, and report what it took over."""
    assert config.init is not None, "a run from scratch takes over nothing"
    weights = source_weights(runs_dir, config.init)
    origin = f"{start_folder(runs_dir, config.init).name} ({weights.config.task}, step {weights.step})"
    keep_head = config.start.keep_head
    inner = network.unet if isinstance(network, ShapeNetwork) else network
    loaded, report = carry_over(weights.tensors, weights.plan, inner, plan, origin=origin, keep_head=keep_head)
    inner.load_state_dict(loaded)
    return report if inner is network else _named_within(network, report)


def _named_within(network: nn.Module, report: CarryReport) -> CarryReport:
    """Name the tensors of the U-Net as the shape network around it does; all others are new."""
    carried = tuple(f"backbone.unet.{name}" for name in report.carried)
    new = tuple(name for name, _ in network.named_parameters() if name not in carried)
    return replace(report, carried=carried, new=new)

"""A trained model, loaded from a run with everything that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from ..data.plan import Plan
from ..errors import UserError
from ..networks import build_network
from ..storage.atomic import read_json
from ..storage.checkpoint import Checkpoint, list_checkpoints, load_checkpoint, newest_intact
from ..training.config import RunConfig
from ..volume import LabelClass


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A network with its plan.

    Parameters
    ----------
    network : nn.Module
        In evaluation mode, on `device`; maps (B, channels, *patch) to logits (B, classes, *patch).
    plan : Plan
        Preprocessing, patch, classes, click settings.
    config : RunConfig
        The run's settings.
    name : str
        Name of the run folder.
    step : int
        Optimiser steps behind it.
    dice : float or None
        Mean validation Dice of this checkpoint.
    sha256 : str
        Of the file of weights; empty where they come from no file.
    """

    network: nn.Module
    plan: Plan
    config: RunConfig
    device: torch.device
    name: str
    step: int
    dice: float | None
    sha256: str = ""

    @property
    def classes(self) -> tuple[LabelClass, ...]:
        """The structures it knows."""
        return self.plan.classes

    @torch.no_grad()
    def probabilities(self, inputs: Tensor) -> Tensor:
        """Return class probabilities (B, classes, *patch) as float32 on the CPU for CPU or device inputs."""
        logits = forward(self.network, inputs.to(self.device))
        return torch.sigmoid(logits.float()).cpu()


def forward(network: nn.Module, inputs: Tensor) -> Tensor:
    """Run a network; a lone 3D sample on a CPU is doubled, since PyTorch is faster at two (measured)."""
    if inputs.ndim == 5 and len(inputs) == 1 and inputs.device.type == "cpu":
        return network(inputs.expand(2, *inputs.shape[1:]))[:1]  # type: ignore[no-any-return]
    with torch.autocast("cuda", torch.bfloat16, enabled=inputs.device.type == "cuda"):
        return network(inputs)  # type: ignore[no-any-return]


def choose_device(wanted: str) -> torch.device:
    """Turn ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps`` into a device.

    Raises
    ------
    UserError
        If the device asked for is not there.
    """
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise UserError(f"{wanted!r} is no device; nothing was started; choose auto, cpu, cuda or mps") from None
    missing = (device.type == "cuda" and not torch.cuda.is_available()) or (
        device.type == "mps" and not torch.backends.mps.is_available()
    )
    if missing:
        raise UserError(f"this machine has no {wanted} device; nothing was started; choose --device auto or cpu")
    return device


@dataclass(frozen=True, eq=False)
class Weights:
    """Trained weights of a run of any task, by name, on the CPU.

    Parameters
    ----------
    tensors : dict of str to Tensor
        The averaged weights.
    plan, config : Plan, RunConfig
        Of that run.
    step : int
        Optimiser steps behind them.
    dice : float or None
        Mean validation Dice.
    sha256 : str
        Of the file they were read from.
    mm : float or None
        Mean surface distance on the validation cases, of task ``shape``.
    """

    tensors: dict[str, Tensor]
    plan: Plan
    config: RunConfig
    step: int
    dice: float | None
    sha256: str
    mm: float | None = None


def load_weights(run_dir: Path) -> Weights:
    """Read the best checkpoint of a run, else the newest intact one.

    Raises
    ------
    UserError
        If the folder holds no usable checkpoint.
    """
    checkpoint = best_checkpoint(Path(run_dir))
    state = checkpoint.state
    plan, config = Plan.model_validate(state["plan"]), RunConfig.model_validate(state["config"])
    sha256 = checkpoint.sha256["average"]
    return Weights(checkpoint.tensors["average"], plan, config, state["step"], state["dice"], sha256, state.get("mm"))


def load_trained(run_dir: Path, device: str = "auto") -> TrainedModel:
    """Load the model of a run, ready to segment.

    Raises
    ------
    UserError
        If the folder holds no usable checkpoint, the run learned to restore images, or the device is missing.
    """
    run_dir = Path(run_dir)
    on = choose_device(device)
    weights = load_weights(run_dir)
    if not weights.plan.classes:
        raise UserError(
            f"{run_dir.name} has learned to restore images and knows no structure yet; nothing was changed; "
            "start a training from it (--init) and use that"
        )
    if weights.plan.heads is not None:
        raise UserError(
            f"{run_dir.name} has learned shapes, which are predicted with progseg shape predict; nothing was changed; "
            "choose a run that segments"
        )
    network = build_network(weights.plan, seed=0)
    network.load_state_dict(weights.tensors)
    network.to(on).eval().requires_grad_(requires_grad=False)
    return TrainedModel(
        network, weights.plan, weights.config, on, run_dir.name, weights.step, weights.dice, weights.sha256
    )


def best_checkpoint(run_dir: Path) -> Checkpoint:
    """Read the averaged weights of a run's best checkpoint, else of the newest intact one.

    Raises
    ------
    UserError
        If the folder holds no usable checkpoint.
    """
    folder = run_dir / "checkpoints"
    pointer = folder / "best.json"
    if pointer.exists():
        named = folder / str(read_json(pointer)["checkpoint"])
        try:
            return load_checkpoint(named, ("average",))
        except UserError:
            if len(list_checkpoints(folder)) < 2:
                raise
    found = newest_intact(folder).checkpoint if folder.is_dir() else None
    if found is None:
        raise UserError(f"{run_dir} holds no checkpoint yet; nothing is lost; train the run for a while first")
    return found


def stacked(images: Tensor, maps: Tensor, previous: Tensor, *, use_previous: bool) -> Tensor:
    """Stack image, two click maps and, where the model has it, the previous mask into network input."""
    return torch.cat([images, maps, previous] if use_previous else [images, maps], dim=1)

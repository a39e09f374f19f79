"""What a run leaves on disk while it trains: events, checkpoints, previews and a sign of life."""

from __future__ import annotations

import io
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer

from ..data.plan import Plan
from ..errors import UserError
from ..storage.atomic import write_bytes, write_json
from ..storage.checkpoint import Checkpoint, Found, newest_intact, prune, save_checkpoint
from ..storage.journal import Journal
from .config import RunConfig
from .events import Checkpointed, Event, StepDone, to_record
from .fit import Trainee
from .watch import ALIVE, EVENTS, beat

_FLUSH_SECONDS = 0.2
_BEAT_SECONDS = 2.0
_KEPT_PREVIEWS = 3
_KEPT_CHECKPOINTS = 2


class EventLog:
    """Writes events; the losses of many steps are fetched from the device together.

    Attributes
    ----------
    step : int
        The last step that was told, or that the run went on from; the faulty one once a loss was no number.
    """

    def __init__(self, run_dir: Path) -> None:
        self.step = 0
        self._journal = Journal(run_dir / EVENTS, durable=False)
        self._waiting: list[Event] = []
        self._flushed = time.monotonic()

    def add(self, event: Event) -> list[Event]:
        """Take an event and return those that were written now, losses as numbers.

        Raises
        ------
        UserError
            If a loss is no number.
        """
        self._waiting.append(event)
        if isinstance(event, StepDone):
            self.step = event.step
        if isinstance(event, StepDone) and time.monotonic() - self._flushed < _FLUSH_SECONDS:
            return []
        return self.flush()

    def flush(self) -> list[Event]:
        """Write all that waits."""
        events, self._waiting = _with_numbers(self._waiting), []
        self._flushed = time.monotonic()
        wrong = next((e for e in events if isinstance(e, StepDone) and not math.isfinite(e.loss)), None)
        good = events if wrong is None else events[: events.index(wrong)]
        self._journal.extend(to_record(event) for event in good)
        if wrong is not None:
            self.step = wrong.step
            raise UserError(
                f"the loss stopped being a number at step {wrong.step}; the checkpoints before it are safe; "
                "start again with a lower optimiser.rate"
            )
        return events


def _with_numbers(events: list[Event]) -> list[Event]:
    losses = [event.loss for event in events if isinstance(event, StepDone)]
    numbers = iter(torch.stack(losses).tolist() if losses else [])  # type: ignore[arg-type]
    return [replace(event, loss=next(numbers)) if isinstance(event, StepDone) else event for event in events]


class CheckpointKeeper:
    """Saves checkpoints and remembers which is best.

    Parameters
    ----------
    run_dir : Path
        Checkpoints go to ``checkpoints/step-NNNNNN``; ``best.json`` and ``last.json`` name two of them.
    """

    def __init__(self, run_dir: Path, plan: Plan, config: RunConfig) -> None:
        self._run_dir = run_dir
        self._folder = run_dir / "checkpoints"
        self._documents = {"plan": plan.model_dump(mode="json"), "config": config.model_dump(mode="json")}
        # distances are better the smaller they are
        self.measure = "mm" if plan.heads is not None else "dice"
        self.best: float | None = None
        self._best_name = ""
        self._saved = time.monotonic()
        self._saved_step = -1

    @property
    def age(self) -> float:
        """Seconds since the last checkpoint."""
        return time.monotonic() - self._saved

    def improves(self, score: float | None) -> bool:
        """Say whether a validation's score (Dice; of shapes mm) is better than all before."""
        if score is None or self.best is None:
            return score is not None
        return score < self.best if self.measure == "mm" else score > self.best

    def save(self, trainee: Trainee, seconds: float, score: float | None = None) -> Checkpointed | None:
        """Write a checkpoint; None if nothing is new, or if the weights are no longer numbers."""
        improved = self.improves(score)
        if (trainee.step == self._saved_step and not improved) or not _is_finite(trainee.network):
            return None
        name = f"step-{trainee.step:06d}"
        if improved:
            self.best, self._best_name = score, name
        state = {
            "step": trainee.step,
            "samples": trainee.samples,
            "seconds": seconds,
            "dice": None,
            self.measure: score,
            "best": self.best,
            "best_name": self._best_name,
            "carried": trainee.carried,
            "learning": [name for name, each in trainee.network.named_parameters() if each.requires_grad],
            **self._documents,
        }
        save_checkpoint(self._folder / name, _tensors(trainee), state)
        if improved:
            write_json(self._folder / "best.json", {"checkpoint": name, "dice": None, self.measure: score})
        write_json(self._folder / "last.json", {"checkpoint": name})
        # damaged checkpoints of later steps must not push out this one
        prune(self._folder, _KEPT_CHECKPOINTS, {self._best_name, name})
        self._saved, self._saved_step = time.monotonic(), trainee.step
        return Checkpointed(trainee.step, f"checkpoints/{name}")

    def newest(self) -> Found:
        """Load the newest intact checkpoint, if there is one."""
        return newest_intact(self._folder)

    def restore(self, trainee: Trainee, checkpoint: Checkpoint) -> float:
        """Go back to a checkpoint of this run and return its seconds."""
        _load(trainee, checkpoint)
        self.best, self._best_name = checkpoint.state["best"], checkpoint.state["best_name"]
        self._saved_step = trainee.step
        return float(checkpoint.state["seconds"])


def _is_finite(network: nn.Module) -> bool:
    return all(bool(parameter.isfinite().all()) for parameter in network.parameters())


def _tensors(trainee: Trainee) -> dict[str, dict[str, Tensor]]:
    return {
        "model": trainee.network.state_dict(),
        "average": trainee.average.state_dict(),
        "optimizer": _optimiser_tensors(trainee.optimiser),
    }


def _optimiser_tensors(optimiser: Optimizer) -> dict[str, Tensor]:
    states, names = optimiser.state_dict()["state"], _names(optimiser)
    return {f"{names[n]}:{kind}": torch.as_tensor(v) for n, state in states.items() for kind, v in state.items()}


def _names(optimiser: Optimizer) -> list[str]:
    """Return the parameters' names in the order in which an optimiser numbers them."""
    return [name for group in optimiser.state_dict()["param_groups"] for name in group["param_names"]]


def _load(trainee: Trainee, checkpoint: Checkpoint) -> None:
    trainee.network.load_state_dict(checkpoint.tensors["model"])
    trainee.average.load_state_dict(checkpoint.tensors["average"])
    states: dict[int, dict[str, Any]] = {}
    numbers = {name: number for number, name in enumerate(_names(trainee.optimiser))}
    for key, tensor in checkpoint.tensors["optimizer"].items():
        name, kind = key.rsplit(":", 1)
        states.setdefault(numbers[name], {})[kind] = tensor
    groups = trainee.optimiser.state_dict()["param_groups"]
    trainee.optimiser.load_state_dict({"state": states, "param_groups": groups})
    trainee.step = int(checkpoint.state["step"])
    trainee.samples = int(checkpoint.state.get("samples", 0))


class PreviewWriter:
    """Writes live predictions that are never overwritten; the last three are kept."""

    def __init__(self, run_dir: Path) -> None:
        self._folder = run_dir / "preview"
        numbers = [int(path.stem) for path in self._folder.glob("*.npz") if path.stem.isdigit()]
        self.sequence = max(numbers, default=0)

    def write(self, case: str, step: int, **arrays: NDArray[Any]) -> str:
        """Write named arrays with case and step, and return their path below the run folder."""
        self.sequence += 1
        buffer = io.BytesIO()
        contents: dict[str, Any] = {"case": np.array(case), "step": np.array(step), **arrays}
        np.savez_compressed(buffer, **contents)
        path = self._folder / f"{self.sequence:06d}.npz"
        write_bytes(path, buffer.getvalue(), durable=False)
        (self._folder / f"{self.sequence - _KEPT_PREVIEWS:06d}.npz").unlink(missing_ok=True)
        return f"preview/{path.name}"


@contextmanager
def sign_of_life(run_dir: Path) -> Iterator[None]:
    """Raise the counter in ``alive.json`` every two seconds, from a thread of its own."""
    ended = threading.Event()

    def beating() -> None:
        count = 0
        while not ended.wait(_BEAT_SECONDS):
            count += 1
            beat(run_dir, count)

    beat(run_dir, 0)
    thread = threading.Thread(target=beating, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        (run_dir / ALIVE).unlink(missing_ok=True)

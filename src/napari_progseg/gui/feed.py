"""What is known about a run, folded from its events; knows neither Qt nor napari."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

from ..training.config import ShapeConfig
from ..training.events import (
    Checkpointed,
    Continued,
    DicePerCase,
    Event,
    Failed,
    Finished,
    Paused,
    Previewed,
    Restored,
    Said,
    Scheduled,
    Started,
    StepDone,
    Validated,
)
from .modes import MODES, Mode

MOST_LOSSES = 2000
_RECENT = 10
ENDED = ("finished", "stopped", "failed", "dead")


@dataclass
class RunFeed:
    """The state of one run.

    Parameters
    ----------
    name : str
        Name of the run folder.
    mode : Mode
        How it learns.
    cases : tuple of str
        What it learns from.
    start : Path or None
        The run it began with.
    error : {"l1", "mse"}
        How restored images are compared.
    beside : bool
        Whether it trains beside the work, without a word from the user.
    shape : ShapeConfig or None
        How it learns shapes, where it does.
    """

    name: str
    mode: Mode = MODES["segmentation"]
    cases: tuple[str, ...] = ()
    start: Path | None = None
    error: str = "l1"
    beside: bool = False
    shape: ShapeConfig | None = None
    state: str = "starting"
    sentence: str = ""
    step: int = 0
    progress: float = 0.0
    seconds: float = 0.0
    losses: list[tuple[int, float]] = field(default_factory=list)
    validations: list[Validated] = field(default_factory=list)
    best: Validated | None = None
    checkpoint_step: int | None = None
    message: str = ""
    said: list[str] = field(default_factory=list)
    schedule: Scheduled | None = None
    newest: StepDone | None = None

    def update(self, events: Iterable[Event]) -> None:
        """Take in new events, oldest first."""
        for event in events:
            self._take(event)

    def _take(self, event: Event) -> None:
        match event:
            case Started(step=step, sentence=sentence):
                self.state, self.step, self.sentence = "running", step, sentence
                self._forget_after(step)
            case StepDone(step=step, progress=progress, seconds=seconds, loss=loss):
                self.state, self.step, self.progress, self.seconds = "running", step, progress, seconds
                self.newest = event
                self._add_loss(step, loss)
            case Scheduled():
                self.schedule = event
            case Validated():
                self._add_validation(event)
            case Checkpointed(step=step):
                self.checkpoint_step = step
            case Paused():
                self.state = "paused"
            case Continued():
                self.state = "running"
            case Said(text=text):
                self.message = text
                self.said.append(text)
            case Finished(step=step, seconds=seconds, reason=reason):
                self.state = "stopped" if reason == "stopped" else "finished"
                self.step, self.seconds = step, seconds
                self.progress = self.progress if reason == "stopped" else 1.0
            case Failed(message=message):
                self.state, self.message = "failed", message
            case Previewed() | Restored():
                pass

    def _forget_after(self, step: int) -> None:
        """Drop what a resumed run will say again."""
        self.losses = [(at, loss) for at, loss in self.losses if at <= step]
        self.validations = [each for each in self.validations if each.step <= step]
        self.best = next((each for each in reversed(self.validations) if each.best), None)

    def _add_loss(self, step: int, loss: float) -> None:
        self.losses.append((step, loss))
        if len(self.losses) > MOST_LOSSES:
            self.losses = self.losses[::2]

    def _add_validation(self, event: Validated) -> None:
        self.validations.append(event)
        if event.best:
            self.best = event

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ENDED

    @property
    def dice(self) -> float | None:
        """Newest mean Dice on the validation cases."""
        return self.validations[-1].mean_dice if self.validations else None

    @property
    def best_dice(self) -> float | None:
        """Best mean Dice on the validation cases."""
        return self.best.mean_dice if self.best else None

    @property
    def mm(self) -> float | None:
        """Newest mean distance between predicted and true surfaces of the validation cases, in mm; of shapes alone."""
        return self.validations[-1].mean_mm if self.validations else None

    @property
    def best_mm(self) -> float | None:
        """Smallest mean distance between predicted and true surfaces of the validation cases, in mm."""
        return self.best.mean_mm if self.best else None

    @property
    def restores(self) -> bool:
        """Whether it learns to restore images, so that there is an error and no Dice."""
        return not self.mode.needs_labels

    @property
    def shapes(self) -> bool:
        """Whether it learns shapes, so that there is a distance in mm and no Dice."""
        return self.mode.task == "shape"

    @property
    def newest_error(self) -> float | None:
        """Mean error of the restored images over the last steps; None for other modes."""
        recent = [loss for _, loss in self.losses[-_RECENT:]]
        return sum(recent) / len(recent) if self.restores and recent else None

    def trend(self, points: int = 60) -> list[float]:
        """Return Dice or distance at the validations, or the error averaged into at most so many points."""
        if not self.restores:
            return [value for value in map(self.score, self.validations) if value is not None]
        width = max(1, len(self.losses) // points)
        parts = [self.losses[n : n + width] for n in range(0, len(self.losses), width)]
        return [sum(loss for _, loss in part) / len(part) for part in parts]

    def score(self, event: Validated) -> float | None:
        """Return what a validation measured: the mean Dice, or the mean distance in mm."""
        return event.mean_mm if self.shapes else event.mean_dice

    @property
    def gain(self) -> float | None:
        """Change of the mean Dice, or of the mean distance in mm, between the last two validations."""
        means = [self.score(each) for each in self.validations[-2:]]
        return means[1] - means[0] if len(means) == 2 and None not in means else None  # type: ignore[operator]

    def patch_steps(self) -> list[tuple[float, int, int]]:
        """Return (progress, voxels of a patch, patches of a batch) where they change; empty where they never do."""
        planned = [] if self.schedule is None else self.schedule.patches
        return [(start, prod(patch), batch) for start, patch, batch in planned] if len(planned) > 1 else []

    @property
    def growing(self) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        """The present patch and the full one, while patches are still growing; the Dice is low until they are full."""
        planned = () if self.schedule is None else self.schedule.patches
        if len(planned) < 2 or self.newest is None:
            return None
        now, full = tuple(self.newest.patch), tuple(planned[-1][1])  # as they are read, sizes are lists
        return None if now == full else (now, full)

    def case_steps(self) -> list[tuple[float, int]]:
        """Return (progress, active cases) where cases join, forecast at the pace so far; empty where none do."""
        planned = [] if self.schedule is None else self.schedule.cases
        if len(planned) < 2 or self.newest is None or not self.newest.progress:
            return []
        pace = self.newest.samples / self.newest.progress
        return [(min(1.0, samples / pace) if pace else 0.0, count) for samples, count in planned]

    @property
    def seconds_left(self) -> float | None:
        """Time to go, from the progress so far."""
        if self.progress < 0.005 or self.ended:
            return None
        return self.seconds * (1 - self.progress) / self.progress

    def class_curves(self) -> dict[str, list[tuple[int, float]]]:
        """Return, for each class, (step, Dice averaged over the validation cases)."""
        curves: dict[str, list[tuple[int, float]]] = {}
        for event in self.validations:
            for name, value in class_means(event.cases).items():
                if value is not None:
                    curves.setdefault(name, []).append((event.step, value))
        return curves


def class_means(cases: DicePerCase) -> dict[str, float | None]:
    """Average Dice over cases, class by class, leaving out n/a."""
    names = dict.fromkeys(name for dice in cases.values() for name in dice)
    means: dict[str, float | None] = {}
    for name in names:
        known = [value for dice in cases.values() if (value := dice.get(name)) is not None]
        means[name] = sum(known) / len(known) if known else None
    return means

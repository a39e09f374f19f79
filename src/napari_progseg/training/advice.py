"""What to train next with what is there: settings, and the sentence that says them. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

from ..data.plan import Plan
from ..data.splits import Split, choose
from ..errors import UserError
from ..project import Project
from ..storage.atomic import read_json
from ..volume import LabelClass
from .config import RunConfig, Section, Task, apply_settings, preset_config
from .offer import is_held_back
from .watch import CONFIG

# five minutes is what docs/results/first-path.md measured; the rest keeps slow machines from ending too early
MINUTES, LEAST_STEPS = 5.0, 200


class Cost(Section):
    """What a dry run measured.

    Parameters
    ----------
    device : str
        ``cuda``, ``cpu`` or ``mps``.
    seconds_a_step, preparation_seconds : float
        Mean over the run, and what comes before its first step.
    memory_bytes : int
        Most memory: of CUDA what tensors take, else of the process.
    """

    device: str
    seconds_a_step: float
    memory_bytes: int
    preparation_seconds: float

    def seconds(self, config: RunConfig) -> float:
        """Return how long a run with these settings takes."""
        budget = config.budget
        steps = budget.steps * self.seconds_a_step if budget.steps is not None else 60 * (budget.minutes or 0)
        return self.preparation_seconds + steps

    def text(self, config: RunConfig) -> str:
        """Say it in words, such as ``about 6 min and 2.1 GB on this GPU``."""
        device = "GPU" if self.device == "cuda" else self.device.upper()
        return f"about {_time(self.seconds(config))} and {self.memory_bytes / 1e9:.1f} GB on this {device}"


@dataclass(frozen=True)
class Earlier:
    """A trained run that a new one may begin with.

    Parameters
    ----------
    train : tuple of str
        Cases it learned from.
    classes : tuple of LabelClass
        What it segments; empty for restoration.
    dice : float or None
        Its best on validation cases.
    """

    path: Path
    task: Task
    train: tuple[str, ...]
    classes: tuple[LabelClass, ...] = ()
    dice: float | None = None


@dataclass(frozen=True)
class Situation:
    """What is there.

    Parameters
    ----------
    split : Split
        Completed cases by purpose.
    unlabelled : int
        Cases without complete labels.
    classes : tuple of LabelClass
        The structures of the project.
    earlier : tuple of Earlier
        Trained runs, newest first.
    gpu : bool
        Whether a CUDA device will train.
    """

    split: Split
    unlabelled: int
    classes: tuple[LabelClass, ...]
    earlier: tuple[Earlier, ...]
    gpu: bool


@dataclass(frozen=True)
class Advice:
    """What to do next.

    Parameters
    ----------
    config : RunConfig or None
        Settings of the run; None where nothing can be trained yet.
    said : str
        What the run does, or what to do first.
    cost : Cost or None
        What a dry run of it measured.
    """

    config: RunConfig | None
    said: str
    cost: Cost | None = None

    @property
    def sentence(self) -> str:
        """The advice in one sentence, with time and memory as far as they are known."""
        if self.config is None:
            return self.said
        budget = self.config.budget
        planned = f"{budget.minutes:g} min" if budget.steps is None else f"{budget.steps} steps"
        return f"{self.said}; {planned if self.cost is None else self.cost.text(self.config)}."

    def measured(self, cost: Cost) -> Advice:
        """Take in a dry run; a machine that is slow gets the time that enough steps need."""
        if self.config is None or self.config.budget.steps is not None:
            return replace(self, cost=cost)
        least = ceil(LEAST_STEPS * cost.seconds_a_step / 60)
        minutes = max(self.config.budget.minutes or MINUTES, float(least))
        return replace(self, config=apply_settings(self.config, [f"budget.minutes={minutes}"]), cost=cost)


def advise(situation: Situation, minutes: float = MINUTES) -> Advice:
    """Choose what to train on the labelled patients.

    The model follows clicks and answers without any. It starts from the newest run that follows clicks to the same
    structures, else from the newest restoration run, else from scratch. Patients train and check as the project splits
    them, and those kept for the test stay out.
    """
    try:
        train, checks = choose(situation.split, None, None, 0)
    except UserError:
        return Advice(
            None,
            "No patient is labelled completely yet, so there is nothing to fine-tune on: label one and mark it "
            "completed. Learning from all scans needs no labels.",
        )
    start = _start(situation)
    knows_structures = start is not None and start.task != "restoration"
    if start is not None and knows_structures:
        checks = tuple(case for case in checks if case not in start.train)
    config = preset_config(
        "default" if situation.gpu else "tiny",
        "interactive",
        name="finetune",
        train=train,
        validation=checks,
        init=None if start is None else str(start.path.resolve()),
        budget={"minutes": minutes},
    )
    if knows_structures:
        config = apply_settings(config, ["clicks.after=0"])
    return Advice(config, _said(situation, start, len(train), len(checks)))


def situation_of(project: Project, *, gpu: bool) -> Situation:
    """Read what a project holds."""
    unlabelled = len(project.cases) - len(project.completed)
    return Situation(project.split, unlabelled, project.classes, tuple(_earlier(project)), gpu)


def _earlier(project: Project) -> Iterator[Earlier]:
    for run in reversed(project.runs()):
        with suppress(UserError, OSError, ValueError):  # a run that cannot be read is no start
            if not (run / "checkpoints" / "last.json").exists() or is_held_back(run):
                continue
            config = RunConfig.model_validate(read_json(run / CONFIG))
            if config.task == "shape":
                continue
            plan = Plan.model_validate(read_json(run / "plan.json"))
            yield Earlier(run, config.task, config.train, plan.classes, _dice(run))


def _dice(run: Path) -> float | None:
    best = run / "checkpoints" / "best.json"
    return float(read_json(best)["dice"]) if best.exists() else None


def _start(situation: Situation) -> Earlier | None:
    wanted = {(each.name, each.values) for each in situation.classes}
    clicking = [
        each
        for each in situation.earlier
        if each.task == "interactive" and {(one.name, one.values) for one in each.classes} == wanted
    ]
    restoring = [each for each in situation.earlier if each.task == "restoration"]
    return next(iter(clicking or restoring), None)


def _said(situation: Situation, start: Earlier | None, train: int, checks: int) -> str:
    verb = "Train" if start is None else "Fine-tune"
    text = f"{verb} on {_counted(train, 'labelled patient')}"
    text += f", checked on {_counted(checks, 'other')}" if checks else ", without a check on others"
    if start is None:
        left = situation.unlabelled
        return f"{text}, from scratch" + (f" ({_counted(left, 'scan')} without labels not used)" if left else "")
    number = f"run {start.path.name.partition('-')[0]}"
    if start.task == "restoration":
        return f"{text}, starting from restoration of {_counted(len(start.train), 'scan')} ({number})"
    return f"{text}, starting from {number}" + (f" (Dice {start.dice:.3f})" if start.dice is not None else "")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _time(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"

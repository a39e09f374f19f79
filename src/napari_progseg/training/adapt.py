"""A model from one centre adapted to another: fine-tuned on a few patients, and compared on others.

Transfer paper: the first layers stay as the source centre trained them, the last ones learn again (algorithms 3).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..evaluation.metrics import mean_of
from ..evaluation.statistics import Interval, bootstrap_interval, paired
from ..inference.evaluate import CaseResult, EvaluationReport
from ..inference.model import load_weights
from ..project import Project
from .config import BudgetConfig, FreezeChoice, RunConfig, apply_settings
from .offer import is_held_back
from .starts import task_of, usable_starts
from .watch import CONFIG

_CLICKS = 1


def source_run(folder: Path) -> Path:
    """Return the run that a folder stands for: itself, or the newest run of a project that segments.

    Raises
    ------
    UserError
        If it is neither, or nothing in it has been trained.
    """
    if (folder / CONFIG).is_file():
        return folder
    starts = usable_starts(Project.open(folder))
    usable = [run for run in starts if task_of(run) != "restoration" and not is_held_back(run)]
    if not usable:
        raise UserError(f"no run of {folder} has a model that segments; nothing was started; choose another project")
    return usable[0]


def adaptation(
    project: Project,
    source: Path,
    train: Sequence[str],
    validation: Sequence[str],
    budget: BudgetConfig,
    *,
    name: str = "adapted",
    freeze: FreezeChoice = "last_k",
    seed: int = 0,
    device: str = "auto",
    settings: Sequence[str] = (),
) -> RunConfig:
    """Return the settings of a run that adapts a model.

    Parameters
    ----------
    project : Project
        Of the target centre.
    source : Path
        Run of the source centre; it is only read. Task and all settings but those below are its own.
    train, validation : sequence of str
        Cases of the target centre.

    Raises
    ------
    UserError
        If the run has no model, or its classes are not those of the project.
    """
    weights = load_weights(source)
    theirs, ours = ({(each.name, each.values) for each in part} for part in (weights.plan.classes, project.classes))
    if theirs != ours:
        there, here = (", ".join(sorted(name for name, _ in part)) or "none" for part in (theirs, ours))
        raise UserError(
            f"{source.name} knows {there} with other label values than the project, which has {here}; nothing was "
            "started; give the project's classes the names and values of the model"
        )
    document: dict[str, Any] = weights.config.model_dump()
    # what the source learned from and on is no setting of this run; grid and window come with the weights
    document |= {
        "name": name,
        "train": tuple(train),
        "validation": tuple(validation),
        "init": str(source.resolve()),
        "seed": seed,
        "device": device,
        "budget": budget.model_dump(),
        "freeze": {"policy": freeze},
        "data": {},
        "start": {"keep_head": True},
    }
    document["preset"] = "tiny" if weights.config.preset == "progressive" else weights.config.preset
    document["samples"]["schedule"] = "all"
    return apply_settings(RunConfig.model_validate(document), list(settings))


@dataclass(frozen=True)
class Change:
    """Dice of a case before and after, the mean over its classes; None is n/a."""

    case: str
    before: float | None
    after: float | None


@dataclass(frozen=True)
class Changes:
    """What an adaptation did.

    Parameters
    ----------
    cases : tuple of Change
        Cases that neither model has seen.
    clicks : int
        Simulated clicks behind the figures.
    interval : Interval or None
        Of the mean paired difference after - before; None without a case where both are defined.
    """

    cases: tuple[Change, ...]
    clicks: int
    interval: Interval | None

    @property
    def better(self) -> bool:
        """Whether the mean has risen."""
        return self.interval is not None and self.interval.mean > 0


def compare(before: EvaluationReport, after: EvaluationReport) -> Changes:
    """Pair two evaluations of the same cases; cases that only one of them measured are left out."""
    clicks = max(after.counts)
    first, second = ({each.case: _mean(each, clicks) for each in report.cases} for report in (before, after))
    cases = tuple(Change(case, first[case], second[case]) for case in first if case in second)
    differences = paired([each.after for each in cases], [each.before for each in cases])
    interval = bootstrap_interval(differences, np.random.default_rng(0)) if len(differences) else None
    return Changes(cases, clicks, interval)


def clicks_to_compare(config: RunConfig) -> tuple[int, ...]:
    """Return the number of clicks at which the two models are compared."""
    return (_CLICKS,) if config.task == "interactive" else (0,)


def held_out(project: Project, seen: Collection[str]) -> tuple[str, ...]:
    """Return the completed cases on which an adaptation can be judged.

    Raises
    ------
    UserError
        If there is none.
    """
    cases = tuple(case.id for case in project.completed if case.id not in set(seen))
    if not cases:
        raise UserError(
            "no completed case is left to compare the models on; nothing was started; train on fewer, or complete more"
        )
    return cases


def _mean(result: CaseResult, clicks: int) -> float | None:
    return mean_of(result.dice[clicks].values())

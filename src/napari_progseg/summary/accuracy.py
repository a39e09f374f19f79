"""Dice of a run's model on completed cases that it has not learned from."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import UserError
from ..evaluation.metrics import mean_of
from ..evaluation.statistics import Interval, bootstrap_interval
from ..inference.cases import project_cases
from ..inference.evaluate import evaluate_case
from ..inference.model import load_trained
from ..project import Project

Scores = dict[str, float | None]


@dataclass(frozen=True)
class CaseDice:
    """Dice of a case by class, without clicks.

    `accepted` tells that its labels began as the prediction of a model, which flatters models.
    """

    case: str
    scores: Scores
    accepted: bool = False

    @property
    def mean(self) -> float | None:
        """Mean over the classes."""
        return mean_of(self.scores.values())


@dataclass(frozen=True)
class Accuracy:
    """What was measured.

    Parameters
    ----------
    run : str
        Name of the run.
    cases : tuple of CaseDice
        Completed cases that the run has not learned from.
    faults : tuple of str
        A sentence for each case that could not be measured.
    """

    run: str
    cases: tuple[CaseDice, ...]
    faults: tuple[str, ...] = ()

    def interval(self, *, independent: bool) -> Interval | None:
        """Return mean Dice with its 95 % bootstrap interval over cases; None without a case.

        `independent` leaves out the cases whose labels began as a prediction.
        """
        values = [each.mean for each in self.cases if not (independent and each.accepted)]
        defined = [value for value in values if value is not None]
        return bootstrap_interval(defined, np.random.default_rng(0)) if defined else None


def measure(
    project: Project,
    run: Path,
    learned_from: Collection[str],
    accepted: Collection[str],
    *,
    device: str = "auto",
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Accuracy:
    """Predict the completed cases that a run has not learned from, and compare with their labels.

    Parameters
    ----------
    learned_from : collection of str
        Cases that are left out.
    accepted : collection of str
        Cases whose labels began as the prediction of a model.
    cancelled : callable or None
        Asked between cases; what was measured until then is returned.

    Raises
    ------
    UserError
        If the run has no model that segments.
    """
    model = load_trained(run, device)
    held_out = project_cases(project, [case.id for case in project.completed if case.id not in learned_from])
    found, faults = [], []
    for number, case in enumerate(held_out, 1):
        if cancelled is not None and cancelled():
            break
        try:
            scores = evaluate_case(model, case, (0,)).dice[0]
            found.append(CaseDice(case.id, scores, case.id in accepted))
        except UserError as error:
            faults.append(str(error))
        if progress is not None:
            progress(number / len(held_out))
    return Accuracy(run.name, tuple(found), tuple(faults))

"""What the runs of a project say about numbers of labelled patients: the points that a forecast is made from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import numpy as np

from ..errors import UserError
from ..evaluation.forecast import FEWEST_BUDGETS, Budget, Forecast, forecast
from ..evaluation.metrics import mean_of
from ..project import Project
from ..storage.atomic import read_json
from .config import RunConfig
from .events import Validated, from_line
from .watch import CONFIG, EVENTS, status

RULE = (
    "Finished runs of one kind that did not start from a model that knew the structures, by the best Dice on the same "
    "validation patients; of equal numbers of patients the best run counts."
)
_FURTHER = 2


@dataclass(frozen=True)
class BudgetRun:
    """A finished run: how many patients it learned from, and the best Dice of each validation patient."""

    name: str
    patients: int
    dice: dict[str, float]

    def mean(self, cases: Sequence[str]) -> float:
        """Mean Dice over some of its validation patients."""
        return float(np.mean([self.dice[case] for case in cases]))


@dataclass(frozen=True)
class Budgets:
    """The best run for each number of patients, fewest first, and the patients on which all were checked."""

    runs: tuple[BudgetRun, ...]
    cases: tuple[str, ...]

    @property
    def points(self) -> tuple[Budget, ...]:
        """The points of the learning curve."""
        return tuple(Budget(run.patients, tuple(run.dice[case] for case in self.cases)) for run in self.runs)

    def forecast(self) -> Forecast | None:
        """Forecast up to twice the largest number of patients; None below four numbers of patients."""
        if len(self.runs) < FEWEST_BUDGETS:
            return None
        most = self.runs[-1].patients
        numbers = range(self.runs[0].patients, _FURTHER * most + 1)
        return forecast(self.points, numbers, np.random.default_rng(0))


def budgets_of(project: Project, task: str) -> Budgets:
    """Collect what the runs of a task say, by `RULE`.

    Of runs with different validation patients those are taken that share patients and give the most numbers of
    patients, then those that share the most patients.

    Parameters
    ----------
    task : {"segmentation", "interactive"}
        What the runs learned.
    """
    found = [run for path in project.runs() if (run := _budget_run(path, task)) is not None]
    shared = {tuple(sorted(run.dice)) for run in found}
    groups = [
        (cases, _best_of_each([run for run in found if run.dice.keys() >= set(cases)], cases)) for cases in shared
    ]
    if not groups:
        return Budgets((), ())
    cases, runs = max(groups, key=lambda group: (len(group[1]), len(group[0]), group[0]))
    return Budgets(runs, cases)


def forecast_sentence(found: Forecast) -> str:
    """Say what to expect from half as many patients more and from twice as many."""
    low, high, most = found.low, found.high, found.patients[-1]
    wanted = sorted({round(0.75 * most), most})
    places = [found.patients.index(number) for number in wanted]
    told = "; ".join(f"{found.patients[at]} patients: {low[at]:.2f} to {high[at]:.2f}" for at in places)
    return f"Dice to expect with {told} ({found.level * 100:.0f} % range)."


def past_error_sentence(runs: Sequence[BudgetRun], found: Forecast) -> str:
    """Say how far the forecasts were off that fewer of the same runs would have given."""
    known = len(runs)
    if known == FEWEST_BUDGETS:
        made = f"A forecast made with the first {known - 1} budgets missed the {known}th"
    else:
        made = f"Forecasts made with the first {FEWEST_BUDGETS - 1} to {known - 1} budgets missed the next one"
    return f"{made} by {found.past_error:.2f}{'' if known == FEWEST_BUDGETS else ' on average'}."


def missing_sentence(budgets: Budgets) -> str:
    """Say what a forecast still needs."""
    numbers = [str(run.patients) for run in budgets.runs]
    there = f"so far {len(numbers)} can be compared ({', '.join(numbers)})" if numbers else "so far there is none"
    return (
        f"A forecast needs finished runs with {FEWEST_BUDGETS} different numbers of patients, checked on the same "
        f"validation patients; {there}."
    )


def _best_of_each(runs: Sequence[BudgetRun], cases: Sequence[str]) -> tuple[BudgetRun, ...]:
    best: dict[int, BudgetRun] = {}
    for run in runs:
        if run.patients not in best or run.mean(cases) > best[run.patients].mean(cases):
            best[run.patients] = run
    return tuple(best[number] for number in sorted(best))


def _budget_run(path: Path, task: str) -> BudgetRun | None:
    """Read a run; None if it cannot be read, is of another task, has not finished, or knew the structures before."""
    try:
        config = RunConfig.model_validate(read_json(path / CONFIG))
        if config.task != task or _knew_structures(config, path.parent) or status(path).state != "finished":
            return None
        best = _best_validation(path / EVENTS)
    except (UserError, OSError, ValueError):
        return None
    scores = {} if best is None else {case: mean_of(dice.values()) for case, dice in best.cases.items()}
    known = {case: value for case, value in scores.items() if value is not None}
    return BudgetRun(path.name, len(config.train), known) if known else None


def _knew_structures(config: RunConfig, runs_dir: Path) -> bool:
    """Say whether a run started from one that is not known to have seen images alone."""
    if config.init is None:
        return False
    # the name also where another system wrote the path
    folder = Path(config.init) if Path(config.init).is_dir() else runs_dir / PureWindowsPath(config.init).name
    return bool(read_json(folder / CONFIG).get("task") != "restoration")


def _best_validation(events: Path) -> Validated | None:
    best = None
    for event in _validations(events):
        if event.best:
            best = event
    return best


def _validations(events: Path) -> Iterator[Validated]:
    """Read the validations of a run, passing over its many other lines unread."""
    with events.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if Validated.__name__ in line and isinstance(event := from_line(line), Validated):
                yield event

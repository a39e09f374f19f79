"""The model in use, trained further beside the work and measured against itself."""

from __future__ import annotations

from pathlib import Path

from ..data.splits import Split, draw
from ..errors import UserError
from ..evaluation.metrics import mean_of
from ..inference.cases import project_cases
from ..inference.evaluate import evaluate_run
from ..lineage import seen_cases
from ..matching import listed
from ..project import Project
from .adapt import Changes, adaptation, clicks_to_compare, compare, held_out
from .config import BudgetConfig, RunConfig
from .offer import Offer, write_offer
from .run import create_run
from .starts import config_of

MINUTES = 2.0
_MOST_HELD_OUT = 5


def create_update(project: Project, source: Path) -> Path:
    """Make a run that trains the model of another one further; it is held back until it is offered and taken.

    Raises
    ------
    UserError
        If there is nothing new to learn, or no patient is left to compare both models on.
    """
    run_dir = create_run(project, update_config(project, source))
    write_offer(run_dir, Offer(start=source.name))
    return run_dir


def update_config(project: Project, source: Path) -> RunConfig:
    """Return the settings of an update: all patients of the training part train, and none checks.

    Completed patients of the other parts are held out, so that both models can be compared on them.
    """
    train = project.split.train
    if set(train) <= set(config_of(source).train):
        raise UserError(nothing_new(source.name, project.split))
    held_out(project, (*train, *seen_cases(source, validation=False)))
    settings = ["patches.schedule=constant", "clicks.after=0"]
    budget = BudgetConfig(minutes=MINUTES)
    return adaptation(project, source, train, (), budget, name="update", freeze="none", settings=settings)


def nothing_new(model: str, split: Split) -> str:
    """Say that a model knows all patients that train, and what the others are for."""
    parts = ((split.validation, "checks models"), (split.test, "kept for the test"))
    kept = " and ".join(f"{listed(cases)} ({purpose})" for cases, purpose in parts if cases)
    learned = f"nothing to learn from {kept}" if kept else "nothing new to learn"
    return f"{learned}; {model} stays as it is; go on with the next patient"


def judged(project: Project, source: Path, run: Path) -> Offer:
    """Measure both models on at most five patients that neither has learned from.

    The model in use may have been chosen by its Dice on some of them, which favours it and never the update.
    """
    own = config_of(run)
    cases = held_out(project, (*own.train, *seen_cases(source, validation=False)))
    references = project_cases(project, draw(cases, min(len(cases), _MOST_HELD_OUT), 0))
    clicks = clicks_to_compare(own)
    before, after = (evaluate_run(each, references, clicks=clicks, validated=True) for each in (source, run))
    return offer_of(source.name, compare(before, after))


def offer_of(start: str, changes: Changes) -> Offer:
    """Turn a comparison into an offer; one that is not better is not offered."""
    pairs = [(each.before, each.after) for each in changes.cases if None not in (each.before, each.after)]
    return Offer(
        start=start,
        answer="open" if changes.better else "worse",
        before=mean_of(before for before, _ in pairs),
        after=mean_of(after for _, after in pairs),
        cases=len(pairs),
    )

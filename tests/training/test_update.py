"""Models trained further beside the work."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from napari_progseg.data.splits import Split
from napari_progseg.errors import UserError
from napari_progseg.evaluation.statistics import Interval
from napari_progseg.project import CaseState, Project
from napari_progseg.training import update
from napari_progseg.training.adapt import Change, Changes
from napari_progseg.training.offer import Offer, is_held_back, read_offer
from napari_progseg.training.run import create_run, execute
from napari_progseg.training.starts import config_of as settings_of
from napari_progseg.training.update import create_update, judged, nothing_new, offer_of, update_config


@pytest.fixture
def mine(study: Project, tmp_path: Path) -> Project:
    """A copy of the project that may be changed."""
    # with the scans, which it refers to by their place beside it
    shutil.copytree(study.root.parent, tmp_path / "study", ignore=shutil.ignore_patterns("runs"))
    return Project.open(tmp_path / "study" / study.root.name)


@pytest.fixture
def source(mine: Project, config_of: Any) -> Path:
    """A model of two of the patients that train."""
    run = create_run(mine, config_of(task="interactive", train=mine.split.train[:2], validation=mine.split.validation))
    list(execute(run))
    return run


def test_it_trains_on_all_patients_that_train_and_holds_the_others_out(mine: Project, source: Path) -> None:
    config = update_config(mine, source)
    assert len(mine.split.train) == 3
    assert (config.train, config.validation) == (mine.split.train, ())
    assert (config.init, config.name, config.task) == (str(source.resolve()), "update", "interactive")
    assert (config.budget.minutes, config.freeze.policy, config.clicks.after) == (2, "none", 0)


def test_it_is_held_back_from_its_beginning(mine: Project, source: Path) -> None:
    run = create_update(mine, source)
    assert is_held_back(run)
    assert not is_held_back(source)
    assert read_offer(run) == Offer(start=source.name)


def test_both_models_are_measured_on_patients_that_neither_learned_from(mine: Project, source: Path) -> None:
    run = create_run(mine, update_config(mine, source).model_copy(update={"budget": settings_of(source).budget}))
    list(execute(run))
    offer = judged(mine, source, run)
    assert (offer.start, offer.cases) == (source.name, len(mine.split.validation))
    assert offer.before is not None
    assert offer.after is not None


def test_nothing_new_is_nothing_to_learn(mine: Project, config_of: Any) -> None:
    run = create_run(mine, config_of(task="interactive", train=mine.split.train, validation=()))
    with pytest.raises(UserError) as refused:
        update_config(mine, run)
    (kept,) = mine.split.validation
    said = f"nothing to learn from {kept} (checks models); {run.name} stays as it is; go on with the next patient"
    assert str(refused.value) == said
    assert mine.runs() == [run]


def test_what_is_held_out_is_named_with_its_purpose() -> None:
    both = nothing_new("0001-x", Split(("a",), ("b",), ("c", "d")))
    assert both.startswith("nothing to learn from b (checks models) and c, d (kept for the test); 0001-x stays")
    assert nothing_new("0001-x", Split(("a",))).startswith("nothing new to learn; 0001-x stays as it is")


def test_without_a_held_out_patient_nothing_starts(mine: Project, source: Path) -> None:
    for case in mine.split.validation:
        mine.set_state(case, CaseState.IN_PROGRESS)
    before = mine.runs()
    with pytest.raises(UserError, match="no completed case is left"):
        create_update(mine, source)
    assert mine.runs() == before


@pytest.mark.parametrize(("change", "answer"), [(0.04, "open"), (-0.02, "worse"), (0.0, "worse")])
def test_only_a_better_model_is_offered(change: float, answer: str) -> None:
    cases = (Change("a", 0.8, 0.8 + change), Change("b", None, 0.5))
    offer = offer_of("0001-x", Changes(cases, 1, Interval(change, change, change, 0.95, 1)))
    assert (offer.answer, offer.before, offer.after, offer.cases) == (answer, 0.8, pytest.approx(0.8 + change), 1)


def test_nothing_to_compare_is_not_better() -> None:
    assert offer_of("0001-x", Changes((Change("a", None, None),), 1, None)).answer == "worse"
    assert update.MINUTES == 2

"""What to train next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_progseg.data.splits import Split, make_split
from napari_progseg.project import Project
from napari_progseg.training.advice import MINUTES, Cost, Earlier, Situation, advise, situation_of
from napari_progseg.training.offer import Offer, write_offer
from napari_progseg.training.run import execute
from napari_progseg.volume import LabelClass

LEFT, RIGHT = LabelClass("left", (1,)), LabelClass("right", (2,))
RESTORATION = Earlier(Path("/p/runs/0001-learn"), "restoration", tuple(f"s{n}" for n in range(24)))
CLICKS = Earlier(Path("/p/runs/0004-clicks"), "interactive", ("a", "b"), (LEFT,), 0.872)
COST = Cost(device="cuda", seconds_a_step=0.25, memory_bytes=2_140_000_000, preparation_seconds=50)


def situation(split: Split | None = None, earlier: tuple[Earlier, ...] = (), **other: Any) -> Situation:
    plain = {"unlabelled": 20, "classes": (LEFT,), "gpu": False}
    return Situation(split or Split(("a", "b", "c"), ("d",)), earlier=earlier, **{**plain, **other})


def test_without_a_labelled_patient_it_says_what_to_do_first() -> None:
    advice = advise(situation(Split()))
    assert advice.config is None
    assert advice.sentence.startswith("No patient is labelled completely yet")
    assert "label one and mark it completed" in advice.sentence


def test_one_patient_is_enough_and_none_is_left_to_check_on() -> None:
    advice = advise(situation(make_split(["a"], 0), unlabelled=0))
    assert advice.config is not None
    assert (advice.config.train, advice.config.validation, advice.config.init) == (("a",), (), None)
    assert advice.sentence == "Train on 1 labelled patient, without a check on others, from scratch; 5 min."


def test_without_an_earlier_run_it_starts_from_scratch_and_counts_what_is_not_used() -> None:
    advice = advise(situation())
    assert advice.config is not None
    assert (advice.config.task, advice.config.preset, advice.config.init) == ("interactive", "tiny", None)
    assert "from scratch (20 scans without labels not used)" in advice.sentence


def test_it_starts_from_the_restoration_run() -> None:
    advice = advise(situation(earlier=(RESTORATION,), gpu=True))
    assert advice.config is not None
    assert advice.config.init == str(RESTORATION.path.resolve())
    assert advice.config.preset == "default"
    assert advice.measured(COST).sentence == (
        "Fine-tune on 3 labelled patients, checked on 1 other, starting from restoration of 24 scans (run 0001); "
        "about 6 min and 2.1 GB on this GPU."
    )


def test_a_run_that_follows_clicks_to_the_same_structures_comes_first() -> None:
    advice = advise(situation(earlier=(RESTORATION, CLICKS)))
    assert advice.config is not None
    assert advice.config.init == str(CLICKS.path.resolve())
    assert advice.config.clicks.after == 0
    assert "starting from run 0004 (Dice 0.872)" in advice.sentence


@pytest.mark.parametrize(
    "other",
    [
        Earlier(Path("/p/runs/0005-both"), "interactive", ("a",), (LEFT, RIGHT)),
        Earlier(Path("/p/runs/0005-plain"), "segmentation", ("a",), (LEFT,)),
    ],
)
def test_runs_of_other_structures_or_without_clicks_are_no_start(other: Earlier) -> None:
    config = advise(situation(earlier=(other, RESTORATION))).config
    assert config is not None
    assert config.init == str(RESTORATION.path.resolve())


def test_nobody_is_checked_on_whom_the_start_has_learned_from() -> None:
    knows = Earlier(CLICKS.path, "interactive", ("a", "d"), (LEFT,))
    config = advise(situation(earlier=(knows,))).config
    assert config is not None
    assert config.validation == ()


def test_patients_kept_for_the_test_stay_out() -> None:
    split = make_split([f"p{n}" for n in range(10)], 0)
    config = advise(situation(split)).config
    assert config is not None
    assert not set(split.test) & {*config.train, *config.validation}


@pytest.mark.parametrize(("seconds", "minutes"), [(0.1, 5), (1.4, 5), (1.6, 6), (6, 20)])
def test_a_slow_machine_gets_the_time_for_enough_steps(seconds: float, minutes: float) -> None:
    advice = advise(situation()).measured(COST.model_copy(update={"seconds_a_step": seconds}))
    assert advice.config is not None
    assert advice.config.budget.minutes == minutes


def test_nothing_changes_for_a_measure_of_nothing() -> None:
    assert advise(situation(Split())).measured(COST).config is None


@pytest.mark.parametrize(("budget", "text"), [({"steps": 600}, "about 3 min"), ({"minutes": 1}, "about 2 min")])
def test_time_is_that_of_the_budget_and_of_getting_ready(config_of: Any, budget: dict[str, float], text: str) -> None:
    assert COST.text(config_of(budget=budget)) == f"{text} and 2.1 GB on this GPU"


def test_a_project_is_read_with_its_trained_runs(study: Project, run_of: Any) -> None:
    new, old = run_of("name=new", task="interactive"), run_of("name=old", task="interactive")
    held = run_of("name=update", task="interactive")
    for run in (new, held):
        list(execute(run))
    write_offer(held, Offer(start=new.name))
    found = situation_of(study, gpu=False)
    assert old.name not in {each.path.name for each in found.earlier}
    assert held.name not in {each.path.name for each in found.earlier}
    mine = next(each for each in found.earlier if each.path.name == new.name)
    assert (mine.task, mine.train, mine.classes) == ("interactive", ("mr_000", "mr_001"), study.classes)
    assert (found.unlabelled, found.split, found.gpu) == (1, study.split, False)
    write_offer(held, Offer(start=new.name, answer="used"))
    assert situation_of(study, gpu=False).earlier[0].path.name == held.name
    assert MINUTES == 5

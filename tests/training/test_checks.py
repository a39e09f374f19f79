"""Validation and previews of a run in training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_progseg.data.plan import Plan
from napari_progseg.errors import UserError
from napari_progseg.inference.session import InteractiveSession
from napari_progseg.networks import build_network
from napari_progseg.project import Project
from napari_progseg.training import checks
from napari_progseg.training.checks import Previewer, Validator, model_of
from napari_progseg.training.config import RunConfig
from napari_progseg.training.events import Checkpointed, Previewed, Restored, Said, Validated
from napari_progseg.training.fit import Trainee
from napari_progseg.training.keeper import CheckpointKeeper, PreviewWriter
from napari_progseg.volume import LabelClass

ConfigOf = Callable[..., RunConfig]


@pytest.fixture
def plan(plan_of: Callable[..., Plan]) -> Plan:
    return plan_of(window=None, classes=(LabelClass("hippocampus", (1, 2)),))


@pytest.fixture
def trainee(plan: Plan, config_of: ConfigOf) -> Trainee:
    one = Trainee.new(build_network(plan, seed=0), config_of().optimiser)
    one.step = 1
    return one


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Dice that validations find, one after the other."""
    scores: list[Any] = []
    monkeypatch.setattr(Validator, "_scores", lambda self, model: {"mr_002": {"hippocampus": scores.pop(0)}})
    return scores


def validator(study: Project, plan: Plan, config: RunConfig, folder: Path) -> Validator:
    return Validator(study, plan, config, CheckpointKeeper(folder, plan, config))


def test_real_cases_are_scored_by_class(
    study: Project, plan: Plan, trainee: Trainee, config_of: Any, tmp_path: Path
) -> None:
    validated, saved = validator(study, plan, config_of(), tmp_path)(trainee, 1.0, 9.0)
    assert isinstance(validated, Validated)
    score = validated.cases["mr_002"]["hippocampus"]
    assert score == validated.mean_dice
    assert score is not None
    assert 0 <= score <= 1
    assert isinstance(saved, Checkpointed)


def test_interactive_models_are_validated_with_one_click_on_each_slice_of_the_structure(
    study: Project, plan_of: Callable[..., Plan], config_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes = (LabelClass("hippocampus", (1, 2)),)
    plan, config = plan_of(window=None, classes=classes, task="interactive"), config_of(task="interactive")
    trainee = Trainee.new(build_network(plan, seed=0), config.optimiser)
    given: list[Any] = []
    original = InteractiveSession.answer

    def recorded(self: Any, clicks: Any, revision: int, current: Any = None) -> Any:
        given.append(clicks)
        return original(self, clicks, revision, current)

    monkeypatch.setattr(InteractiveSession, "answer", recorded)
    validated, _ = validator(study, plan, config, tmp_path)(trainee, 1.0, 9.0)
    assert isinstance(validated, Validated)
    truth = study.labels("mr_002")
    assert truth is not None
    (clicks,) = given
    assert validated.clicks == 1
    assert [click.voxel_zyx[0] for click in clicks] == np.flatnonzero(truth.labels.any(axis=(1, 2))).tolist()
    assert all(click.inside and truth.labels[click.voxel_zyx] for click in clicks)


def test_validation_comes_as_often_as_planned(
    study: Project, plan: Plan, trainee: Trainee, config_of: Any, tmp_path: Path, scored: list[Any]
) -> None:
    scored += [0.5] * 9
    check = validator(study, plan, config_of("validate_on.times=4"), tmp_path)
    due = [progress for progress in np.arange(1, 17) / 16 if list(check(trainee, float(progress), 9.0))]
    assert due == pytest.approx([0.25, 0.5, 0.75, 1.0])


def test_validation_takes_no_more_than_its_share_but_never_misses_the_end(
    study: Project, plan: Plan, trainee: Trainee, config_of: Any, tmp_path: Path, scored: list[Any], monkeypatch: Any
) -> None:
    scored += [0.5] * 9
    now = iter(range(0, 10_000, 10))
    check = validator(study, plan, config_of("validate_on.times=10", "validate_on.share=0.2"), tmp_path)
    monkeypatch.setattr(checks.time, "monotonic", lambda: float(next(now)))
    due = [number for number in range(1, 11) if list(check(trainee, number / 10, float(10 * number)))]
    # each takes 10 s: the first is free, the next waits until 50 s have passed
    assert due == [1, 5, 10]


def test_only_a_better_model_is_saved_and_called_best(
    study: Project, plan: Plan, trainee: Trainee, config_of: Any, tmp_path: Path, scored: list[Any]
) -> None:
    scored += [0.5, 0.4, 0.6, None]
    check = validator(study, plan, config_of("validate_on.times=4"), tmp_path)
    told = []
    for number in range(1, 5):
        trainee.step = number
        told.append(list(check(trainee, number / 4, 9.0)))
    assert [events[0].best for events in told] == [True, False, True, False]  # type: ignore[union-attr]
    assert [len(events) for events in told] == [2, 1, 2, 1]


def test_without_validation_cases_nothing_is_validated(
    study: Project, plan: Plan, trainee: Trainee, config_of: Any, tmp_path: Path
) -> None:
    assert not list(validator(study, plan, config_of(validation=()), tmp_path)(trainee, 1.0, 1.0))


def test_a_preview_is_written_and_measured(
    study: Project, plan: Plan, trainee: Trainee, config_of: Any, tmp_path: Path
) -> None:
    previewer = Previewer(study, plan, config_of(), PreviewWriter(tmp_path))
    told = previewer.answer({"preview": {"case": "mr_003"}}, trainee)
    assert isinstance(told, Previewed)
    assert (tmp_path / told.path).exists()
    assert set(told.dice) == {"hippocampus"}


def test_previews_take_a_twentieth_of_the_time_and_never_repeat_a_step(
    study: Project, plan: Plan, trainee: Trainee, config_of: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 1
        return now[0]

    previewer = Previewer(study, plan, config_of(), PreviewWriter(tmp_path))
    monkeypatch.setattr(checks.time, "monotonic", clock)
    wanted = {"preview": {"case": "mr_004"}}
    first = previewer.answer(wanted, trainee)
    assert isinstance(first, Previewed)
    assert first.dice == {}
    trainee.step = 2
    assert previewer.answer(wanted, trainee) is None
    now[0] += 60
    assert previewer.answer(wanted, trainee) is not None
    now[0] += 60
    assert previewer.answer(wanted, trainee) is None


def test_a_restoration_run_shows_a_slice_distorted_the_same_way_each_time(
    study: Project, plan_of: Callable[..., Plan], config_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "_PREVIEW_SHARE", 1e9)
    plan = plan_of(window=None, task="restoration")
    config = config_of("restoration.paint=1", task="restoration", validation=())
    trainee = Trainee.new(build_network(plan, seed=0), config.optimiser)
    previewer = Previewer(study, plan, config, PreviewWriter(tmp_path))
    shown: list[dict[str, Any]] = []
    for step, asked in enumerate(
        [{"case": "mr_004"}, {"case": "mr_004"}, {"case": "mr_003"}, {"case": "mr_003", "z": 2}]
    ):
        trainee.step = step
        told = previewer.answer({"preview": asked}, trainee)
        assert told == Restored(step, step + 1, asked["case"], f"preview/{step + 1:06d}.npz")
        with np.load(tmp_path / told.path) as found:
            shown.append({name: found[name] for name in found.files})
        assert previewer.answer({"preview": asked}, trainee) is None, "nothing new to show"
    first, again, other, elsewhere = shown
    np.testing.assert_array_equal(first["distorted"], again["distorted"])
    assert (first["distorted"] != other["distorted"]).any()
    assert (other["original"] != elsewhere["original"]).any()
    assert {each["restored"].shape for each in shown} == {(16, 16)}


@pytest.mark.parametrize("asked", [{}, {"preview": None}, {"preview": {"case": "nobody"}}])
def test_no_or_unknown_cases_are_not_previewed(
    study: Project, plan: Plan, trainee: Trainee, config_of: Any, tmp_path: Path, asked: dict[str, Any]
) -> None:
    assert Previewer(study, plan, config_of(), PreviewWriter(tmp_path)).answer(asked, trainee) is None


def test_a_case_that_cannot_be_read_is_told_once_and_training_goes_on(
    study: Project, plan: Plan, trainee: Trainee, config_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(case: str) -> None:
        raise UserError("the file moved")

    monkeypatch.setattr(study, "volume", broken)
    previewer = Previewer(study, plan, config_of(), PreviewWriter(tmp_path))
    told = previewer.answer({"preview": {"case": "mr_000"}}, trainee)
    assert isinstance(told, Said)
    assert "the file moved" in told.text
    assert previewer.answer({"preview": {"case": "mr_000"}}, trainee) is None


def test_the_model_validated_is_the_average(trainee: Trainee, plan: Plan, config_of: Any) -> None:
    model = model_of(trainee, plan, config_of())
    assert model.network is trainee.average
    assert not model.network.training

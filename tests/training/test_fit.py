"""The loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_progseg.data.augment import margin
from napari_progseg.data.plan import Plan, facts_of, make_plan
from napari_progseg.data.sampler import PatchSampler
from napari_progseg.data.store import load_cases
from napari_progseg.evaluation.metrics import dice
from napari_progseg.inference.model import TrainedModel
from napari_progseg.inference.predict import predict_volume
from napari_progseg.networks import build_network
from napari_progseg.project import Project
from napari_progseg.schedules.course import Course
from napari_progseg.tasks import build_task
from napari_progseg.training.config import OptimiserConfig, RunConfig, StartConfig
from napari_progseg.training.events import Event, Said, StepDone
from napari_progseg.training.fit import Clock, Trainee, carried_share, fit, fraction_done, rate_at

ConfigOf = Callable[..., RunConfig]


def silent(trainee: Trainee, progress: float, seconds: float) -> Iterator[Event]:
    return iter(())


def plan_for(study: Project, config: RunConfig) -> Plan:
    volumes = [(case, study.volume(case), study.labels(case)) for case in config.train]
    facts = [facts_of(case, volume, labels.labels if labels else None, "mr") for case, volume, labels in volumes]
    return make_plan(facts, config, study.classes)


def training(study: Project, config: RunConfig, validate: Any = silent) -> tuple[Trainee, Iterator[Event], Plan, Clock]:
    plan = plan_for(study, config)
    sampler = PatchSampler(load_cases(study, config.train, plan), plan, config.patches, margin(config.augment))
    trainee = Trainee.new(build_network(plan, seed=config.seed), config.optimiser)
    clock = Clock()
    clock.run()
    course = Course.constant(sampler.units, plan.patch, plan.batch)
    return trainee, fit(trainee, build_task(config, plan), sampler, course, plan, config, clock, validate), plan, clock


@pytest.mark.parametrize("task", ["segmentation", "interactive"])
@pytest.mark.parametrize("extra", [(), ("model.dims=3", "patches.size=16,16,16")])
def test_a_budget_of_steps_is_kept_exactly(
    study: Project, config_of: ConfigOf, task: Any, extra: tuple[str, ...]
) -> None:
    config = config_of(*extra, task=task)
    trainee, events, plan, _ = training(study, config)
    done = [event for event in events if isinstance(event, StepDone)]
    assert [event.step for event in done] == [1, 2, 3, 4, 5, 6]
    assert [event.progress for event in done] == pytest.approx([n / 6 for n in range(1, 7)])
    assert trainee.step == 6
    assert all(isinstance(event.loss, Tensor) and event.loss.isfinite() for event in done)
    assert {(event.patch, event.batch, event.active_cases) for event in done} == {(plan.patch, 4, 2)}


def test_equal_seeds_train_equally_and_others_do_not(study: Project, config_of: ConfigOf) -> None:
    losses = [
        [float(event.loss) for event in training(study, config_of(f"seed={seed}"))[1] if isinstance(event, StepDone)]
        for seed in (0, 0, 1)
    ]
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_it_can_be_stopped_after_any_event_and_is_complete_then(study: Project, config_of: ConfigOf) -> None:
    whole, events, *_ = training(study, config_of("budget.steps=3", "optimiser.power=0", "optimiser.warmup=0"))
    list(events)
    part, events, *_ = training(study, config_of("budget.steps=9", "optimiser.power=0", "optimiser.warmup=0"))
    for _ in range(3):
        next(events)
    events.close()  # type: ignore[attr-defined]
    assert part.step == 3
    for one, other in ((part.network, whole.network), (part.average, whole.average)):
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_what_validation_says_follows_its_step(study: Project, config_of: ConfigOf) -> None:
    def validate(trainee: Trainee, progress: float, seconds: float) -> Iterator[Event]:
        assert seconds > 0
        yield Said(f"{trainee.step} {progress:.2f}")

    _, events, *_ = training(study, config_of("budget.steps=2"), validate)
    told = [event.text if isinstance(event, Said) else type(event).__name__ for event in events]
    assert told == ["StepDone", "1 0.50", "StepDone", "2 1.00"]


def test_a_budget_of_time_ends_with_it_and_pauses_do_not_count(
    study: Project, config_of: ConfigOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("napari_progseg.training.fit.time.monotonic", lambda: now[0])
    _, events, _, clock = training(study, config_of(budget={"minutes": 1}))
    seen = []
    for event in events:
        assert isinstance(event, StepDone)
        seen.append(event.progress)
        clock.pause()
        now[0] += 1000
        clock.run()
        now[0] += 20
    assert seen == pytest.approx([0, 1 / 3, 2 / 3])


def test_the_rate_rises_then_falls_to_nothing() -> None:
    settings = OptimiserConfig(rate=1.0, warmup=0.1, power=0.9)
    assert rate_at(0.0, settings) == pytest.approx(0.02)
    assert rate_at(0.05, settings) == pytest.approx(0.5)
    assert rate_at(0.5, settings) == pytest.approx(0.5**0.9)
    assert rate_at(1.0, settings) == 0
    rates = [rate_at(progress, settings) for progress in np.linspace(0.1, 1, 50)]
    assert rates == sorted(rates, reverse=True)
    assert {rate_at(p, OptimiserConfig(rate=2.0, warmup=0, power=0)) for p in (0.0, 0.4, 1.0)} == {2.0}


def test_the_rate_of_the_events_is_the_optimisers(study: Project, config_of: ConfigOf) -> None:
    config = config_of("optimiser.warmup=0.5")
    trainee, events, *_ = training(study, config)
    for number, event in enumerate(events):
        assert isinstance(event, StepDone)
        assert event.rate == trainee.optimiser.param_groups[0]["lr"] == rate_at(number / 6, config.optimiser)


@pytest.mark.parametrize(("rate", "warmup"), [(1.0, 0.0), (0.1, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_carried_weights_learn_at_their_share_of_the_rate(
    study: Project, config_of: ConfigOf, rate: float, warmup: float
) -> None:
    config = config_of(f"start.rate={rate}", f"start.warmup={warmup}", "optimiser.weight_decay=0")
    plan = plan_for(study, config)
    sampler = PatchSampler(load_cases(study, config.train, plan), plan, config.patches, margin(config.augment))
    network = build_network(plan, seed=0)
    carried = [name for name, _ in network.named_parameters() if not name.startswith("output_block")]
    trainee = Trainee.new(network, config.optimiser, carried)
    clock = Clock()
    clock.run()
    before = {name: tensor.clone() for name, tensor in network.named_parameters()}
    course = Course.constant(sampler.units, plan.patch, plan.batch)
    events = fit(trainee, build_task(config, plan), sampler, course, plan, config, clock, silent)
    for number, event in enumerate(events):
        progress = number / 6
        share = rate * (min(1, progress / warmup) if warmup else 1)
        assert isinstance(event, StepDone)
        assert event.rate == rate_at(progress, config.optimiser)
        rates = {group["carried"]: group["lr"] for group in trainee.optimiser.param_groups}
        assert rates == {False: event.rate, True: pytest.approx(event.rate * share)}
        if number == 0:
            moved = {name: not torch.equal(tensor, before[name]) for name, tensor in network.named_parameters()}
            assert any(moved[name] for name in carried) is (warmup == 0)
            assert all(moved[name] for name in set(moved) - set(carried))


def test_a_share_of_the_rate_is_reached_when_the_warmup_is_over() -> None:
    settings = StartConfig(rate=0.2, warmup=0.25)
    assert [carried_share(p, settings) for p in (0.0, 0.125, 0.25, 0.6, 1.0)] == pytest.approx([0, 0.1, 0.2, 0.2, 0.2])


def test_progress_never_exceeds_one(config_of: ConfigOf) -> None:
    assert fraction_done(99, 0, config_of()) == 1
    assert fraction_done(0, 30, config_of(budget={"minutes": 1})) == 0.5


def test_the_averaged_weights_follow_or_are_the_last(study: Project, config_of: ConfigOf) -> None:
    for decay, same in ((0.0, True), (0.99, False)):
        trainee, events, *_ = training(study, config_of(f"optimiser.average={decay}"))
        list(events)
        pairs = zip(trainee.network.parameters(), trainee.average.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs) is same


def test_a_phantom_is_learned_by_heart(study: Project, config_of: ConfigOf) -> None:
    config = config_of(
        "budget.steps=180",
        "model.width=8",
        "model.levels=3",
        "patches.size=48,40",
        "patches.batch=12",
        "augment.enabled=false",
        "optimiser.average=0.9",
        "optimiser.rate=0.01",
        "patches.foreground=0.8",
        train=("mr_000",),
        validation=(),
    )
    plan = plan_for(study, config)
    sampler = PatchSampler(load_cases(study, config.train, plan), plan, config.patches)
    trainee = Trainee.new(build_network(plan, seed=0), config.optimiser)
    clock = Clock()
    clock.run()
    course = Course.constant(sampler.units, plan.patch, plan.batch)
    list(fit(trainee, build_task(config, plan), sampler, course, plan, config, clock, silent))
    model = TrainedModel(trainee.average, plan, config, torch.device("cpu"), "x", trainee.step, None)
    truth = study.labels("mr_000")
    assert truth is not None
    found = predict_volume(model, study.volume("mr_000")).labels
    assert (dice(found, truth.labels, [1])[1] or 0) > 0.9

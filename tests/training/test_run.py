"""Run folders: from the first step to the last, in this process and in a child."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from napari_progseg.errors import UserError
from napari_progseg.inference.model import load_trained
from napari_progseg.project import Project
from napari_progseg.storage.atomic import read_json
from napari_progseg.training import material
from napari_progseg.training import run as module
from napari_progseg.training.events import (
    Checkpointed,
    Continued,
    Event,
    Failed,
    Finished,
    Paused,
    Previewed,
    Said,
    Started,
    StepDone,
    Validated,
    from_line,
)
from napari_progseg.training.run import create_run, execute, start
from napari_progseg.training.watch import beat, follow, request, status

from .conftest import kill_after

RunOf = Callable[..., Path]


def events_of(run_dir: Path) -> list[Event]:
    lines = (run_dir / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return [event for line in lines if (event := from_line(line)) is not None]


def losses(run_dir: Path) -> dict[int, float]:
    """Loss of each step; a resumed run repeats steps, and the later line counts."""
    return {event.step: event.loss for event in events_of(run_dir) if isinstance(event, StepDone)}


def only(events: list[Event], kind: type) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read requests, and write losses, after every step."""
    monkeypatch.setattr(module, "_REQUEST_SECONDS", 0.0)
    monkeypatch.setattr("napari_progseg.training.keeper._FLUSH_SECONDS", 0.0)


@pytest.fixture
def child() -> Iterator[Callable[[Path], psutil.Process]]:
    """Start a run with one thread; what is left of it at the end is killed."""
    children: list[psutil.Process] = []

    def begin(run_dir: Path) -> psutil.Process:
        start(run_dir, threads=1)
        children.append(psutil.Process(read_json(run_dir / "alive.json")["pid"]))
        return children[-1]

    yield begin
    for process in children:
        if process.is_running():
            process.kill()
            process.wait(10)


def test_a_run_is_numbered_and_named_and_trains_nothing_yet(study: Project, run_of: RunOf) -> None:
    first, second = run_of("name=one"), run_of("name=two")
    number = int(first.name.split("-")[0])
    assert first.parent == study.runs_dir
    assert (first.name, second.name) == (f"{number:04d}-one", f"{number + 1:04d}-two")
    assert [path.name for path in first.iterdir()] == ["config.json"]
    assert status(first).state == "new"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"train": ()}, "at least one training case"),
        ({"train": ("nobody",)}, "no case 'nobody'"),
        ({"validation": ("nobody",)}, "no case 'nobody'"),
        ({"train": ("mr_004",)}, "mr_004 has no labels"),
        ({"device": "warp"}, "no device"),
        ({"name": "starter"}, "starter stands for what answers clicks"),
        ({"init": "/nowhere"}, "is not there"),
    ],
)
def test_what_cannot_train_is_refused_and_leaves_no_folder(
    study: Project, run_of: RunOf, fields: dict[str, Any], reason: str
) -> None:
    before = study.runs()
    with pytest.raises(UserError, match=reason):
        run_of(**fields)
    assert study.runs() == before


@pytest.mark.parametrize("task", ["segmentation", "interactive"])
def test_a_run_goes_from_start_to_finish(run_of: RunOf, task: Any) -> None:
    run_dir = run_of("validate_on.times=2", task=task)
    events = list(execute(run_dir))
    assert isinstance(events[0], Started)
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "budget"
    assert [event.step for event in only(events, StepDone)] == [1, 2, 3, 4, 5, 6]
    assert all(isinstance(event.loss, float) for event in only(events, StepDone))
    assert [event.step for event in only(events, Validated)] == [3, 6]
    assert {event.clicks for event in only(events, Validated)} == {1 if task == "interactive" else 0}
    assert [json.loads(json.dumps(event.step)) for event in only(events, Checkpointed)]
    assert events_of(run_dir) == events
    assert not (run_dir / "alive.json").exists()
    assert (status(run_dir).state, status(run_dir).progress) == ("finished", 1.0)
    assert load_trained(run_dir, "cpu").plan.task == task


def test_a_finished_run_stays_as_it_is_when_resumed(run_of: RunOf) -> None:
    run_dir = run_of()
    list(execute(run_dir))
    before = losses(run_dir)
    events = list(execute(run_dir))
    assert [type(event) for event in events] == [Started, Finished]
    assert losses(run_dir) == before
    assert status(run_dir).state == "finished"


@pytest.mark.usefixtures("eager")
def test_stop_ends_within_one_step_and_resuming_ends_with_the_same_losses(run_of: RunOf) -> None:
    whole, part = run_of(), run_of()
    list(execute(whole))
    for event in execute(part):
        if isinstance(event, StepDone) and event.step == 2:
            request(part, want="stop")
    assert max(losses(part)) <= 3
    assert status(part).state == "stopped"
    list(execute(part))
    assert losses(part) == losses(whole)
    weights = [load_trained(run, "cpu").network.state_dict() for run in (whole, part)]
    assert load_trained(part, "cpu").step == load_trained(whole, "cpu").step
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.usefixtures("eager")
def test_an_interactive_run_resumes_with_the_same_losses(run_of: RunOf) -> None:
    whole, part = run_of(task="interactive"), run_of(task="interactive")
    list(execute(whole))
    for event in execute(part):
        if isinstance(event, StepDone) and event.step == 3:
            break
    list(execute(part))
    assert losses(part) == losses(whole)


@pytest.mark.usefixtures("eager")
def test_pause_waits_and_run_goes_on(run_of: RunOf, monkeypatch: pytest.MonkeyPatch) -> None:
    run_dir = run_of()
    naps: list[str] = []

    def nap(seconds: float) -> None:
        naps.append(status(run_dir).state)
        if len(naps) == 3:
            request(run_dir, want="run")

    monkeypatch.setattr(module.time, "sleep", nap)
    events = []
    for event in execute(run_dir):
        events.append(event)
        if isinstance(event, StepDone) and event.step == 2:
            request(run_dir, want="pause")
    assert naps[:3] == ["paused"] * 3
    kinds = [type(event) for event in events]
    assert kinds.index(Paused) < kinds.index(Continued)
    assert len(only(events, StepDone)) == 6
    # what was done is safe while it waits
    assert kinds[kinds.index(Paused) - 1] is Checkpointed


@pytest.mark.usefixtures("eager")
def test_a_paused_run_can_be_stopped(run_of: RunOf, monkeypatch: pytest.MonkeyPatch) -> None:
    run_dir = run_of()
    monkeypatch.setattr(module.time, "sleep", lambda seconds: request(run_dir, want="stop"))
    events = []
    for event in execute(run_dir):
        events.append(event)
        if isinstance(event, StepDone):
            request(run_dir, want="pause")
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "stopped"
    assert not only(events, Continued)


@pytest.mark.usefixtures("eager")
def test_previews_that_are_asked_for_are_written_and_three_kept(run_of: RunOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_progseg.training.checks._PREVIEW_SHARE", 1e9)
    run_dir = run_of()
    events = []
    for event in execute(run_dir):
        events.append(event)
        if isinstance(event, Started):
            request(run_dir, preview="mr_003")
    shown = only(events, Previewed)
    assert [event.sequence for event in shown] == list(range(1, len(shown) + 1))
    assert len(shown) >= 5
    assert len(list((run_dir / "preview").iterdir())) == 3
    with np.load(run_dir / shown[-1].path) as found:
        assert found["labels"].shape == (36, 50, 35)


def test_a_loss_that_is_no_number_fails_in_one_sentence_and_spoils_no_checkpoint(
    run_of: RunOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir = run_of("optimiser.clip=None", "budget.steps=8")
    original = module.build_task

    def poisoned(*arguments: Any) -> Any:
        task = original(*arguments)
        calls: list[int] = []

        class Poisoned:
            prepare = staticmethod(task.prepare)

            @staticmethod
            def loss(logits: Any, targets: Any) -> Any:
                calls.append(1)
                return task.loss(logits, targets) * (float("nan") if len(calls) == 5 else 1)

        return Poisoned()

    monkeypatch.setattr(module, "build_task", poisoned)
    with pytest.raises(UserError, match="stopped being a number at step 5"):
        list(execute(run_dir))
    failed = events_of(run_dir)[-1]
    assert isinstance(failed, Failed)
    assert failed.step == 5
    assert failed.message == status(run_dir).message
    assert "optimiser.rate" in failed.message
    assert status(run_dir).state == "failed"
    assert set(losses(run_dir)) <= {1, 2, 3, 4}
    for folder in (run_dir / "checkpoints").glob("step-*"):
        assert int(folder.name[5:]) < 5


def test_too_little_memory_fails_in_one_sentence(run_of: RunOf, monkeypatch: pytest.MonkeyPatch) -> None:
    def hungry(*arguments: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(material, "load_cases", hungry)
    run_dir = run_of()
    with pytest.raises(UserError, match="memory was not enough"):
        list(execute(run_dir))
    assert status(run_dir).state == "failed"


def test_an_unexpected_fault_is_written_before_it_is_raised(run_of: RunOf, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> None:
        raise KeyError("x")

    monkeypatch.setattr(material, "load_cases", broken)
    run_dir = run_of()
    with pytest.raises(KeyError):
        list(execute(run_dir))
    assert "checkpoints and labels are safe" in status(run_dir).message
    assert only(events_of(run_dir), Failed)[-1].step == 0


@pytest.mark.usefixtures("eager")
def test_a_failure_names_the_last_step_also_before_a_resumed_run_makes_one(
    run_of: RunOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir = run_of()

    def torn(answers: Any, trainee: Any, clock: Any) -> Any:
        if trainee.step == 3:
            raise UserError("the disk is full")
        yield from ()

    monkeypatch.setattr(module._Answers, "after", torn)
    with pytest.raises(UserError, match="disk is full"):
        list(execute(run_dir))
    assert only(events_of(run_dir), Failed)[-1].step == 3
    monkeypatch.setattr(material, "load_cases", None)
    with pytest.raises(TypeError):
        list(execute(run_dir))
    assert only(events_of(run_dir), Failed)[-1].step == 3


@pytest.mark.usefixtures("eager")
def test_a_damaged_newest_checkpoint_falls_back_and_says_so(run_of: RunOf) -> None:
    whole, part = run_of("validate_on.times=6"), run_of("validate_on.times=6")
    list(execute(whole))
    for event in execute(part):
        if isinstance(event, StepDone) and event.step == 4:
            request(part, want="stop")
    newest = max((part / "checkpoints").glob("step-*"))
    (newest / "optimizer.safetensors").write_bytes(b"x")
    events = list(execute(part))
    assert any(newest.name in event.text for event in only(events, Said))
    assert only(events, Started)[0].step < int(newest.name[5:])
    assert losses(part) == losses(whole)


def test_a_run_begins_with_the_weights_of_another(run_of: RunOf) -> None:
    first = run_of()
    list(execute(first))
    second = run_of("budget.steps=1", "optimiser.rate=1e-12", "seed=5", init=str(first), validation=())
    list(execute(second))
    one, other = (load_trained(run, "cpu").network.state_dict() for run in (first, second))
    assert all(torch.allclose(one[name], other[name], atol=1e-6) for name in one)


def test_two_processes_are_refused(run_of: RunOf) -> None:
    run_dir = run_of()
    beat(run_dir, 1, psutil.Process(os.getppid()))
    for attempt in (
        lambda: start(run_dir),
        lambda: list(execute(run_dir)),
        lambda: list(execute(run_dir, keep_request=True)),
    ):
        with pytest.raises(UserError, match="trained by another process"):
            attempt()
    assert not (run_dir / "events.jsonl").exists()


@pytest.mark.slow
def test_a_killed_run_resumes_with_the_same_losses(run_of: RunOf, child: Callable[[Path], psutil.Process]) -> None:
    settings = ("budget.steps=100", "validate_on.times=10")
    whole, part = run_of(*settings), run_of(*settings)
    list(execute(whole))
    kill_at = random.SystemRandom().randint(12, 60)
    process = child(part)
    kill_after(part, process, kill_at)
    assert status(part).state == "dead", f"killed at {kill_at}"
    reached = max(losses(part))
    assert kill_at <= reached < 100
    assert only(list(execute(part)), Started)[0].step > 0
    assert losses(part) == losses(whole), f"killed at {kill_at}"
    assert len(losses(part)) == 100


@pytest.mark.slow
def test_a_child_stops_when_asked_and_another_is_refused(
    run_of: RunOf, child: Callable[[Path], psutil.Process]
) -> None:
    run_dir = run_of("budget.steps=100000")
    process = child(run_dir)
    with pytest.raises(UserError, match="trained by another process"):
        start(run_dir)
    followed = follow(run_dir, poll=0.05)
    next(event for event in followed if isinstance(event, StepDone))
    assert status(run_dir).state == "running"
    request(run_dir, want="stop")
    asked = time.monotonic()
    last = [event for event in followed if event is not None][-1]
    assert isinstance(last, Finished)
    assert last.reason == "stopped"
    assert time.monotonic() - asked < 5
    process.wait(10)
    assert status(run_dir).state == "stopped"
    assert (run_dir / "log.txt").exists()


def test_a_label_in_no_project_class_is_told(study: Project, config_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(case: str) -> None:
        raise UserError("case mr_000: the labels hold the value 9")

    run_dir = create_run(study, config_of())
    monkeypatch.setattr(Project, "labels", lambda self, case: refuse(case))
    with pytest.raises(UserError, match="value 9"):
        list(execute(run_dir))
    assert status(run_dir).state == "failed"

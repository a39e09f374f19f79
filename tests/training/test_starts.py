"""Runs that begin with the weights of another run."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from napari_progseg.data.plan import Plan
from napari_progseg.errors import UserError
from napari_progseg.inference.model import load_trained, load_weights
from napari_progseg.project import Project
from napari_progseg.storage.atomic import read_json, write_json
from napari_progseg.training.config import RunConfig
from napari_progseg.training.events import Event, Failed, Said, Started, StepDone, from_line
from napari_progseg.training.run import create_run, execute, start
from napari_progseg.training.starts import newest_restoration, usable_starts
from napari_progseg.training.watch import status

from .conftest import kill_after

ConfigOf = Callable[..., RunConfig]
RunOf = Callable[..., Path]
SLOWER = ("start.rate=0.3", "start.warmup=0.4")
GRID = ("window", "spacing_zyx_mm", "dims", "patch", "architecture", "norm", "widths", "strides")


@pytest.fixture
def project(study: Project, tmp_path: Path) -> Project:
    """A fresh project of the same scans."""
    folder = study.root.parent
    return Project.create(tmp_path / "project", folder / "images", folder / "labels", {"hippocampus": (1, 2)})


@pytest.fixture
def begin(project: Project, config_of: ConfigOf) -> RunOf:
    """Create a run of the fresh project; restoration runs are not validated."""

    def build(*settings: str, task: Any = "segmentation", **fields: Any) -> Path:
        unlabelled = {"validation": ()} if task == "restoration" else {}
        return create_run(project, config_of(*settings, task=task, **{**unlabelled, **fields}))

    return build


@pytest.fixture
def learned(begin: RunOf) -> Path:
    """A finished restoration run of two steps, 0001-learn."""
    return finished(begin("name=learn", "budget.steps=2", task="restoration", train=("mr_000", "mr_004")))


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read requests, and write losses, after every step."""
    monkeypatch.setattr("napari_progseg.training.run._REQUEST_SECONDS", 0.0)
    monkeypatch.setattr("napari_progseg.training.keeper._FLUSH_SECONDS", 0.0)


def finished(run_dir: Path) -> Path:
    list(execute(run_dir))
    return run_dir


def broken_off(run_dir: Path, after: int) -> None:
    """Train so many steps and save, as a run that is asked to stop does."""
    for event in execute(run_dir):
        if isinstance(event, StepDone) and event.step == after:
            break


def events_of(run_dir: Path) -> list[Event]:
    lines = (run_dir / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return [event for line in lines if (event := from_line(line)) is not None]


def losses(run_dir: Path) -> dict[int, float]:
    return {event.step: event.loss for event in events_of(run_dir) if isinstance(event, StepDone)}


def said(run_dir: Path) -> list[str]:
    return [event.text for event in events_of(run_dir) if isinstance(event, Said)]


def test_the_newest_restoration_run_that_has_a_checkpoint_is_taken(
    project: Project, begin: RunOf, learned: Path
) -> None:
    later = finished(begin("budget.steps=1", task="restoration"))
    finished(begin("budget.steps=1"))
    begin(task="restoration")
    assert newest_restoration(project) == later
    shutil.rmtree(later / "checkpoints")
    assert newest_restoration(project) == learned
    assert [run.name for run in usable_starts(project)] == ["0003-run", "0001-learn"]
    shutil.rmtree(learned)
    assert newest_restoration(project) is None


def test_grid_and_network_are_those_of_the_run_it_starts_from(begin: RunOf, learned: Path) -> None:
    wider = ("model.width=16", "model.levels=3", "patches.size=None", "patches.batch=3", "budget.steps=1")
    run_dir = finished(begin(*wider, "name=clicks", task="interactive", init=str(learned)))
    source, plan = load_weights(learned).plan, load_weights(run_dir).plan
    assert {name: getattr(plan, name) for name in GRID} == {name: getattr(source, name) for name in GRID}
    assert (plan.batch, plan.input_channels, [each.name for each in plan.classes]) == (3, 4, ["hippocampus"])
    assert "starts from 0001-learn" in next(e.sentence for e in events_of(run_dir) if isinstance(e, Started))


def test_what_was_carried_over_is_said_once(begin: RunOf, learned: Path) -> None:
    run_dir = begin(task="interactive", init=str(learned))
    broken_off(run_dir, 2)
    finished(run_dir)
    assert said(run_dir) == [
        "from 0001-learn (restoration, step 2): 32 of 34 tensors carried over; input widened from 1 to 4 channels, "
        "the new ones start at zero; new head for hippocampus"
    ]


def test_a_chain_of_tasks(begin: RunOf, learned: Path) -> None:
    before = learned
    for task in ("interactive", "segmentation", "restoration", "segmentation", "interactive"):
        before = finished(begin("budget.steps=1", task=task, init=str(before)))
        assert load_weights(before).plan.task == task
    assert "head kept for hippocampus" in said(before)[0]
    assert load_trained(before, "cpu").plan.input_channels == 4


def test_a_kept_head_is_every_classes(begin: RunOf, learned: Path) -> None:
    still = ("optimiser.rate=1e-30", "optimiser.weight_decay=0", "budget.steps=1")
    run_dir = finished(begin(*still, "start.keep_head=true", init=str(learned)))
    source, here = (load_weights(run).tensors for run in (learned, run_dir))
    assert all(source[name].allclose(tensor) for name, tensor in here.items())


@pytest.mark.parametrize("task", ["segmentation", "interactive"])
def test_broken_off_and_resumed_it_repeats_the_losses(begin: RunOf, learned: Path, task: Any) -> None:
    whole, part = (begin(*SLOWER, task=task, init=str(learned)) for _ in range(2))
    finished(whole)
    broken_off(part, 2)
    broken_off(part, 4)
    finished(part)
    assert losses(part) == losses(whole)
    states = [load_weights(run) for run in (whole, part)]
    assert all(tensor.equal(states[1].tensors[name]) for name, tensor in states[0].tensors.items())


def test_with_a_checkpoint_of_its_own_it_goes_on_without_the_run_it_began_with(begin: RunOf, learned: Path) -> None:
    whole, part = (begin(*SLOWER, task="interactive", init=str(learned)) for _ in range(2))
    finished(whole)
    broken_off(part, 3)
    shutil.rmtree(learned)
    finished(part)
    assert losses(part) == losses(whole)
    assert len(said(part)) == 1


def test_without_any_checkpoint_it_says_that_the_other_run_is_gone(begin: RunOf, learned: Path) -> None:
    run_dir = begin(init=str(learned))
    shutil.rmtree(learned)
    with pytest.raises(UserError, match="0001-learn, is not there"):
        finished(run_dir)
    assert isinstance(events_of(run_dir)[-1], Failed)


def test_a_project_may_be_moved_before_the_run_begins(
    begin: RunOf, learned: Path, project: Project, study: Project, tmp_path: Path
) -> None:
    run_dir = begin("budget.steps=1", init=str(learned))
    moved = tmp_path / "moved"
    shutil.move(project.root, moved)
    Project.open(moved).relocate(study.root.parent / "images", study.root.parent / "labels")
    finished(moved / "runs" / run_dir.name)
    assert status(moved / "runs" / run_dir.name).state == "finished"


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (("model.dims=3", "patches.size=None"), r"model\.dims is 3, and the run .* \(init\) was trained with 2;"),
        (("patches.size=34,32",), r"patches\.size is \(34, 32\), .* \(init\) needs 2 numbers divisible by \(4, 4\)"),
        (("model.dims=None", "patches.size=32,32,32"), r"patches\.size is \(32, 32, 32\), .* needs 2 numbers"),
    ],
)
def test_settings_that_the_other_run_has_decided_are_refused_at_once(
    project: Project, begin: RunOf, learned: Path, settings: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(UserError, match=reason):
        begin(*settings, init=str(learned))
    assert project.runs() == [learned]


def test_cases_of_another_modality_are_refused(project: Project, begin: RunOf, learned: Path) -> None:
    run_dir = begin(init=str(learned))
    project.set_modality("ct")
    with pytest.raises(UserError, match=r"\(init\) learned from MR, these cases are CT"):
        finished(run_dir)


def test_a_plan_changed_by_hand_is_refused_by_what_differs(begin: RunOf, learned: Path) -> None:
    run_dir = begin(task="interactive", init=str(learned))
    broken_off(run_dir, 1)
    plan = Plan.model_validate(read_json(run_dir / "plan.json"))
    shutil.rmtree(run_dir / "checkpoints")
    changed = plan.model_copy(update={"widths": (8, 8, 8)})
    write_json(run_dir / "plan.json", changed.model_dump(mode="json"))
    with pytest.raises(UserError, match=r"network of widths \(4, 8, 16\), this run's is \(8, 8, 8\)"):
        finished(run_dir)


@pytest.mark.slow
def test_killed_and_resumed_it_repeats_the_losses_without_the_run_it_began_with(begin: RunOf, learned: Path) -> None:
    settings = (*SLOWER, "budget.steps=80", "validate_on.times=10")
    whole, part = (begin(*settings, init=str(learned)) for _ in range(2))
    finished(whole)
    kill_at = random.SystemRandom().randint(10, 50)
    start(part, threads=1)
    process = psutil.Process(read_json(part / "alive.json")["pid"])
    kill_after(part, process, kill_at)
    assert status(part).state == "dead", f"killed at {kill_at}"
    shutil.rmtree(learned)
    assert next(event for event in list(execute(part)) if isinstance(event, Started)).step > 0
    assert losses(part) == losses(whole), f"killed at {kill_at}"

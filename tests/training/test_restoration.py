"""Restoration pretraining from its first step to its last."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch

from napari_progseg.data.plan import Plan
from napari_progseg.data.sampler import PatchSampler
from napari_progseg.data.store import load_cases
from napari_progseg.errors import UserError
from napari_progseg.inference.evaluate import evaluate_run
from napari_progseg.inference.model import load_trained, load_weights
from napari_progseg.project import Project
from napari_progseg.restoration import apply, draw
from napari_progseg.schedules.course import Course
from napari_progseg.storage.atomic import read_json
from napari_progseg.training import run as module
from napari_progseg.training.config import RunConfig, apply_settings, preset_config
from napari_progseg.training.events import Event, Finished, Restored, Said, Started, StepDone, Validated
from napari_progseg.training.run import create_run, execute
from napari_progseg.training.watch import request, status

ConfigOf = Callable[..., RunConfig]


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read requests, and write losses, after every step."""
    monkeypatch.setattr(module, "_REQUEST_SECONDS", 0.0)
    monkeypatch.setattr("napari_progseg.training.keeper._FLUSH_SECONDS", 0.0)


@pytest.fixture
def learning(study: Project, config_of: ConfigOf) -> Callable[..., Path]:
    """Create a restoration run on every scan of the project."""

    def create(*settings: str, **fields: Any) -> Path:
        fields = {"train": study.scans(), "validation": (), **fields}
        return create_run(study, config_of(*settings, task="restoration", **fields))

    return create


@pytest.fixture(scope="session")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Six scans of a bright tube with a dark one inside; two of them are labelled."""
    folder, rng = tmp_path_factory.mktemp("heads"), np.random.default_rng(4)
    grid = np.stack(np.meshgrid(*map(np.arange, (36, 36, 20)), indexing="ij"), axis=-1)[..., :2]
    for number in range(6):
        centre = rng.uniform(16, 19, 2)
        tube, hole = (np.linalg.norm(grid - centre - shift, axis=-1) for shift in ((0, 0), (5, 3)))
        image = 700 * (tube < 13) - 350 * (hole < 5) + rng.normal(200, 15, tube.shape)
        for part, array in (("images", image.astype(np.int16)), ("labels", (hole < 5).astype(np.uint8))):
            (folder / part).mkdir(exist_ok=True)
            if part == "images" or number < 2:
                nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), folder / part / f"h{number}.nii.gz")
    return Project.create(folder / "project", folder / "images", folder / "labels")


def losses(events: list[Event]) -> dict[int, float]:
    return {event.step: event.loss for event in events if isinstance(event, StepDone)}


def trivial_losses(project: Project, run_dir: Path, config: RunConfig) -> tuple[float, float]:
    """Mean error of the best single intensity, and of leaving the distorted patch as it is."""
    plan = Plan.model_validate(read_json(run_dir / "plan.json"))
    sampler = PatchSampler(load_cases(project, config.train, plan), plan, config.patches)
    stage = Course.constant(sampler.units, plan.patch, plan.batch).at(0, 0, 0, 99)
    images = torch.cat([sampler.draw(stage, step, 99).images for step in range(20)])
    source = torch.Generator().manual_seed(1)
    done = apply(images, draw(config.restoration, len(images), plan.patch, source))
    single = (done.targets - done.targets.median()).abs().mean()
    return float(single), float((done.images - done.targets).abs().mean())


def trained(project: Project, *settings: str) -> tuple[Path, RunConfig, list[Event]]:
    plain = preset_config("tiny", "restoration", train=project.scans(), device="cpu", budget={"steps": 150})
    config = apply_settings(plain, ["model.width=8", "model.levels=2", "patches.batch=8", *settings])
    run_dir = create_run(project, config)
    return run_dir, config, list(execute(run_dir))


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        ("model.dims=2", "patches.size=32,32"),
        ("model.dims=3", "patches.size=16,24,24", "patches.batch=4", "budget.steps=100"),
    ],
)
def test_the_loss_falls_well_below_that_of_trivial_answers(heads: Project, settings: tuple[str, ...]) -> None:
    run_dir, config, events = trained(heads, *settings)
    assert len(config.train) == 6
    assert sum(heads.case(case).label is None for case in config.train) == 4
    reached = np.mean(list(losses(events).values())[-15:])
    single, unchanged = trivial_losses(heads, run_dir, config)
    assert reached < 0.6 * min(single, unchanged), (reached, single, unchanged)


@pytest.mark.slow
def test_restoration_learns_from_real_volumes(shared_data: Path, tmp_path: Path) -> None:
    images = sorted((shared_data / "msd_hippocampus" / "images").glob("*.nii.gz"))[:6]
    (tmp_path / "images").mkdir()
    for image in images:
        (tmp_path / "images" / image.name).symlink_to(image)
    project = Project.create(tmp_path / "project", tmp_path / "images")
    run_dir, config, events = trained(project, "model.dims=2", "patches.size=48,40", "budget.steps=300")
    assert len(config.train) == 6
    reached = np.mean(list(losses(events).values())[-15:])
    single, unchanged = trivial_losses(project, run_dir, config)
    assert reached < 0.85 * min(single, unchanged), (reached, single, unchanged)


@pytest.mark.parametrize("settings", [(), ("model.dims=3", "patches.size=16,16,16"), ("restoration.mask=1",)])
def test_a_run_learns_from_all_scans_and_validates_nothing(
    study: Project, learning: Callable[..., Path], settings: tuple[str, ...]
) -> None:
    run_dir = learning(*settings)
    events = list(execute(run_dir))
    plan = Plan.model_validate(read_json(run_dir / "plan.json"))
    assert (plan.classes, plan.outputs, plan.input_channels) == ((), 1, 1)
    assert status(run_dir).train_cases == tuple(case.id for case in study.cases)
    assert isinstance(events[0], Started)
    assert "5 MR cases" in events[0].sentence
    assert isinstance(events[-1], Finished)
    assert (events[-1].reason, events[-1].best_dice) == ("budget", None)
    assert not [event for event in events if isinstance(event, Validated)]
    assert len(losses(events)) == 6
    assert load_weights(run_dir).step == 6


@pytest.mark.parametrize("settings", [(), ("model.dims=3", "patches.size=16,16,16")])
def test_an_interactive_run_begins_with_what_click_tasks_taught(
    study: Project, learning: Callable[..., Path], config_of: ConfigOf, settings: tuple[str, ...]
) -> None:
    before = learning("restoration.click_tasks=0.5", *settings)
    assert isinstance(list(execute(before))[-1], Finished)
    learned = load_weights(before)
    assert (learned.plan.outputs, learned.plan.input_channels) == (2, 4)
    kept = ("start.keep_head=true", *settings)
    run_dir = create_run(study, config_of(*kept, task="interactive", init=str(before)))
    events = list(execute(run_dir))
    said = next(event.text for event in events if isinstance(event, Said))
    assert "(restoration, step 6)" in said
    assert "head kept for" in said
    assert "widened" not in said
    assert load_weights(run_dir).plan.outputs == len(study.classes)


@pytest.mark.usefixtures("eager")
@pytest.mark.parametrize("more", [(), ("restoration.click_tasks=0.5",)])
def test_a_restoration_run_resumes_with_the_same_losses(learning: Callable[..., Path], more: tuple[str, ...]) -> None:
    whole, part = learning("restoration.mask=0.3", *more), learning("restoration.mask=0.3", *more)
    expected = losses(list(execute(whole)))
    first = []
    for event in execute(part):
        first.append(event)
        if isinstance(event, StepDone) and event.step == 3:
            break
    assert losses(first) | losses(list(execute(part))) == expected
    weights = [load_weights(run).tensors for run in (whole, part)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


@pytest.mark.usefixtures("eager")
def test_the_case_on_screen_is_shown_restored(learning: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_progseg.training.checks._PREVIEW_SHARE", 1e9)
    run_dir = learning("restoration.paint=1")
    events = []
    for event in execute(run_dir):
        events.append(event)
        if isinstance(event, Started):
            request(run_dir, preview="mr_004", z=12)
    shown = [event for event in events if isinstance(event, Restored)]
    assert len(shown) >= 4
    with np.load(run_dir / shown[-2].path) as before, np.load(run_dir / shown[-1].path) as last:
        assert (str(last["case"]), int(last["step"])) == ("mr_004", shown[-1].step)
        for name in ("original", "distorted", "restored"):
            assert (last[name].shape, last[name].dtype) == ((32, 32), np.uint8)
        for name in ("original", "distorted"):
            np.testing.assert_array_equal(before[name], last[name])
        assert (last["distorted"] != last["original"]).any()
        assert (before["restored"] != last["restored"]).any()


def test_a_restoration_run_is_no_model_to_segment_with(study: Project, learning: Callable[..., Path]) -> None:
    run_dir = learning("budget.steps=1")
    list(execute(run_dir))
    for attempt in (lambda: load_trained(run_dir, "cpu"), lambda: evaluate_run(run_dir, ())):
        with pytest.raises(UserError, match="has learned to restore images"):
            attempt()


def test_labels_that_are_not_finished_are_not_read(
    study: Project, learning: Callable[..., Path], monkeypatch: Any
) -> None:
    read: list[str] = []

    def recorded(self: Project, case: str) -> None:
        read.append(case)

    monkeypatch.setattr(Project, "labels", recorded)
    list(execute(learning("budget.steps=1")))
    assert set(read) == {case.id for case in study.completed}


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"train": ("nobody",)}, "no case 'nobody'"),
        ({"train": ()}, "at least one training case"),
        ({"validation": ("mr_002",), "train": ("mr_000",)}, "restoration learns from scans alone"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(learning: Callable[..., Path], fields: Any, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        learning(**fields)

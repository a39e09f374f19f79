"""A small project, and runs that take seconds."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from napari_progseg.project import Project
from napari_progseg.samples.cohort import write_cohort
from napari_progseg.training.config import RunConfig, apply_settings, preset_config
from napari_progseg.training.events import Checkpointed, StepDone
from napari_progseg.training.run import create_run
from napari_progseg.training.watch import follow

SMALL = [
    "model.dims=2",
    "model.width=4",
    "model.levels=2",
    "patches.size=32,32",
    "patches.batch=4",
    "validate_on.share=1",
]


@pytest.fixture(autouse=True)
def _few_threads(one_thread: None) -> None:
    """Let torch leave the other cores alone."""


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Four labelled patients mr_000 to mr_003 and one without labels."""
    folder = tmp_path_factory.mktemp("study")
    write_cohort(folder, "mr", 5, labelled=4)
    return Project.create(folder / "project", folder / "images", folder / "labels", {"hippocampus": (1, 2)})


@pytest.fixture
def config_of() -> Callable[..., RunConfig]:
    """Build settings that train fast; settings as text."""

    def build(*settings: str, task: Any = "segmentation", **fields: Any) -> RunConfig:
        plain = {"train": ("mr_000", "mr_001"), "validation": ("mr_002",), "device": "cpu", "budget": {"steps": 6}}
        return apply_settings(preset_config("tiny", task, **{**plain, **fields}), [*SMALL, *settings])

    return build


@pytest.fixture
def run_of(study: Project, config_of: Callable[..., RunConfig]) -> Callable[..., Path]:
    """Create a run of the project."""
    return lambda *settings, **fields: create_run(study, config_of(*settings, **fields))


def kill_after(run_dir: Path, process: psutil.Process, step: int) -> None:
    """Kill a run's process without warning, once it has a checkpoint and has done so many steps."""
    saved = False
    for event in follow(run_dir, poll=0.01):
        saved = saved or isinstance(event, Checkpointed)
        if saved and isinstance(event, StepDone) and event.step >= step:
            process.send_signal(signal.SIGKILL)
            break
    process.wait(10)

"""A project with two runs that are files only: nothing is trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from napari_progseg.data.plan import Plan
from napari_progseg.project import Project
from napari_progseg.storage.atomic import write_json
from napari_progseg.storage.journal import Journal
from napari_progseg.training.config import RunConfig, apply_settings, preset_config
from napari_progseg.training.events import Event, Finished, Started, StepDone, Validated, to_record

CASES = ("a", "b", "c", "d", "e")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Five completed cases of one structure, bone, and one, x, without labels."""
    for name in (*CASES, "x"):
        labels = np.zeros((4, 5, 6), np.uint8)
        labels[1:3, 1:3, 1:3] = 1
        for folder, array in (("images", labels * 90), ("labels", labels)):
            if folder == "images" or name != "x":
                (tmp_path / folder).mkdir(exist_ok=True)
                nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), tmp_path / folder / f"{name}.nii.gz")
    return Project.create(tmp_path / "study", tmp_path / "images", tmp_path / "labels", {"bone": (1,)})


@pytest.fixture
def config_of() -> Callable[..., RunConfig]:
    """Build settings of a run; settings as text."""

    def build(*settings: str, task: Any = "segmentation", **fields: Any) -> RunConfig:
        plain = {"train": ("a", "b"), "validation": ("c",), "budget": {"steps": 40}}
        if task == "restoration":
            plain["validation"] = ()
        return apply_settings(preset_config("tiny", task, **{**plain, **fields}), list(settings))

    return build


@pytest.fixture
def add_run(project: Project, plan_of: Callable[..., Plan]) -> Callable[..., Path]:
    """Write the folder of a finished run."""

    def add(name: str, config: RunConfig, plan: Plan | None = None) -> Path:
        run = project.runs_dir / name
        write_json(run / "config.json", config.model_dump(mode="json"))
        write_json(run / "plan.json", (plan or plan_of(task=config.task)).model_dump(mode="json"))
        write_json(run / "checkpoints" / "best.json", {"checkpoint": "step-000040", "dice": 0.75})
        steps: list[Event] = [StepDone(n, n / 40, 0.5, 1e-3, n * 3.0, 0, (16, 16), 4, 2) for n in range(1, 41)]
        checked = Validated(40, 1.0, 120.0, 0.75, {"c": {"bone": 0.75}}, True, took=6.0)
        events = [Started(0, "", "cpu", 40), *steps, checked, Finished(40, 120.0, "budget", 0.75)]
        Journal(run / "events.jsonl").extend(to_record(event) for event in events)
        return run

    return add


@pytest.fixture
def edits(project: Project) -> Callable[..., None]:
    """Write a journal of edits: kind, number of clicks after it, second, source."""

    def write(case: str, *told: tuple[str, int, int, str]) -> None:
        click = {"voxel_zyx": [0, 0, 0], "inside": True, "label": 1}
        records = [
            {
                "time": f"2026-01-05T10:{second // 60:02d}:{second % 60:02d}+00:00",
                "edit": kind,
                "clicks": [click] * clicks,
                **({"source": source} if source else {}),
            }
            for kind, clicks, second, source in told
        ]
        Journal(project.edits_dir / f"{case}.jsonl", durable=True).extend(records)

    return write

"""The list of a project's runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from napari_progseg.cli import app
from napari_progseg.project import Project
from napari_progseg.samples.cohort import write_cohort
from napari_progseg.storage.atomic import write_json


@pytest.fixture
def project(tmp_path: Path) -> Project:
    write_cohort(tmp_path, "mr", 2, labelled=1)
    return Project.create(tmp_path / "study", tmp_path / "images", tmp_path / "labels", {"a": (1,)})


def test_runs_are_listed_newest_first(project: Project, write_run: Callable[..., Path]) -> None:
    write_run(project.root, 1, 2, {"p9": 0.8}, task="restoration")
    second = write_run(project.root, 2, 5, {"p9": 0.8}, reason="stopped")
    write_json(second / "checkpoints" / "best.json", {"dice": 0.8})
    done = CliRunner().invoke(app, ["runs", str(project.root)])
    assert done.exit_code == 0, done.output
    heading, newest, oldest = done.stdout.splitlines()
    assert heading.split("  ")[0] == "run"
    assert newest.split() == ["0002-n5", "segmentation", "stopped", "5", "40", "4", "s", "0.800"]
    assert oldest.split() == ["0001-n2", "restoration", "finished", "2", "40", "4", "s"]


def test_a_project_without_runs_says_how_to_begin(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    done = CliRunner().invoke(app, ["runs"])
    assert done.exit_code == 0
    assert "has no run yet; begin with: progseg train" in done.stdout

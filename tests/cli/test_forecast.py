"""``progseg forecast``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

from napari_progseg.cli import app
from napari_progseg.project import Project


@pytest.fixture
def project(tmp_path: Path, write_run: Callable[..., Path]) -> Path:
    """A project with runs of 1, 2 and 4 patients."""
    (tmp_path / "images").mkdir()
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 4, 4), np.int16), np.eye(4)), tmp_path / "images" / "a.nii.gz")
    root = Project.create(tmp_path / "project", tmp_path / "images").root
    for number, patients in enumerate((1, 2, 4), 1):
        write_run(root, number, patients, {"v1": 0.9 - 0.4 / patients, "v2": 0.8 - 0.4 / patients})
    return root


def test_below_four_numbers_of_patients_nothing_is_forecast(project: Path) -> None:
    done = CliRunner().invoke(app, ["forecast", str(project)])
    assert done.exit_code == 2
    assert "so far 3 can be compared (1, 2, 4)" in done.output


def test_it_prints_points_band_rule_and_past_error(
    project: Path, write_run: Callable[..., Path], tmp_path: Path
) -> None:
    write_run(project, 4, 8, {"v1": 0.85, "v2": 0.75})
    done = CliRunner().invoke(app, ["forecast", str(project), "--json", str(tmp_path / "f.json")])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert [line.split() for line in lines[:2]] == [["patients", "Dice", "run"], ["1", "0.450", "0001-n1"]]
    assert "measured on 2 validation patients: v1, v2" in done.output
    assert "Dice to expect with 12 patients:" in done.output
    assert "A forecast made with the first 3 budgets missed the 4th by 0.0" in done.output
    document = json.loads((tmp_path / "f.json").read_text(encoding="utf-8"))
    assert document["points"][3] == {"run": "0004-n8", "patients": 8, "dice": {"v1": 0.85, "v2": 0.75}}
    assert len(document["forecast"]["low"]) == len(document["forecast"]["patients"]) == 16


def test_runs_of_the_other_task_are_another_forecast(project: Path) -> None:
    done = CliRunner().invoke(app, ["forecast", str(project), "--task", "interactive"])
    assert done.exit_code == 2
    assert "so far there is none" in done.output

"""The command line: what it prints, how it ends."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import nibabel
import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

import napari_progseg
from napari_progseg.cli import app

PATIENTS = 6


def progseg(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def write_patient(folder: Path, name: str, rng: np.random.Generator) -> None:
    """Write a bright ball in noise, (12, 16, 16) voxels along the file's axes, with its label 3."""
    centre = rng.uniform(5, 8, size=3)
    grid = np.stack(np.meshgrid(*map(np.arange, (12, 16, 16)), indexing="ij"), axis=-1)
    ball = np.linalg.norm(grid - centre, axis=-1) < 4
    image = (100 * ball + rng.normal(200, 10, ball.shape)).astype(np.int16)
    for part, array in (("images", image), ("labels", 3 * ball.astype(np.uint8))):
        (folder / part).mkdir(exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(array, np.diag([1.0, 1.0, 1.5, 1.0])), folder / part / f"{name}.nii.gz")


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with ``images`` and ``labels`` of six tiny patients; read only."""
    folder = tmp_path_factory.mktemp("cohort")
    rng = np.random.default_rng(3)
    for number in range(PATIENTS):
        write_patient(folder, f"p{number}", rng)
    return folder


@pytest.fixture
def project(cohort: Path, tmp_path: Path) -> Path:
    """Make a fresh project of the cohort."""
    made = progseg("init", tmp_path / "study", "--images", cohort / "images", "--labels", cohort / "labels")
    assert made.exit_code == 0, made.output
    return tmp_path / "study"


def test_version_and_help_need_no_command() -> None:
    assert progseg("--version").output.strip() == napari_progseg.__version__
    assert "train" in progseg("--help").output


def test_init_makes_a_project_and_tells_what_it_holds(cohort: Path, tmp_path: Path) -> None:
    folders = ("--images", cohort / "images", "--labels", cohort / "labels")
    done = progseg("init", tmp_path / "study", *folders, "--classes", "ball=3+4")
    assert done.exit_code == 0, done.output
    assert f"{PATIENTS} cases, {PATIENTS} of them completed; classes: ball=3+4" in done.output
    assert (tmp_path / "study" / "progseg.json").is_file()


def test_a_second_init_changes_nothing_and_ends_with_2(cohort: Path, project: Path) -> None:
    before = (project / "progseg.json").read_bytes()
    done = progseg("init", project, "--images", cohort / "images")
    assert done.exit_code == 2
    assert done.stderr.startswith("progseg: ")
    assert done.stderr.count("\n") == 1
    assert (project / "progseg.json").read_bytes() == before


def test_an_error_of_the_users_is_one_line_without_traceback(tmp_path: Path) -> None:
    done = progseg("init", tmp_path / "study", "--images", tmp_path / "missing")
    assert done.exit_code == 2
    assert "missing" in done.stderr
    assert "Traceback" not in done.output + done.stderr


def test_check_prints_a_row_a_file_and_ends_with_0(cohort: Path) -> None:
    done = progseg("check", cohort)
    assert done.exit_code == 0, done.output
    rows = [line for line in done.output.splitlines() if line.startswith(str(cohort))]
    assert len(rows) == 2 * PATIENTS
    labels = next(row for row in rows if "labels" in row)
    assert labels.split()[1:] == ["labels", "16×16×12", "1.5×1×1", "RAS", "3"]


def test_check_names_what_is_wrong_and_ends_with_1(cohort: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn.nii.gz"
    torn.write_bytes((cohort / "images" / "p0.nii.gz").read_bytes()[:2000])
    done = progseg("check", torn, cohort / "images" / "p1.nii.gz", "--json", tmp_path / "found.json")
    assert done.exit_code == 1
    assert "NOT USABLE" in done.output
    bad, good = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    assert (bad["path"], bad["usable"]) == (str(torn), False)
    assert bad["problems"]
    assert (good["shape_zyx"], good["spacing_zyx_mm"], good["usable"]) == ([16, 16, 12], [1.5, 1.0, 1.0], True)


def test_check_of_an_empty_folder_is_no_success(tmp_path: Path) -> None:
    assert progseg("check", tmp_path).exit_code == 1


def test_doctor_tells_versions_and_device() -> None:
    done = progseg("doctor")
    assert done.exit_code == 0, done.output
    told = dict(line.split(maxsplit=1) for line in done.output.splitlines() if " " in line)
    assert told["torch"] == metadata.version("torch")
    assert told["device"]


@pytest.mark.parametrize("budget", [(), ("--steps", 2, "--minutes", 1)])
def test_training_needs_exactly_one_budget(project: Path, budget: tuple[object, ...]) -> None:
    done = progseg("train", project, "--task", "segmentation", "--name", "first", *budget)
    assert done.exit_code == 2
    assert "--minutes or --steps" in done.stderr
    assert not (project / "runs").exists()


@pytest.mark.parametrize("command", ["watch", "pause", "resume", "stop"])
def test_a_folder_that_is_no_run_is_refused(command: str, tmp_path: Path) -> None:
    done = progseg(command, tmp_path)
    assert done.exit_code == 2
    assert "is no run" in done.stderr


def test_a_misspelt_option_ends_with_2() -> None:
    assert progseg("check", "--jsn", "x").exit_code == 2

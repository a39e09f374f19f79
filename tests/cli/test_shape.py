"""``progseg shape`` on a project of supershapes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_progseg import io
from napari_progseg.cli import app
from napari_progseg.project import Project
from napari_progseg.samples.cohort import write_cohort
from napari_progseg.shape.distances import distances_to
from napari_progseg.shape.files import load_model
from napari_progseg.shape.frame import from_world
from napari_progseg.shape.mesh import surface_of
from napari_progseg.shape.particles import read_particles
from napari_progseg.shape.quality import Quality


def shape(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["shape", *(str(word) for word in words)])
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("supershapes")
    write_cohort(folder, "supershape", 7, voxels=16)
    Project.create(folder / "project", folder / "images", folder / "labels", {"body": (1,)})
    return folder / "project"


@pytest.fixture(scope="module")
def built(project: Path) -> tuple[Path, str]:
    out = project.parent / "built" / "model.npz"
    return out, shape("build", project, "--out", out, "--points", 64)


def test_build_takes_all_training_cases_where_none_are_named(project: Path, built: tuple[Path, str]) -> None:
    assert load_model(built[0]).cases == Project.open(project).draw(None, 0, 0)[0]


def test_build_tells_how_good_the_model_is(built: tuple[Path, str]) -> None:
    model = load_model(built[0])
    modes = min(len(model.levels[-1].modes), len(model.cases) - 2)
    kept, unseen, random = Quality.of(model.points, np.random.default_rng(0)).at(modes)
    (line,) = (line for line in built[1].splitlines() if line.startswith(f"with {modes} mode"))
    for figure in (f"{kept:.0%} of the variance", f"within {unseen:.2f} mm", f"lie {random:.2f} mm"):
        assert figure in line


def test_build_writes_points_that_lie_on_the_labels_and_make_the_model_again(
    project: Path, built: tuple[Path, str]
) -> None:
    model, parts = load_model(built[0]), built[0].with_suffix("")
    opened = Project.open(project)
    for case in model.cases:
        labels = opened.labels(case)
        mesh, _ = surface_of(labels.labels > 0, labels.geometry.spacing_zyx_mm)
        points = from_world(read_particles(parts / f"{case}.particles"), labels.geometry)
        assert distances_to(points, mesh).max() < 1e-3
    again = project.parent / "again" / "model.npz"
    shape("build", project, "--out", again, "--points", 64, "--particles", parts)
    found = load_model(again)
    np.testing.assert_allclose(np.sort(found.poses.scales), np.sort(model.poses.scales), atol=1e-6)
    np.testing.assert_allclose(found.levels[-1].share, model.levels[-1].share, atol=1e-6)


def test_two_cases_are_refused(project: Path) -> None:
    done = CliRunner().invoke(app, ["shape", "build", str(project), "--out", str(project / "m.npz"), "--train", "2"])
    assert done.exit_code == 2
    assert "at least 3 labelled cases and there are 2" in done.stderr
    assert not (project / "m.npz").exists()


@pytest.fixture(scope="module")
def run(project: Path, built: tuple[Path, str]) -> Path:
    """Train four steps on the cases of the built model."""
    names = ",".join(load_model(built[0]).cases)
    said = shape(
        "train", project, "--name", "bodies", "--train", names, "--model", built[0], "--steps", 4, "--device", "cpu",
        "--schedule", "joint", "--set", "model.width=4", "--set", "patches.batch=2", "--set", "shape.scales=16,32",
    )  # fmt: skip
    assert "best validation distance" in said
    return Project.open(project).runs()[-1]


def test_a_run_is_listed_with_its_distance(project: Path, run: Path) -> None:
    done = CliRunner().invoke(app, ["runs", str(project)])
    assert "0001-bodies" in done.output
    assert "shape" in done.output


def test_predict_writes_points_surface_and_mask_on_the_scan(project: Path, run: Path, tmp_path: Path) -> None:
    shape("predict", run, "--images", project.parent / "images", "--out", tmp_path / "found", "--device", "cpu")
    files = {path.name for path in (tmp_path / "found").iterdir()}
    for case in Project.open(project).cases:
        assert {f"{case.id}{end}" for end in (".particles", ".csv", ".ply", ".nii.gz")} <= files
    first = Project.open(project).cases[0].id
    points = read_particles(tmp_path / "found" / f"{first}.particles")
    rows = (tmp_path / "found" / f"{first}.csv").read_text().splitlines()
    assert rows[0] == "point,x_mm,y_mm,z_mm"
    assert np.abs(points[3] - np.array(rows[4].split(",")[1:], float)).max() < 1e-4
    mask = io.read_labels(tmp_path / "found" / f"{first}.nii.gz")
    assert mask.geometry.mismatch(Project.open(project).volume(first).geometry) is None


def test_evaluate_tells_distances_of_cases_that_were_not_learned(project: Path, run: Path, tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    everyone = ",".join(case.id for case in Project.open(project).cases)
    said = shape("evaluate", run, "--cases", everyone, "--json", result, "--device", "cpu")
    assert "32 points: mean surface distance" in said
    assert "left out, since the model was trained or validated on them" in said
    document = json.loads(result.read_text())
    seen = set(load_model(run / "shape" / "model.npz").cases)
    assert {each["case"] for each in document["cases"]}.isdisjoint(seen)
    assert document["mean_surface_mm"][-1] == pytest.approx(
        np.mean([each["surfaces"][-1]["mean_mm"] for each in document["cases"]])
    )


def test_evaluating_on_learned_cases_alone_is_refused(project: Path, run: Path) -> None:
    names = ",".join(load_model(run / "shape" / "model.npz").cases)
    done = CliRunner().invoke(app, ["shape", "evaluate", str(run), "--cases", names, "--device", "cpu"])
    assert done.exit_code == 2
    assert "trained or validated on all of these cases" in done.stderr

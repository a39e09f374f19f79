"""``progseg shape build`` on a project of supershapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

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

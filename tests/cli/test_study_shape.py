"""``progseg study shape`` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from napari_progseg.cli import app
from napari_progseg.project import Project
from napari_progseg.samples.supershapes import supershape
from napari_progseg.studies.rows import RowFile

SMALL = ("model.width=4", "model.levels=2", "patches.batch=2", "shape.scales=8,16")


@pytest.fixture(scope="module")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with images and labels of six supershapes of 16 × 16 × 16 voxels; read only."""
    folder = tmp_path_factory.mktemp("bodies")
    for patient in range(6):
        volume, labels, _ = supershape(patient, shape_zyx=(16, 16, 16), spacing_zyx_mm=(4, 4, 4))
        for part, values in (("images", volume.image), ("labels", labels.labels)):
            (folder / part).mkdir(exist_ok=True)
            array = volume.geometry.from_canonical(np.asarray(values))
            nibabel.save(nibabel.Nifti1Image(array, volume.geometry.affine_ras), folder / part / f"b{patient}.nii.gz")
    return folder


@pytest.fixture
def project(bodies: Path, tmp_path: Path, one_thread: None) -> Path:
    Project.create(tmp_path / "project", bodies / "images", bodies / "labels")
    return tmp_path / "project"


def study(project: Path, out: Path, *words: object) -> Result:
    settings = [word for setting in SMALL for word in ("--set", setting)]
    plain = ["study", "shape", project, "--out", out, "--device", "cpu", "--validation", 1, "--test", 1, *settings]
    return CliRunner().invoke(app, [str(word) for word in (*plain, *words)])


def test_a_study_of_shapes_runs_reports_and_is_not_repeated(project: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("--patients", 3, "--groups", "Deep,Single", "--steps-per-run", 2, "--seeds", 1)
    done = study(project, out, *words)
    assert done.exit_code == 0, done.output
    lines = [line for line in done.output.splitlines() if line[:2] in {"1/", "2/"}]
    assert lines[0].startswith("1/2 Deep, 3 patients, seed 0: test surface ")
    assert " mm, largest " in lines[0]
    for name in ("rows.jsonl", "report.html", "report.json", "report.csv", "report.md", "training-curves.png"):
        assert (out / name).is_file(), name
    document = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert (document["study"], document["runs_done"]) == ("shape", 2)
    assert {row.group for row in RowFile(out).read().values()} == {"Deep", "Single"}
    again = study(project, out, *words)
    assert again.exit_code == 0, again.output
    assert "training" not in again.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--patients", 3), "--steps-per-run or --minutes-per-run"),
        (("--patients", 3, "--steps-per-run", 1, "--groups", "Depp"), "Depp is no group"),
        (("--patients", 2, "--steps-per-run", 1), "3 labelled cases or more"),
        (("--patients", 5, "--steps-per-run", 1), "the pool holds 4"),
        (("--patients", 3, "--steps-per-run", 1, "--set", "model.dims=2"), "task shape reads whole volumes"),
    ],
)
def test_a_wrong_study_ends_with_2_and_one_sentence(
    project: Path, tmp_path: Path, words: tuple[object, ...], told: str
) -> None:
    done = study(project, tmp_path / "out", *words)
    assert done.exit_code == 2, done.output
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert Project.open(project).runs() == []

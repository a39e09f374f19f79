"""``progseg rank``."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner

from napari_progseg.cli import app
from napari_progseg.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Five alike MR volumes, one of noise, in different sizes."""
    (tmp_path / "images").mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        z, y, x = np.mgrid[0:12, 0 : 20 + number, 0:22] / 20
        image = np.exp(-6 * ((y - 0.5) ** 2 + (x - 0.5) ** 2 + (z - 0.3) ** 2)) + 0.01 * number
        if number == 3:
            image = rng.random(image.shape)
        nibabel.save(
            nibabel.Nifti1Image((1000 * image).astype(np.int16), np.eye(4)), tmp_path / "images" / f"s{number}.nii.gz"
        )
    return Project.create(tmp_path / "project", tmp_path / "images").root


def test_it_prints_writes_and_draws_the_ranking(project: Path, tmp_path: Path) -> None:
    files = ["--json", str(tmp_path / "r.json"), "--picture", str(tmp_path / "r.png")]
    done = CliRunner().invoke(app, ["rank", str(project), *files])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0].split() == ["rank", "case", "begins", "mse", "psnr", "ssim"]
    assert lines[6].split()[:2] == ["6", "s3"]
    assert [("yes" in line.split()) for line in lines[1:7]] == [True, True, False, False, False, False]
    document = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert document["cases"][-1] == "s3"
    assert (tmp_path / "r.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_unknown_metrics_are_refused(project: Path) -> None:
    done = CliRunner().invoke(app, ["rank", str(project), "--metrics", "ssim,beauty"])
    assert done.exit_code == 2
    assert "choose from mse, psnr, ssim, uqi" in done.output

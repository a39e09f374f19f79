"""A cohort of ten small labelled cases and a project of it."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_progseg.project import Project

SHAPE = (6, 5, 4)
AFFINE = np.diag([1.0, 2.0, 3.0, 1.0])
CLASSES = {"hippocampus": (1, 2)}


def write(path: Path, array: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(array, affine), path)
    return path


def labels(*values: int) -> np.ndarray:
    array = np.zeros(SHAPE, np.uint8)
    array.ravel()[: len(values)] = values
    return array


@pytest.fixture
def cohort(tmp_path: Path) -> Path:
    """Ten labelled cases; ``images/caseN.nii.gz`` and ``labels/caseN.nii.gz``."""
    rng = np.random.default_rng(0)
    for i in range(10):
        write(tmp_path / "images" / f"case{i}.nii.gz", rng.normal(size=SHAPE).astype(np.float32))
        write(tmp_path / "labels" / f"case{i}.nii.gz", labels(1, 2, 2))
    return tmp_path


@pytest.fixture
def project(cohort: Path) -> Project:
    return Project.create(cohort / "project", cohort / "images", cohort / "labels", CLASSES)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

"""Projects of small made-up scans, and a run that needs no training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_progseg.project import CaseState, Project

SHAPE = (12, 20, 22)


def blob(shift: float = 0.0) -> np.ndarray:
    """A bright blob, moved along x by a share of the image."""
    z, y, x = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1], 0 : SHAPE[2]] / np.array(SHAPE).reshape(3, 1, 1, 1)
    return np.exp(-12 * ((z - 0.5) ** 2 + (y - 0.5) ** 2 + (x - 0.4 - shift) ** 2))


def write(folder: Path, case: str, image: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image((1000 * image).astype(np.int16), np.eye(4)), folder / f"{case}.nii.gz")


@pytest.fixture
def project_of(tmp_path: Path) -> Callable[..., Project]:
    """Make a project of images by case, (Z, Y, X) in [0, 1]; the named ones are completed."""

    def build(images: dict[str, np.ndarray], completed: tuple[str, ...] = ()) -> Project:
        for case, image in images.items():
            write(tmp_path / "images", case, image)
            if case in completed:
                write(tmp_path / "labels", case, (image > 0.5) / 1000)
        labels = tmp_path / "labels" if completed else None
        project = Project.create(tmp_path / "project", tmp_path / "images", labels, {"blob": (1,)})
        assert {case.id for case in project.cases if case.state is CaseState.COMPLETED} == set(completed)
        return project

    return build

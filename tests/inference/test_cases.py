"""Cases that a model is evaluated on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_progseg import io
from napari_progseg.errors import UserError
from napari_progseg.geometry import Geometry
from napari_progseg.inference.cases import folder_cases, project_cases
from napari_progseg.project import Project
from napari_progseg.volume import LabelClass, LabelMap

GRID = Geometry.from_spacing((3, 4, 5), (2.0, 1.0, 1.0))
SHIFTED = Geometry(GRID.shape_ijk, GRID.affine_lps + np.eye(4)[:, [1, 2, 3, 0]] * 0.5)
CLASSES = (LabelClass("bone", (2, 5)),)


def write(path: Path, values: list[int], grid: Geometry = GRID) -> None:
    labels = np.zeros(grid.shape_zyx, dtype=np.uint8)
    labels.flat[: len(values)] = values
    io.write_labels(path, LabelMap(labels, grid))


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("a", "b"):
        write(tmp_path / "images" / f"{name}.nii.gz", list(range(60)))
    write(tmp_path / "labels" / "a_seg.nii.gz", [2, 5, 0, 5])
    return tmp_path / "images", tmp_path / "labels"


def test_folders_are_matched_by_name_and_scans_without_labels_left_out(folders: tuple[Path, Path]) -> None:
    (case,) = folder_cases(*folders, CLASSES)
    assert case.id == "a"
    assert case.volume().image.shape == (3, 4, 5)


def test_values_of_a_class_are_merged_into_its_first(folders: tuple[Path, Path]) -> None:
    (case,) = folder_cases(*folders, CLASSES)
    labels = case.labels()
    assert labels.labels.ravel()[:4].tolist() == [2, 2, 0, 2]
    assert labels.names == {2: "bone"}


def test_a_value_of_no_class_is_refused_when_it_is_read(folders: tuple[Path, Path]) -> None:
    (case,) = folder_cases(*folders, (LabelClass("bone", (2,)),))
    with pytest.raises(UserError, match="5"):
        case.labels()


def test_a_value_of_no_class_can_be_background(folders: tuple[Path, Path]) -> None:
    (case,) = folder_cases(*folders, (LabelClass("bone", (2,)),), others_are_background=True)
    assert case.labels().labels.ravel()[:4].tolist() == [2, 0, 0, 0]


def test_labels_on_another_grid_are_refused_when_they_are_read(folders: tuple[Path, Path]) -> None:
    write(folders[1] / "a_seg.nii.gz", [2], SHIFTED)
    (case,) = folder_cases(*folders, CLASSES)
    with pytest.raises(UserError, match="grid"):
        case.labels()


def test_folders_without_a_common_name_are_refused(folders: tuple[Path, Path]) -> None:
    (folders[1] / "a_seg.nii.gz").rename(folders[1] / "other.nii.gz")
    with pytest.raises(UserError, match="name of a scan"):
        folder_cases(*folders, CLASSES)


def test_cases_of_a_project_are_read_through_it(folders: tuple[Path, Path], tmp_path: Path) -> None:
    project = Project.create(tmp_path / "study", *folders, {"bone": (2, 5)})
    labelled, bare = project_cases(project, ["a", "b"])
    assert set(np.unique(labelled.labels().labels)) == {0, 2}
    with pytest.raises(UserError, match="case b has no labels"):
        bare.labels()

"""Stored predictions: a mask without its record, or of other bytes, is none."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_progseg.errors import UserError
from napari_progseg.geometry import Geometry
from napari_progseg.predictions import ModelIdentity, Prediction, Predictions
from napari_progseg.project import Project
from napari_progseg.volume import LabelMap

GRID = Geometry.from_spacing((3, 4, 5), (2.0, 1.0, 1.0))
RECORD = Prediction(case="a", run="0001-first", step=7, model_sha256="ab")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "images").mkdir()
    image = nibabel.Nifti1Image(np.zeros((5, 4, 3), np.int16), GRID.affine_ras)
    nibabel.save(image, tmp_path / "images" / "a.nii.gz")
    return Project.create(tmp_path / "study", tmp_path / "images", classes={"bone": (1,)})


@pytest.fixture
def stored(project: Project) -> Predictions:
    labels = np.zeros((3, 4, 5), np.uint8)
    labels[1, 2, 3] = 1
    Predictions(project).save(LabelMap(labels, GRID), RECORD)
    return Predictions(project)


def test_a_prediction_comes_back_as_it_was_saved(stored: Predictions) -> None:
    found = stored.read("a", GRID)
    assert found is not None
    assert np.argwhere(found.labels).tolist() == [[1, 2, 3]]
    record = stored.get("a")
    assert record is not None
    assert record.is_from(ModelIdentity("0001-first", 7, "ab"))
    assert not record.is_from(ModelIdentity("0001-first", 7, "cd"))


def test_a_mask_that_a_crash_left_without_its_own_record_is_none(stored: Predictions) -> None:
    other = np.ones((3, 4, 5), np.uint8)
    from napari_progseg import io

    io.write_labels(stored.mask("a"), LabelMap(other, GRID))
    assert stored.get("a") is None
    assert stored.read("a", GRID) is None


@pytest.mark.parametrize("content", ["", "{", '{"case": 3}'])
def test_a_damaged_record_is_none(stored: Predictions, content: str) -> None:
    (stored.folder / "a.json").write_text(content, encoding="utf-8")
    assert stored.records() == {}
    assert stored.get("a") is None


def test_a_record_of_a_later_version_is_read(stored: Predictions) -> None:
    path = stored.folder / "a.json"
    path.write_text(path.read_text(encoding="utf-8").replace("{", '{"later": 1,', 1), encoding="utf-8")
    assert stored.get("a") is not None


def test_a_mask_on_another_grid_than_the_image_is_refused(stored: Predictions) -> None:
    moved = Geometry.from_spacing((3, 4, 5), (3.0, 1.0, 1.0))
    with pytest.raises(UserError, match="predict the case again"):
        stored.read("a", moved)

"""A folder of scans predicted onto the scans' own grids; the network is replaced by a threshold."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import nibabel
import numpy as np
import pytest

from napari_progseg import io
from napari_progseg.errors import UserError
from napari_progseg.guidance.clicks import Click
from napari_progseg.inference.folder import Predicted, predict_folder
from napari_progseg.volume import LabelClass, LabelMap, Volume

SHAPE_IJK = (4, 5, 6)


def threshold(model: Any, volume: Volume) -> LabelMap:
    return LabelMap((volume.image > 100).astype(np.uint8), volume.geometry)


class Marking:
    """A session whose answer writes each click's number at its voxel, so that order and place can be seen."""

    def __init__(self, model: Any) -> None:
        self.shape: tuple[int, ...] = ()

    def set_image(self, volume: Volume) -> None:
        self.shape = volume.image.shape

    def answer(self, clicks: Sequence[Click], revision: int, current: Any = None) -> SimpleNamespace:
        assert current.shape == self.shape
        regions = [tuple(slice(index, index + 1) for index in click.voxel_zyx) for click in clicks]
        marks = [np.full((1, 1, 1), number, np.uint8) for number in range(1, len(clicks) + 1)]
        return SimpleNamespace(patches=tuple(zip(regions, marks, strict=True)))


@pytest.fixture(autouse=True)
def without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in {"predict": {"predict_volume": threshold}, "session": {"InteractiveSession": Marking}}.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, f"napari_progseg.inference.{name}", module)


def model(task: str = "segmentation") -> Any:
    return SimpleNamespace(name="first", config=SimpleNamespace(task=task), classes=(LabelClass("bone", (1,)),))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Folder of two scans whose file axes run to the Right, Anterior, Superior; voxel (1, 2, 0) is bright."""
    folder = tmp_path / "scans"
    folder.mkdir()
    array = np.zeros(SHAPE_IJK, np.int16)
    array[1, 2, 0] = 500
    for name in ("a", "b"):
        nibabel.save(nibabel.Nifti1Image(array, np.diag([1.0, 2.0, 3.0, 1.0])), folder / f"{name}.nii.gz")
    return folder


def voxels(path: Path) -> Any:
    return np.asarray(nibabel.load(path).dataobj)


def test_labels_lie_on_the_files_own_grid(images: Path, tmp_path: Path) -> None:
    done = list(predict_folder(model(), images, tmp_path / "out"))
    assert [each.case for each in done] == ["a", "b"]
    saved = nibabel.load(done[0].labels)
    assert saved.shape == SHAPE_IJK
    np.testing.assert_allclose(saved.affine, np.diag([1.0, 2.0, 3.0, 1.0]), atol=1e-3)
    assert np.argwhere(voxels(done[0].labels)).tolist() == [[1, 2, 0]]


def test_a_broken_scan_does_not_stop_the_others(images: Path, tmp_path: Path) -> None:
    (images / "a.nii.gz").write_bytes((images / "b.nii.gz").read_bytes()[:60])
    broken, good = predict_folder(model(), images, tmp_path / "out")
    assert broken.labels is None
    assert broken.fault
    assert good == Predicted("b", tmp_path / "out" / "b.nii.gz")
    assert not (tmp_path / "out" / "a.nii.gz").exists()


def test_clicks_change_the_automatic_labels_at_the_files_own_voxels(images: Path, tmp_path: Path) -> None:
    clicks = tmp_path / "clicks"
    clicks.mkdir()
    (clicks / "b.json").write_text(json.dumps([{"voxel": [0, 0, 5]}, {"voxel": [3, 4, 2]}]), encoding="utf-8")
    bare, guided = predict_folder(model("interactive"), images, tmp_path / "out", clicks)
    assert (bare.clicks, guided.clicks) == (0, 2)
    labels = voxels(guided.labels)
    assert (labels[0, 0, 5], labels[3, 4, 2], labels[1, 2, 0], np.count_nonzero(labels)) == (1, 2, 1, 3)


def test_clicks_of_no_scan_are_refused_before_anything_is_written(images: Path, tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text("[]", encoding="utf-8")
    with pytest.raises(UserError, match="no scan belongs to the clicks c"):
        list(predict_folder(model("interactive"), images, tmp_path / "out", tmp_path))
    assert not (tmp_path / "out").exists()


def test_a_model_without_clicks_refuses_them(images: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="model without clicks"):
        list(predict_folder(model(), images, tmp_path / "out", tmp_path))


def test_a_scan_is_never_overwritten_by_its_labels(images: Path) -> None:
    before = (images / "a.nii.gz").read_bytes()
    faults = [each.fault for each in predict_folder(model(), images, images)]
    assert all(fault is not None and "is the scan itself" in fault for fault in faults)
    assert (images / "a.nii.gz").read_bytes() == before


def test_labels_of_an_earlier_call_below_the_images_are_no_scans(images: Path) -> None:
    first = list(predict_folder(model(), images, images / "masks"))
    assert list(predict_folder(model(), images, images / "masks")) == first
    assert io.read_labels(images / "masks" / "a.nii.gz").labels.any()

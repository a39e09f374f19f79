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


seen: list[Any] = []
own_masks: list[bool] = []


class Marking:
    """A session whose answer writes each click's number at its voxel, so that order and place can be seen."""

    def __init__(self, model: Any, *, own_mask: bool) -> None:
        own_masks.append(own_mask)
        self.shape: tuple[int, ...] = ()

    def set_image(self, volume: Volume) -> None:
        self.shape = volume.image.shape

    def answer(self, clicks: Sequence[Click], revision: int, current: Any = None) -> SimpleNamespace:
        assert current.shape == self.shape
        seen.append(current)
        regions = [tuple(slice(index, index + 1) for index in click.voxel_zyx) for click in clicks]
        marks = [np.full((1, 1, 1), number, np.uint8) for number in range(1, len(clicks) + 1)]
        return SimpleNamespace(patches=tuple(zip(regions, marks, strict=True)))


@pytest.fixture(autouse=True)
def without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in {"predict": {"predict_volume": threshold}, "session": {"InteractiveSession": Marking}}.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, f"napari_progseg.inference.{name}", module)


def model(task: str = "segmentation", channels: tuple[str, ...] = ()) -> Any:
    plan = SimpleNamespace(channels=channels)
    bone = LabelClass("bone", (1, 4))
    return SimpleNamespace(name="first", config=SimpleNamespace(task=task), classes=(bone,), plan=plan)


def looking() -> Any:
    """A model that looks at the mask before a click."""
    return model("interactive", ("image", "inside clicks", "outside clicks", "previous mask"))


def write_clicks(folder: Path, *cases: str) -> Path:
    folder.mkdir(exist_ok=True)
    for case in cases:
        (folder / f"{case}.json").write_text(json.dumps([{"voxel": [0, 0, 5]}]), encoding="utf-8")
    return folder


def write_mask(folder: Path, name: str, spacing: float = 1.0) -> Path:
    """Write a mask of value 4 that marks the last voxel of the file."""
    folder.mkdir(exist_ok=True)
    array = np.zeros(SHAPE_IJK, np.uint8)
    array[-1, -1, -1] = 4
    nibabel.save(nibabel.Nifti1Image(array, np.diag([spacing, 2.0, 3.0, 1.0])), folder / f"{name}.nii.gz")
    return folder


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


def test_clicks_correct_the_mask_a_scan_starts_from(images: Path, tmp_path: Path) -> None:
    clicks, start = write_clicks(tmp_path / "clicks", "a", "b"), write_mask(tmp_path / "start", "b")
    seen.clear()
    own_masks.clear()
    bare, begun = predict_folder(looking(), images, tmp_path / "out", clicks, start)
    assert (bare.start, begun.start) == (None, start / "b.nii.gz")
    assert [int((mask > 0).sum()) for mask in seen] == [1, 1]
    assert own_masks == [False, True], "a mask that was given is corrected, also by the first click"
    assert np.argwhere(voxels(bare.labels)).tolist() == [[0, 0, 5], [1, 2, 0]]
    assert np.argwhere(voxels(begun.labels)).tolist() == [[0, 0, 5], [3, 4, 5]]
    assert voxels(begun.labels).max() == 1, "value 4 belongs to the class that is written as 1"
    assert voxels(start / "b.nii.gz").max() == 4


def test_masks_may_lie_below_or_among_the_images(images: Path, tmp_path: Path) -> None:
    clicks = write_clicks(tmp_path / "clicks", "a")
    for folder, name in ((images / "start", "a"), (images, "a_seg")):
        done = list(predict_folder(looking(), images, images / "out", clicks, write_mask(folder, name)))
        assert [each.case for each in done if each.fault is None] == ["a", "b"]
        assert done[0].start == folder / f"{name}.nii.gz"
        (folder / f"{name}.nii.gz").unlink()


def test_a_mask_on_another_grid_is_told_and_the_other_scans_go_on(images: Path, tmp_path: Path) -> None:
    clicks, start = write_clicks(tmp_path / "clicks", "a", "b"), write_mask(tmp_path / "start", "a", spacing=1.5)
    wrong, good = predict_folder(looking(), images, tmp_path / "out", clicks, start)
    assert "does not lie on the grid of the image" in (wrong.fault or "")
    assert good.labels is not None
    assert not (tmp_path / "out" / "a.nii.gz").exists()


def test_a_mask_is_never_overwritten(images: Path, tmp_path: Path) -> None:
    clicks, start = write_clicks(tmp_path / "clicks", "a"), write_mask(tmp_path / "start", "a")
    before = (start / "a.nii.gz").read_bytes()
    fault = next(predict_folder(looking(), images, start, clicks, start)).fault
    assert "is the mask to start from" in (fault or "")
    assert (start / "a.nii.gz").read_bytes() == before


@pytest.mark.parametrize(
    ("who", "with_clicks", "name", "reason"),
    [
        (looking(), False, "a", "is corrected by clicks, and no folder of clicks was given"),
        (looking(), True, "c", "has the name of a scan"),
        (model("interactive"), True, "a", "does not look at the mask before a click"),
        (model(), True, "a", "model without clicks"),
    ],
)
def test_a_start_that_cannot_help_is_refused_before_anything_is_written(
    images: Path, tmp_path: Path, who: Any, with_clicks: bool, name: str, reason: str
) -> None:
    clicks, start = write_clicks(tmp_path / "clicks", "a"), write_mask(tmp_path / "start", name)
    with pytest.raises(UserError, match=reason):
        list(predict_folder(who, images, tmp_path / "out", clicks if with_clicks else None, start))
    assert not (tmp_path / "out").exists()

"""Reader, writer and manifest as napari uses them; no window is opened."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import tifffile
from npe2 import PluginManifest

from napari_progseg import io, placement
from napari_progseg.errors import UserError
from napari_progseg.geometry import Geometry
from napari_progseg.gui import hooks
from napari_progseg.volume import LabelMap

SHAPE_ZYX = (7, 6, 5)
MANIFEST = Path(hooks.__file__).parents[1] / "napari.yaml"


@pytest.fixture
def viewer(npe2pm: Any) -> Iterator[Any]:
    """A viewer without a window that knows our manifest and no other plugin."""
    napari = pytest.importorskip("napari")
    with npe2pm.tmp_plugin(manifest=PluginManifest.from_file(MANIFEST)):
        yield napari.components.ViewerModel()


@pytest.fixture
def geometry() -> Geometry:
    """An oblique grid whose axes are stored as superior, left, posterior."""
    angle = np.radians(12)
    turn = np.array([[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.array([[0, 1.1, 0], [0, 0, 1.7], [2.5, 0, 0]])
    affine[:3, 3] = (-40, 12, 300)
    return Geometry((7, 5, 6), affine)


@pytest.fixture
def label_file(tmp_path: Path, geometry: Geometry) -> Path:
    labels = np.zeros(SHAPE_ZYX, np.uint8)
    labels[1:3, 2:5, 1:4] = 2
    path = tmp_path / "case_seg.nii.gz"
    io.write_labels(path, LabelMap(labels, geometry))
    return path


@pytest.fixture
def image_file(tmp_path: Path, geometry: Geometry) -> Path:
    array = np.random.default_rng(0).integers(-500, 900, SHAPE_ZYX).astype(np.int16)
    image = sitk.GetImageFromArray(np.ascontiguousarray(geometry.from_canonical(array).T))
    spacing = np.linalg.norm(geometry.affine_lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((geometry.affine_lps[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(geometry.affine_lps[:3, 3].tolist())
    sitk.WriteImage(image, str(tmp_path / "case.nrrd"))
    return tmp_path / "case.nrrd"


def test_the_manifest_is_valid_and_names_what_exists() -> None:
    manifest = PluginManifest.from_file(MANIFEST)
    names = {c.python_name for c in manifest.contributions.commands}
    for name in names - {"napari_progseg.gui:ProgSegDock"}:
        module, _, function = name.partition(":")
        assert module == "napari_progseg.gui.hooks"
        assert callable(getattr(hooks, function))
    assert set(manifest.contributions.menus) == {"napari/layers/segment", "napari/layers/annotate"}


def test_hooks_are_cheap_to_import() -> None:
    code = "import sys, napari_progseg.gui.hooks; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "monai", "napari", "qtpy", "SimpleITK", "pydicom", "highdicom", "nibabel"} & set(loaded)


def test_images_come_in_mm_with_their_grid(image_file: Path, geometry: Geometry) -> None:
    ((data, attributes, kind),) = hooks.get_reader(str(image_file))(str(image_file))
    assert kind == "image"
    assert data.shape == SHAPE_ZYX
    assert attributes["scale"] == pytest.approx((2.5, 1.7, 1.1))
    assert attributes["units"] == ("mm", "mm", "mm")
    assert attributes["axis_labels"] == ("z", "y", "x")
    assert attributes["name"] == "case"
    assert not {"translate", "affine", "rotate"} & set(attributes)
    assert attributes["metadata"]["progseg"]["source"] == str(image_file)
    assert placement.geometry_of(attributes["metadata"]).mismatch(geometry) is None


def test_label_files_become_labels_layers(label_file: Path) -> None:
    ((data, attributes, kind),) = hooks.get_reader(str(label_file))(str(label_file))
    assert kind == "labels"
    assert data.dtype == np.uint8
    assert attributes["name"] == "case_seg"


def test_files_that_are_not_ours_are_left_to_others(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "photo.tif", np.zeros((5, 6, 7), np.uint8))
    (tmp_path / "a.txt").write_text("x", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    for name in ("photo.tif", "a.txt", "empty", "gone.png", "\0"):
        assert hooks.get_reader(str(tmp_path / name)) is None
    assert hooks.get_reader([]) is None


def test_bad_files_are_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").write_bytes(b"<html>")
    with pytest.raises(UserError, match="web page"):
        hooks.get_reader(str(tmp_path / "a.nii.gz"))(str(tmp_path / "a.nii.gz"))


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha"])
def test_an_edited_layer_is_saved_onto_the_source_grid(label_file: Path, geometry: Geometry, suffix: str) -> None:
    ((data, attributes, _),) = hooks.read(str(label_file))
    edited = data.astype(np.int32)
    edited[4, 4, 4] = 9
    target = label_file.parent / f"saved{suffix}"
    assert hooks.write_labels(str(target), edited, attributes) == [str(target)]
    again = io.read_labels(target)
    np.testing.assert_array_equal(again.labels, edited)
    assert again.geometry.shape_ijk == geometry.shape_ijk
    assert again.geometry.mismatch(geometry) is None


def test_a_new_layer_takes_the_grid_of_the_open_image(
    image_file: Path, geometry: Geometry, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((_, attributes, _),) = hooks.read(str(image_file))
    monkeypatch.setattr(hooks, "_open_layers", lambda: [{}, attributes["metadata"]])
    target = image_file.parent / "new.nii.gz"
    hooks.write_labels(str(target), np.ones(SHAPE_ZYX, np.int64), {"scale": attributes["scale"], "metadata": {}})
    assert io.read_labels(target).geometry.mismatch(geometry) is None
    elsewhere = placement.describe(Geometry.from_spacing(SHAPE_ZYX, (1, 1, 1)))
    monkeypatch.setattr(hooks, "_open_layers", lambda: [elsewhere, attributes["metadata"]])
    with pytest.raises(UserError, match="different grids"):
        hooks.write_labels(str(target), np.ones(SHAPE_ZYX, np.int64), {"metadata": {}})


def test_a_layer_of_unknown_origin_keeps_its_scale_and_says_so(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="image of this mask is not known"):
        hooks.write_labels(str(tmp_path / "a.nrrd"), np.ones(SHAPE_ZYX, np.uint8), {"scale": (3, 2, 1)})
    assert io.read_labels(tmp_path / "a.nrrd").geometry.spacing_zyx_mm == (3, 2, 1)


@pytest.mark.parametrize("sample", [hooks.leg_ct, hooks.two_part_mr])
def test_samples_are_an_image_and_its_labels(sample: Any) -> None:
    layers = sample()
    assert [kind for _, _, kind in layers] == ["image", "labels"]
    assert all(len(attributes["scale"]) == 3 for _, attributes, _ in layers)


def test_layers_that_are_no_3d_labels_are_refused(tmp_path: Path, geometry: Geometry) -> None:
    known: dict[str, Any] = {"metadata": placement.describe(geometry)}
    for data, reason in (
        (np.zeros((4, 5), np.uint8), "3 axes"),
        (np.full(SHAPE_ZYX, -1), "from -1"),
        (np.zeros((2, 2, 2), np.uint8), r"\(2, 2, 2\) voxels"),
    ):
        with pytest.raises(UserError, match=reason):
            hooks.write_labels(str(tmp_path / "a.nii.gz"), data, known)
    assert not list(tmp_path.iterdir())


def test_napari_opens_and_saves_through_the_manifest(
    viewer: Any, image_file: Path, label_file: Path, geometry: Geometry
) -> None:
    viewer.open([image_file], plugin="napari-progseg")
    (labels,) = viewer.open([label_file], plugin="napari-progseg")
    assert [type(layer).__name__ for layer in viewer.layers] == ["Image", "Labels"]
    assert {str(unit) for layer in viewer.layers for unit in layer.units} == {"millimeter"}
    target = label_file.parent / "saved.mha"
    assert labels.save(str(target), plugin="napari-progseg") == [str(target)]
    assert io.read_labels(target).geometry.mismatch(geometry) is None


def test_a_real_dicom_folder_opens_and_its_mask_lies_on_the_dicom_grid(
    viewer: Any, shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "dicom_rtstruct" / "STS_002_CT" / "image"
    (image,) = viewer.open([folder], plugin="napari-progseg")
    assert image.name.startswith("dcm-")
    mask = viewer.add_labels((image.data > 200).astype(np.uint8), scale=image.scale, metadata=image.metadata)
    mask.save(str(tmp_path / "mask.nii.gz"), plugin="napari-progseg")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    series, saved = reader.Execute(), sitk.ReadImage(str(tmp_path / "mask.nii.gz"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(saved), sitk.GetArrayFromImage(series) > 200)
    np.testing.assert_allclose(saved.GetOrigin(), series.GetOrigin(), atol=1e-3)


def test_slices_dropped_together_open_their_series_once(shared_data: Path) -> None:
    folder = shared_data / "odd" / "dicom_series" / "dcmqi_ct_3slice"
    paths = [str(p) for p in sorted(folder.iterdir())]
    layers = hooks.get_reader(paths)(paths)
    assert [data.shape for data, _, _ in layers] == [(3, 512, 512)]

"""Labels written and read again keep every voxel and their place in the world."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from napari_progseg import io
from napari_progseg.errors import UserError
from napari_progseg.geometry import Geometry
from napari_progseg.volume import LabelMap

Phantom = Callable[..., LabelMap]


def corner_shift_mm(one: Geometry, other: Geometry) -> float:
    last = np.array(one.shape_ijk) - 1
    corners = np.array([[*(last * bits), 1.0] for bits in np.ndindex(2, 2, 2)])
    return float(np.abs(corners @ (one.affine_lps - other.affine_lps).T).max())


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha"])
def test_labels_keep_voxels_and_grid_in_every_orientation(
    tmp_path: Path, phantom: Phantom, orientation: str, suffix: str
) -> None:
    labels = phantom(orientation)
    path = tmp_path / f"mask{suffix}"
    io.write_labels(path, labels)
    again = io.read_labels(path)
    assert labels.geometry.orientation == orientation
    assert again.geometry.orientation == orientation
    np.testing.assert_array_equal(again.labels, labels.labels)
    assert again.geometry.shape_ijk == labels.geometry.shape_ijk
    assert corner_shift_mm(again.geometry, labels.geometry) < 0.001


def test_other_libraries_find_a_marker_at_the_same_world_position(
    tmp_path: Path, phantom: Phantom, orientation: str
) -> None:
    labels = phantom(orientation)
    marker = np.zeros_like(labels.labels)
    zyx = tuple(n - 2 for n in marker.shape)
    marker[zyx] = 3
    expected_lps = labels.geometry.world_from_zyx @ [*zyx, 1]
    for suffix in (".nii.gz", ".nrrd", ".mha"):
        io.write_labels(tmp_path / f"m{suffix}", LabelMap(marker, labels.geometry))
        image = sitk.ReadImage(str(tmp_path / f"m{suffix}"))
        kji = np.argwhere(sitk.GetArrayFromImage(image) == 3)
        assert len(kji) == 1
        lps = image.TransformIndexToPhysicalPoint([int(n) for n in kji[0][::-1]])
        np.testing.assert_allclose(lps, expected_lps[:3], atol=1e-3)
    nifti = nibabel.load(tmp_path / "m.nii.gz")
    ras = nifti.affine @ [*np.argwhere(np.asarray(nifti.dataobj) == 3)[0], 1]
    np.testing.assert_allclose(ras * [-1, -1, 1, 1], expected_lps, atol=1e-3)


def test_canonical_order_runs_inferior_posterior_left(phantom: Phantom, orientation: str) -> None:
    to_world = phantom(orientation).geometry.world_from_zyx[:3, :3]
    assert to_world[2, 0] < 0
    assert to_world[1, 1] > 0
    assert to_world[0, 2] > 0


def test_oblique_grids_come_back(tmp_path: Path, phantom: Phantom) -> None:
    angle = np.radians(20)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    labels = phantom("LSA", turn)
    for suffix in (".nii.gz", ".nrrd", ".mha"):
        io.write_labels(tmp_path / f"m{suffix}", labels)
        again = io.read_labels(tmp_path / f"m{suffix}")
        np.testing.assert_array_equal(again.labels, labels.labels)
        assert corner_shift_mm(again.geometry, labels.geometry) < 0.001


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_keeps_voxels_and_spacing(tmp_path: Path, dtype: type) -> None:
    rng = np.random.default_rng(0)
    labels = LabelMap(
        rng.integers(0, np.iinfo(dtype).max, (4, 5, 6)).astype(dtype),
        Geometry.from_spacing((4, 5, 6), (3.27, 0.977, 0.5)),
    )
    io.write_labels(tmp_path / "m.tif", labels)
    again = io.read_labels(tmp_path / "m.tif")
    np.testing.assert_array_equal(again.labels, labels.labels)
    np.testing.assert_allclose(again.geometry.spacing_zyx_mm, (3.27, 0.977, 0.5), rtol=1e-5)


def test_tiff_labels_take_the_grid_of_their_image(tmp_path: Path, phantom: Phantom) -> None:
    labels = phantom("RAS")
    io.write_labels(tmp_path / "m.tif", labels)
    again = io.read_labels(tmp_path / "m.tif", like=labels.geometry)
    assert again.geometry is labels.geometry
    np.testing.assert_array_equal(again.labels, labels.labels)


def test_large_values_need_and_keep_uint16(tmp_path: Path, labels: LabelMap) -> None:
    values = labels.labels.astype(np.uint16) + 40000
    for suffix in (".nii.gz", ".nrrd", ".mha", ".tif"):
        io.write_labels(tmp_path / f"m{suffix}", LabelMap(values, labels.geometry))
        again = io.read_labels(tmp_path / f"m{suffix}").labels
        assert again.dtype == np.uint16
        np.testing.assert_array_equal(again, values)


def test_formats_that_are_not_written_are_refused(tmp_path: Path, labels: LabelMap) -> None:
    with pytest.raises(UserError, match=r"not written as \.mgz"):
        io.write_labels(tmp_path / "m.mgz", labels)
    assert not list(tmp_path.iterdir())

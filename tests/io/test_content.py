"""What a well-formed file may hold: dtypes, scaling, frames, colours, NaN and label values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import tifffile

from napari_progseg import io
from napari_progseg.errors import UserError

AFFINE = np.diag([1.0, 2.0, 3.0, 1.0])


def save(path: Path, data: np.ndarray, affine: np.ndarray = AFFINE, **header: Any) -> Path:
    image = nibabel.Nifti1Image(data, affine, dtype=data.dtype)
    for key, value in header.items():
        image.header[key] = value
    nibabel.save(image, path)
    return path


def ramp(dtype: Any, shape: tuple[int, ...] = (4, 5, 6)) -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32])
def test_voxels_keep_their_type(tmp_path: Path, dtype: type) -> None:
    image = io.read_volume(save(tmp_path / "a.nii.gz", ramp(dtype))).image
    assert image.dtype == dtype


def test_float64_becomes_float32_and_big_endian_native(tmp_path: Path) -> None:
    assert io.read_volume(save(tmp_path / "a.nii", ramp(np.float64))).image.dtype == np.float32
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_dtype(np.int16)
    nibabel.save(nibabel.Nifti1Image(ramp(np.int16), AFFINE, header), tmp_path / "b.nii")
    assert (tmp_path / "b.nii").read_bytes()[:4] == b"\0\0\1\x5c"
    image = io.read_volume(tmp_path / "b.nii").image
    assert image.dtype == np.dtype("=i2")
    assert image.max() == 119


def test_a_plain_volume_is_a_view_of_the_only_copy(tmp_path: Path) -> None:
    image = io.read_volume(save(tmp_path / "a.nii", ramp(np.int16))).image
    base = image
    while base.base is not None:
        base = base.base
    assert base.nbytes == image.nbytes


def test_slope_and_intercept_are_applied(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(ramp(np.uint16), AFFINE)
    image.header.set_slope_inter(2, -1024)
    nibabel.save(image, tmp_path / "a.nii")
    expected = np.asanyarray(nibabel.load(tmp_path / "a.nii").dataobj)
    volume = io.read_volume(tmp_path / "a.nii")
    np.testing.assert_array_equal(volume.geometry.from_canonical(volume.image), expected)


def test_frames_pictures_and_colours_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"4D \(4 × 5 × 6 × 2\): 2 frames"):
        io.read_volume(save(tmp_path / "t.nii", ramp(np.int16, (4, 5, 6, 2))))
    with pytest.raises(UserError, match=r"single 2D slice \(4 × 5 × 1\)"):
        io.read_volume(save(tmp_path / "p.nii", ramp(np.int16, (4, 5, 1))))
    with pytest.raises(UserError, match=r"single 2D slice \(4 × 5\)"):
        io.read_volume(save(tmp_path / "q.nii", ramp(np.int16, (4, 5))))
    sitk.WriteImage(sitk.GetImageFromArray(np.zeros((3, 4, 5, 3), np.uint8), isVector=True), str(tmp_path / "c.nrrd"))
    with pytest.raises(UserError, match="3 components a voxel"):
        io.read_volume(tmp_path / "c.nrrd")
    with pytest.raises(UserError, match="complex"):
        io.read_volume(save(tmp_path / "x.nii", ramp(np.complex64)))


def test_a_fourth_axis_of_one_is_dropped_in_every_format(tmp_path: Path) -> None:
    assert io.read_volume(save(tmp_path / "a.nii", ramp(np.int16, (4, 5, 6, 1)))).image.shape == (6, 5, 4)
    image = sitk.Image([4, 5, 6, 1], sitk.sitkInt16)
    for suffix in (".nrrd", ".mha"):
        sitk.WriteImage(image, str(tmp_path / f"b{suffix}"))
        assert io.read_volume(tmp_path / f"b{suffix}").image.shape == (6, 5, 4)


def test_nan_voxels_are_counted_and_placed(tmp_path: Path) -> None:
    data = ramp(np.float32)
    data[1, 2, 3] = np.nan
    data[3, 4, 5] = np.inf
    with pytest.raises(UserError, match=r"2 voxels are NaN or infinite, the first at voxel \(1, 2, 3\)"):
        io.read_volume(save(tmp_path / "a.nii", data))


def test_a_sheared_grid_is_refused_with_its_angle(tmp_path: Path) -> None:
    affine = AFFINE.copy()
    affine[0, 2] = 3 * np.tan(np.radians(17))
    with pytest.raises(UserError, match=r"sheared by 17\.00°"):
        io.read_volume(save(tmp_path / "a.nii", ramp(np.int16), affine, qform_code=0))


def test_the_choice_between_sform_and_qform_is_noted(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(ramp(np.int16), AFFINE)
    image.set_sform(AFFINE, 1)
    moved = AFFINE.copy()
    moved[0, 3] = 5
    image.set_qform(moved, 1)
    nibabel.save(image, tmp_path / "both.nii")
    volume = io.read_volume(tmp_path / "both.nii")
    assert "sform was used" in volume.notes[0]
    assert volume.geometry.affine_ras[0, 3] == 0
    image.set_sform(None, 0)
    image.set_qform(None, 0)
    nibabel.save(image, tmp_path / "none.nii")
    volume = io.read_volume(tmp_path / "none.nii")
    assert "no orientation" in volume.notes[0]


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (np.array([0, 1, 2.00005], np.float32), np.uint8),
        (np.array([0, 255], np.int64), np.uint8),
        (np.array([0, 256], np.int32), np.uint16),
        (np.array([0, 65535], np.float64), np.uint16),
    ],
)
def test_whole_numbers_are_labels(tmp_path: Path, data: np.ndarray, dtype: type) -> None:
    labels = io.read_labels(save(tmp_path / "a.nii", np.resize(data, (4, 5, 6)))).labels
    assert labels.dtype == dtype
    assert set(np.unique(labels)) == {round(float(v)) for v in data}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (np.array([0, 0.5], np.float32), "0.5, not a whole number"),
        (np.array([0, 1.001], np.float32), "not a whole number"),
        (np.array([-1, 1], np.int16), "from -1 to 1"),
        (np.array([0, 70000], np.int32), "from 0 to 70000"),
        (np.array([0, np.nan], np.float32), "NaN"),
    ],
)
def test_anything_else_is_no_label_map(tmp_path: Path, data: np.ndarray, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        io.read_labels(save(tmp_path / "a.nii", np.resize(data, (4, 5, 6))))


def test_one_hot_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="one-hot"):
        io.read_labels(save(tmp_path / "a.nii", np.zeros((4, 5, 6, 3), np.uint8)))


def test_tiff_spacing_comes_from_imagej_ome_or_the_user(tmp_path: Path) -> None:
    stack = ramp(np.uint16, (5, 6, 7))
    inch = {"axes": "ZYX", "spacing": 0.1, "unit": "inch"}
    tifffile.imwrite(tmp_path / "ij.tif", stack, imagej=True, resolution=(100, 50), metadata=inch)
    assert io.read_volume(tmp_path / "ij.tif").geometry.spacing_zyx_mm == pytest.approx((2.54, 0.508, 0.254))
    ome = {"axes": "ZYX", "PhysicalSizeX": 700, "PhysicalSizeY": 0.9, "PhysicalSizeYUnit": "mm", "PhysicalSizeZ": 3000}
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata=ome)
    assert io.read_volume(tmp_path / "a.ome.tif").geometry.spacing_zyx_mm == pytest.approx((3, 0.9, 0.7))
    tifffile.imwrite(tmp_path / "bare.tif", stack)
    with pytest.raises(UserError, match=r"spacing in mm as \(z, y, x\)"):
        io.read_volume(tmp_path / "bare.tif")
    volume = io.read_volume(tmp_path / "bare.tif", spacing_zyx_mm=(3, 2, 1))
    np.testing.assert_array_equal(volume.image, stack)
    assert volume.geometry.spacing_zyx_mm == (3, 2, 1)


def test_tiff_colours_channels_and_pictures_are_refused(tmp_path: Path) -> None:
    for name, shape, kwargs, reason in (
        ("rgb", (5, 6, 7, 3), {"photometric": "rgb"}, "RGB"),
        ("channels", (5, 2, 6, 7), {"imagej": True, "metadata": {"axes": "ZCYX"}}, "2 channels"),
        ("frames", (4, 5, 6, 7), {"imagej": True, "metadata": {"axes": "TZYX"}}, "4D"),
        ("picture", (6, 7), {}, "2D"),
    ):
        path = tmp_path / f"{name}.tif"
        tifffile.imwrite(path, ramp(np.uint8, shape), **kwargs)
        with pytest.raises(UserError, match=reason):
            io.read_volume(path, spacing_zyx_mm=(1, 1, 1))


def test_names_of_slicer_segments_are_kept(shared_data: Path) -> None:
    labels = io.read_labels(shared_data / "odd" / "nrrd_mha" / "EclipseProstate_Shrunk_5_5_5_Bladder.seg.nrrd")
    assert labels.names == {1: "Shrunk_5_5_5_Bladder"}

"""DICOM series: read in any order, and refused by name and position where they are no regular volume."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from pydicom.uid import JPEGLosslessSV1, RLELossless

from napari_progseg import io
from napari_progseg.errors import UserError
from napari_progseg.geometry import Geometry
from napari_progseg.io.inspect import inspect_paths
from napari_progseg.volume import LabelMap

Series = Callable[..., Path]
Make = Callable[..., pydicom.FileDataset]
Save = Callable[..., list[Path]]


def hounsfield(n: int) -> np.ndarray:
    """The generated series as (Z, Y, X): first the most superior slice."""
    return np.stack([100 * k + np.arange(48).reshape(6, 8) - 1024 for k in reversed(range(n))])


def test_a_series_without_extensions_opens_in_any_file_order(tmp_path: Path, ct_slice: Make, save: Save) -> None:
    order = [3, 0, 5, 1, 4, 2]
    save(tmp_path / "ct", [ct_slice(k) for k in order])
    volume = io.read_volume(tmp_path / "ct")
    np.testing.assert_array_equal(volume.image, hounsfield(6))
    assert volume.image.dtype == np.int16
    assert volume.modality == "ct"
    assert volume.geometry.spacing_zyx_mm == pytest.approx((2.0, 0.9, 0.7))
    assert volume.geometry.orientation == "LPS"
    np.testing.assert_allclose(volume.geometry.affine_lps[:3, 3], (-10, -20, 100))
    assert volume.notes == ()


def test_one_slice_opens_its_whole_series(series: Series) -> None:
    folder = series(5)
    volume = io.read_volume(folder / "IM0003")
    assert volume.image.shape == (5, 6, 8)
    assert volume.source == folder


def test_a_parent_folder_opens_the_series_below(series: Series, tmp_path: Path) -> None:
    series(5, folder="study/deep")
    assert io.read_volume(tmp_path / "study").image.shape == (5, 6, 8)
    assert io.find_images(tmp_path) == [tmp_path / "study" / "deep"]


def test_folders_of_contours_or_segmentations_are_no_images(
    series: Series, ct_slice: Make, save: Save, tmp_path: Path
) -> None:
    series(3, folder="patient/image")
    save(tmp_path / "patient", [ct_slice(0, Modality="RTSTRUCT")], ["RS.dcm"])
    assert io.find_images(tmp_path) == [tmp_path / "patient" / "image"]
    assert io.is_supported(tmp_path / "patient")
    with pytest.raises(UserError, match="RTSTRUCT"):
        io.read_volume(tmp_path / "patient" / "RS.dcm")


def test_scouts_and_other_files_are_skipped_with_a_line(series: Series, ct_slice: Make, save: Save) -> None:
    folder = series(5)
    save(folder, [ct_slice(2, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], Rows=6)], ["scout"])
    (folder / "notes.txt").write_text("hello", encoding="utf-8")
    (folder / "empty.dcm").touch()
    (folder / "._IM0001").write_bytes(b"\0\5\26\7")
    volume = io.read_volume(folder)
    assert volume.image.shape == (5, 6, 8)
    assert any("scout: a scout (localizer)" in note for note in volume.notes)
    assert any("empty.dcm" in note for note in volume.notes)


def test_several_series_are_listed_and_one_is_chosen(series: Series, ct_slice: Make, save: Save) -> None:
    folder = series(5)
    other = [ct_slice(k, SeriesInstanceUID="1.2.3.9", SeriesNumber=7, Modality="MR") for k in range(3)]
    save(folder, other, ["a", "b", "c"])
    assert [s.description for s in io.list_series(folder)] == [
        "CT series 4, 5 slices, 8 × 6",
        "MR series 7, 3 slices, 8 × 6",
    ]
    with pytest.raises(UserError, match=r"2 series.*CT series 4, 5 slices.*1\.2\.3\.4\.5.*MR series 7"):
        io.read_volume(folder)
    for name in ("1.2.3.9", "1.2.3.9"[:6] + "9", "7", "MR series 7, 3 slices, 8 × 6", "mr"):
        assert io.read_volume(folder, series=name).image.shape[0] == 3
    with pytest.raises(UserError, match="2 series fit"):
        io.read_volume(folder, series="1.2.3")
    with pytest.raises(UserError, match="no series fits"):
        io.read_volume(folder, series="PET")
    assert io.read_volume(folder / "b").modality == "mr"
    found = inspect_paths([folder])
    assert [f.usable for f in found] == [True, True]
    assert [f.series for f in found] == ["1.2.3.4.5", "1.2.3.9"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            lambda k: {"ImagePositionPatient": [-10, -20, 100 + 2.0 * (k + (k > 2))]},
            r"1 missing slice: gap from 104\.00 to 108\.00",
        ),
        (
            lambda k: {"ImagePositionPatient": [-10, -20, 100 + 2.0 * (k - (k == 3))]},
            r"duplicate .* 104\.00 mm \(IM0002, IM0003\)",
        ),
        (lambda k: {"ImagePositionPatient": [-10, -20 + 0.5 * k, 100 + 2.0 * k]}, r"tilted slices: .* 14\.04°"),
        (
            lambda k: {"ImagePositionPatient": [-10, -20, 100 + 2.0 * k + (0.7 if k > 3 else 0)]},
            r"irregular .* 106\.00 to 108\.70",
        ),
        (
            lambda k: {"ImagePositionPatient": [-10 + 3 * (k == 2), -20, 100 + 2.0 * k]},
            r"irregular .* \(-7, -20, 104\)",
        ),
        (
            lambda k: {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0] if k else [0, 1, 0, 0, 0, -1]},
            "several orientations",
        ),
        (lambda k: {"PixelSpacing": [0.9, 0.7] if k else [0.8, 0.7]}, "several pixel spacings"),
        (lambda k: {"Rows": 6 if k else 3}, r"several sizes \(8 × 3, 8 × 6\)"),
        (lambda k: {"Modality": "CT", "SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "RGB"),
        (lambda k: {"Modality": "SEG"}, "SEG"),
    ],
    ids=["missing", "duplicate", "tilt", "spacing", "sideways", "turned", "pixels", "sizes", "rgb", "seg"],
)
def test_what_is_no_regular_volume_is_refused_with_positions(series: Series, change: Any, reason: str) -> None:
    folder = series(6, change)
    with pytest.raises(UserError, match=reason):
        io.read_volume(folder)
    findings = inspect_paths([folder])
    assert findings
    assert not any(f.usable for f in findings)


def test_a_single_slice_is_refused_as_2d(series: Series) -> None:
    with pytest.raises(UserError, match="single 2D slice"):
        io.read_volume(series(1))


@pytest.mark.parametrize("percent", [25, 50, 99])
@pytest.mark.parametrize("name", ["IM0000", "IM0002", "IM0005"])
def test_a_cut_slice_is_refused_wherever_it_lies(series: Series, cut: Any, percent: int, name: str) -> None:
    folder = series(6)
    cut(folder / name, percent)
    with pytest.raises(UserError, match=rf"{name}.*(incomplete|damaged|cut)"):
        io.read_volume(folder)


def test_a_slice_cut_before_its_header_is_refused(series: Series, cut: Any) -> None:
    folder = series(6)
    cut(folder / "IM0005", 1)
    with pytest.raises(UserError, match=r"IM0005.*cut before its header"):
        io.read_volume(folder)


def test_slope_and_intercept_make_hounsfield_units(series: Series) -> None:
    assert io.read_volume(series(4, lambda k: {"RescaleSlope": 2})).image.min() == -1024
    fractional = io.read_volume(
        series(4, lambda k: {"RescaleSlope": 0.5 + k, "RescaleIntercept": 0}, folder="mr")
    ).image
    assert fractional.dtype == np.float32
    np.testing.assert_allclose(fractional[0, 0, 1], 3.5 * 301)


def test_values_over_int16_are_kept(series: Series) -> None:
    change = {
        "PixelData": np.full(48, 60000, np.uint16).tobytes(),
        "BitsStored": 16,
        "HighBit": 15,
        "RescaleIntercept": 0,
    }
    image = io.read_volume(series(4, lambda k: change if k == 2 else {})).image
    assert image.max() == 60000
    assert image[3, 0, 0] == -1024


def test_compressed_slices_are_decoded(tmp_path: Path, ct_slice: Make, save: Save) -> None:
    slices = [ct_slice(k) for k in range(4)]
    for one in slices:
        one.compress(RLELossless)
    save(tmp_path / "rle", slices)
    np.testing.assert_array_equal(io.read_volume(tmp_path / "rle").image, hounsfield(4))


def test_jpeg_lossless_is_decoded_through_gdcm(series: Series, tmp_path: Path) -> None:
    gdcm = pytest.importorskip("gdcm")
    folder = series(4)
    for path in sorted(folder.iterdir()):
        reader = gdcm.ImageReader()
        reader.SetFileName(str(path))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(path))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == JPEGLosslessSV1
    np.testing.assert_array_equal(io.read_volume(folder).image, hounsfield(4))


def test_no_patient_leaks_into_names_notes_or_written_files(
    series: Series, ct_slice: Make, save: Save, canary: bytes
) -> None:
    folder = series(5)
    save(folder, [ct_slice(2, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])], ["scout"])
    save(folder, [ct_slice(k, SeriesInstanceUID="1.2.9") for k in range(2)], ["x", "y"])
    volume = io.read_volume(folder, series="1.2.3.4.5")
    said = [
        io.case_name(folder, series="1.2.3.4.5"),
        *volume.notes,
        repr(io.list_series(folder)),
        repr(inspect_paths([folder])),
    ]
    said += [s.description for s in io.list_series(folder)]
    with pytest.raises(UserError) as refused:
        io.read_volume(folder)
    said.append(str(refused.value))
    assert not [text for text in said if canary.decode() in text]
    for suffix in (".nii", ".nrrd", ".mha", ".tif"):
        path = folder.parent / f"mask{suffix}"
        io.write_labels(path, LabelMap(np.zeros(volume.image.shape, np.uint8), volume.geometry))
        assert canary not in path.read_bytes()


def test_the_case_id_depends_on_the_series_alone(series: Series, ct_slice: Make, save: Save, tmp_path: Path) -> None:
    name = io.case_name(series(3))
    assert name.startswith("dcm-")
    save(tmp_path / "moved", [ct_slice(k, PatientName="Other") for k in range(3)])
    assert io.case_name(tmp_path / "moved") == name
    assert io.case_name(tmp_path / "moved" / "IM0001") == name
    assert io.case_name(series(3, lambda k: {"SeriesInstanceUID": "9.9"}, folder="c")) != name


@pytest.mark.parametrize("folder", ["STS_002_CT", "STS_002_MR_T1", "STS_042_CT", "STS_042_MR_T1"])
def test_a_real_series_equals_its_reference_volume(shared_data: Path, folder: str) -> None:
    here = shared_data / "dicom_rtstruct" / folder
    volume, reference = io.read_volume(here / "image"), io.read_volume(here / "reference_image.nii.gz")
    np.testing.assert_array_equal(volume.image, reference.image)
    assert volume.geometry.mismatch(reference.geometry) is None
    assert volume.modality == ("ct" if "CT" in folder else "mr")


def test_a_mask_of_a_real_series_lies_on_the_dicom_grid(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "dicom_rtstruct" / "STS_002_CT" / "image"
    volume = io.read_volume(folder)
    path = tmp_path / f"mask{io.label_suffix(folder)}"
    io.write_labels(path, LabelMap((volume.image > 200).astype(np.uint8), volume.geometry))
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image, mask = reader.Execute(), sitk.ReadImage(str(path))
    assert mask.GetSize() == image.GetSize()
    np.testing.assert_allclose(mask.GetOrigin(), image.GetOrigin(), atol=1e-3)
    np.testing.assert_allclose(mask.GetSpacing(), image.GetSpacing(), atol=1e-4)
    np.testing.assert_allclose(mask.GetDirection(), image.GetDirection(), atol=1e-5)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(mask), sitk.GetArrayFromImage(image) > 200)


def test_an_enhanced_multiframe_ct_is_read(shared_data: Path) -> None:
    odd = shared_data / "odd"
    volume = io.read_volume(odd / "dicom_multiframe_seg" / "enhanced_ct_23x38x3.dcm")
    single = io.read_volume(odd / "dicom_series" / "dcmqi_23x38x3")
    assert isinstance(volume.geometry, Geometry)
    assert volume.geometry.mismatch(single.geometry) is None
    assert volume.modality == "ct"

"""The import gate: every file ends in a row or in a refusal that names the reason."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_progseg import io
from napari_progseg.errors import UserError
from napari_progseg.io.inspect import Finding, inspect_path, inspect_paths
from napari_progseg.volume import LabelMap


@pytest.fixture(scope="module")
def odd(shared_data: Path) -> Path:
    return shared_data / "odd"


@pytest.fixture(scope="module")
def findings(odd: Path) -> dict[str, Finding]:
    return {f.path.relative_to(odd).as_posix(): f for f in inspect_paths([odd])}


REFUSED = {
    "dicom_single/CT_small.dcm": "single 2D slice",
    "dicom_single/J2K_pixelrep_mismatch.dcm": "single 2D slice",
    "dicom_single/MR_small.dcm": "MR_truncated.dcm is incomplete: expected 8,192 bytes of pixels, got 8,130",
    "dicom_single/image_dfl.dcm": "without position in the patient",
    "dicom_single/rtdose.dcm": "RTDOSE",
    "dicom_single/rtstruct.dcm": "RTSTRUCT",
    "dicom_multiframe_seg/emri_small.dcm": "10 frames form no regular volume",
    "dicom_multiframe_seg/emri_small_RLE.dcm": "10 frames form no regular volume",
    "dicom_multiframe_seg/emri_small_jpeg_2k_lossless.dcm": "10 frames form no regular volume",
    "dicom_multiframe_seg/liver.dcm": "SEG",
    "dicom_multiframe_seg/liver_rle.dcm": "SEG",
    "dicom_multiframe_seg/sparse-labelmap-noppv.dcm": "SEG",
    "dicom_series/dcmqi_ct_3slice_labels/liver.dcm": "SEG",
    "nifti/4d_oblique_nibabel_example4d.nii.gz": "2 frames",
    "nifti/4d_oblique_pcasl.nii.gz": "10 frames",
    "nifti/4d_onehot_label_float64_deepreg.nii.gz": "one-hot",
    "nifti/4d_uncompressed_functional.nii": "20 frames",
    "nifti/nifti2_example.nii.gz": "2 frames",
    "nifti/rgb_uint8x3.nii.gz": "RGB",
    "other_formats/minc2_1_scale.mnc": "MINC",
    "other_formats/test.mgz": "2 frames",
}


def test_exactly_the_unusable_files_are_refused_with_their_reason(findings: dict[str, Finding]) -> None:
    assert {name for name, f in findings.items() if not f.usable} == set(REFUSED)
    for name, reason in REFUSED.items():
        assert reason in findings[name].problems[0], name


def test_every_file_is_in_a_row(odd: Path, findings: dict[str, Finding]) -> None:
    covered = {odd / name for name in findings}
    series = {p for p in covered if p.is_dir()}
    # the other encodings of one slice belong to one series, whose row stands at its first file
    series_of_one_slice = set((odd / "dicom_single").glob("MR_*.dcm"))
    for path in odd.rglob("*"):
        if path.is_file() and path.suffix not in {".zraw", ".img"} and path not in series_of_one_slice:
            assert path in covered or path.parent in series, path


def test_rows_say_what_the_files_hold(findings: dict[str, Finding]) -> None:
    permuted = findings["labelled_pairs/images/sct_t2_permuted_axes.nii.gz"]
    assert (permuted.kind, permuted.shape_zyx, permuted.orientation) == ("image", (55, 60, 52), "PSR")
    ct = findings["dicom_series/dcmqi_ct_3slice"]
    assert (ct.modality, ct.shape_zyx) == ("ct", (3, 512, 512))
    assert ct.spacing_zyx_mm == pytest.approx((1.0, 0.810547, 0.810547))
    labels = findings["labelled_pairs/nrrd_labels/prostate_phantom_subvolume.nrrd"]
    assert (labels.kind, labels.label_values) == ("labels", (1, 7, 8, 9))
    assert findings["derived_same_geometry/pair_image.hdr"].usable
    assert findings["nrrd_mha/EclipseProstate_Shrunk_5_5_5_Bladder.seg.nrrd"].shape_zyx == (23, 76, 60)


def test_a_truncated_slice_named_directly_is_refused(odd: Path) -> None:
    finding = inspect_path(odd / "dicom_single" / "MR_truncated.dcm")
    assert not finding.usable
    assert "incomplete: expected 8,192 bytes" in finding.problems[0]


def test_one_scan_in_many_codings_lies_on_one_grid(odd: Path) -> None:
    folder = odd / "derived_same_geometry"
    base, base_label = io.read_volume(folder / "base_image.nii.gz"), io.read_labels(folder / "base_label.nii.gz")
    for path in io.find_images(folder):
        if "label" in path.name:
            labels = io.read_labels(path)
            np.testing.assert_array_equal(labels.labels, base_label.labels, err_msg=path.name)
            difference = base.geometry.mismatch(labels.geometry)
        else:
            volume = io.read_volume(path)
            np.testing.assert_array_equal(volume.image, base.image, err_msg=path.name)
            difference = base.geometry.mismatch(volume.geometry)
        assert (difference is not None) == path.name.startswith("oblique"), path.name


def test_labelled_pairs_lie_on_one_grid(odd: Path) -> None:
    pairs = odd / "labelled_pairs"
    for images, labels in (("images", "labels"), ("nrrd_images", "nrrd_labels")):
        for path in (pairs / images).iterdir():
            label_map = io.read_labels(pairs / labels / path.name)
            assert io.read_volume(path).geometry.mismatch(label_map.geometry) is None


def test_nothing_brought_to_the_gate_raises(tmp_path: Path) -> None:
    files = {
        "login.nii.gz": b"<html>",
        "noise.nrrd": b"\x93\x12",
        "noise.mha": bytes(99),
        "noise.dcm": bytes(300),
        "pic.png": b"\x89PNG",
        "a.tif": b"II*\0\1\2",
        "empty.nii.gz": b"",
        "x.mgz": b"1",
        "unknown.xyz": b"?",
        "lone.img": b"1",
        "ü.nii": b"12345",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "Thumbs.db").write_bytes(b"1")
    (tmp_path / "._a.nii.gz").write_bytes(b"1")
    (tmp_path / "readme.md").write_bytes(b"1")
    found = inspect_paths([tmp_path, tmp_path / "gone.nii"])
    assert len(found) == 12
    assert not any(f.usable for f in found)
    assert all(f.problems and f.problems[0] for f in found)


def test_nan_is_a_problem_but_the_row_is_filled(tmp_path: Path) -> None:
    data = np.zeros((4, 5, 6), np.float32)
    data[0, 0, :2] = np.nan
    nibabel.save(nibabel.Nifti1Image(data, np.eye(4)), tmp_path / "a.nii")
    finding = inspect_path(tmp_path / "a.nii")
    assert finding.shape_zyx == (6, 5, 4)
    assert "2 voxels are NaN" in finding.problems[0]
    assert not finding.usable


def test_a_label_file_with_fractions_is_a_problem(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.full((4, 5, 6), 0.5, np.float32), np.eye(4)), tmp_path / "a_seg.nii")
    assert "not a whole number" in inspect_path(tmp_path / "a_seg.nii").problems[0]


def test_label_values_are_listed(tmp_path: Path, labels: LabelMap) -> None:
    values = np.zeros(labels.labels.shape, np.uint16)
    values[0], values[1] = 7, 300
    io.write_labels(tmp_path / "a_seg.nrrd", LabelMap(values, labels.geometry))
    finding = inspect_path(tmp_path / "a_seg.nrrd")
    assert (finding.kind, finding.label_values) == ("labels", (7, 300))


def test_an_image_named_as_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        io.read_volume(tmp_path / "gone.nii.gz")

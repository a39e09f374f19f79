"""Cut, padded, swapped and faked files are refused with a reason; nothing is filled in with zeros."""

from __future__ import annotations

import gzip
import struct
import time
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
import tifffile

from napari_progseg import io
from napari_progseg.errors import UserError

Cut = Callable[[Path, float], None]
SUFFIXES = [".nii", ".nii.gz", ".nrrd", "-raw.nrrd", ".mha", "-raw.mha", ".mhd", "-raw.mhd", ".hdr", ".mgz", ".tif"]


def write_noise(folder: Path, suffix: str) -> Path:
    """Write an int16 volume of noise and return its path."""
    noise = np.random.default_rng(3).integers(-1000, 2000, (9, 10, 11)).astype(np.int16)
    path = folder / f"volume{suffix}"
    if suffix == ".hdr":
        nibabel.save(nibabel.Nifti1Pair(noise.T, np.diag([1, 2, 3, 1])), path)
    elif suffix in (".nii", ".nii.gz"):
        nibabel.save(nibabel.Nifti1Image(noise.T, np.diag([1, 2, 3, 1])), path)
    elif suffix == ".mgz":
        nibabel.save(nibabel.MGHImage(noise.T, np.diag([1, 2, 3, 1])), path)
    elif suffix == ".tif":
        tifffile.imwrite(
            path,
            noise.astype(np.uint16),
            imagej=True,
            resolution=(1, 1),
            metadata={"axes": "ZYX", "spacing": 2, "unit": "mm"},
        )
    else:
        sitk.WriteImage(sitk.GetImageFromArray(noise), str(path), useCompression=not suffix.startswith("-raw"))
    return path


def voxel_file(path: Path) -> Path:
    return next((path.with_suffix(s) for s in (".zraw", ".raw", ".img") if path.with_suffix(s).exists()), path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_whole_files_are_read(tmp_path: Path, suffix: str) -> None:
    assert io.read_volume(write_noise(tmp_path, suffix)).image.size == 990


@pytest.mark.parametrize("percent", [1, 25, 50, 99])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_cut_files_are_refused(tmp_path: Path, cut: Cut, suffix: str, percent: int) -> None:
    path = write_noise(tmp_path, suffix)
    cut(voxel_file(path), percent)
    with pytest.raises(UserError, match=r"incomplete|cut|not a|damaged|neither|header"):
        io.read_volume(path)


@pytest.mark.parametrize(
    "suffix", [".nii", "-raw.nrrd", "-raw.mha", "-raw.mhd", ".nii.gz", ".nrrd", ".mha", ".mhd", ".hdr"]
)
def test_one_byte_too_few_or_too_many_is_refused(tmp_path: Path, suffix: str) -> None:
    path = write_noise(tmp_path, suffix)
    voxels = voxel_file(path)
    whole = voxels.read_bytes()
    voxels.write_bytes(whole[:-1])
    with pytest.raises(UserError, match="incomplete"):
        io.read_volume(path)
    voxels.write_bytes(whole + b"x")
    with pytest.raises(UserError, match=r"longer|follow"):
        io.read_volume(path)


def test_incomplete_names_both_byte_counts(tmp_path: Path, cut: Cut) -> None:
    path = write_noise(tmp_path, ".nii")
    cut(path, 50)
    with pytest.raises(UserError, match=r"volume\.nii: .*expected 1,980 bytes of voxels, got \d"):
        io.read_volume(path)


def test_more_voxels_in_the_stream_than_in_the_header_are_refused(tmp_path: Path) -> None:
    path = write_noise(tmp_path, ".nii.gz")
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes()) + bytes(500)))
    with pytest.raises(UserError, match="longer than its header says"):
        io.read_volume(path)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mgz"])
def test_a_wrong_checksum_is_refused(tmp_path: Path, suffix: str) -> None:
    path = write_noise(tmp_path, suffix)
    data = bytearray(path.read_bytes())
    data[-8] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(UserError, match="damaged"):
        io.read_volume(path)


def test_a_gzip_of_several_members_and_zero_padding_is_read(tmp_path: Path) -> None:
    path = write_noise(tmp_path, ".nii.gz")
    expected = io.read_volume(path).image
    plain = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(plain[:700]) + gzip.compress(plain[700:]) + bytes(512))
    np.testing.assert_array_equal(io.read_volume(path).image, expected)


def test_a_header_of_32767_cubed_is_refused_at_once(tmp_path: Path) -> None:
    header = nibabel.Nifti1Header()
    header.set_data_shape((32767, 32767, 32767))
    header.set_sform(np.eye(4), 1)
    for name, data in (
        ("a.nii", header.binaryblock + bytes(1000)),
        ("a.nii.gz", gzip.compress(header.binaryblock + bytes(1000))),
    ):
        (tmp_path / name).write_bytes(data)
        start = time.perf_counter()
        with pytest.raises(UserError, match="free memory"):
            io.read_volume(tmp_path / name)
        assert time.perf_counter() - start < 1


def test_a_small_file_that_promises_a_large_volume_takes_no_memory(tmp_path: Path) -> None:
    header = nibabel.Nifti1Header()
    header.set_data_shape((1000, 1000, 300))
    header.set_sform(np.eye(4), 1)
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(header.binaryblock + bytes(1000)))
    with pytest.raises(UserError, match="incomplete"):
        io.read_volume(tmp_path / "a.nii.gz")


def test_the_memory_budget_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_noise(tmp_path, ".nrrd")
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 3000})())
    with pytest.raises(UserError, match=r"half of the 3 kB of free memory"):
        io.read_volume(path)


def test_web_pages_empty_files_and_junk_are_named(tmp_path: Path) -> None:
    for name in ("login.nii.gz", "login.nrrd"):
        (tmp_path / name).write_bytes(b"<!DOCTYPE html><html><body>Please log in</body></html>")
        with pytest.raises(UserError, match="web page"):
            io.read_volume(tmp_path / name)
    (tmp_path / "empty.nii.gz").touch()
    with pytest.raises(UserError, match="empty"):
        io.read_volume(tmp_path / "empty.nii.gz")
    (tmp_path / "._x.nii.gz").write_bytes(b"\0\5\26\7")
    with pytest.raises(UserError, match="operating system"):
        io.read_volume(tmp_path / "._x.nii.gz")
    assert io.find_images(tmp_path) == [tmp_path / "login.nii.gz", tmp_path / "login.nrrd"]


def test_detached_data_outside_of_the_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path = write_noise(tmp_path / "in", "-raw.mhd")
    raw = path.with_suffix(".raw")
    raw.rename(tmp_path / raw.name)
    path.write_text(path.read_text(encoding="utf-8").replace(raw.name, f"../{raw.name}"), encoding="utf-8")
    with pytest.raises(UserError, match="outside of its folder"):
        io.read_volume(path)


def test_random_damage_to_headers_never_raises_anything_else(tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    read, refused = set(), set()
    for suffix in (".nii", "-raw.nrrd", "-raw.mha", ".mgz", ".tif"):
        path = write_noise(tmp_path, suffix)
        whole = path.read_bytes()
        for _ in range(40):
            data = bytearray(whole)
            for at in rng.integers(0, min(400, len(data)), 3):
                data[at] = rng.integers(0, 256)
            path.write_bytes(data)
            try:
                io.read_volume(path)
            except UserError:
                refused.add(suffix)
            else:
                read.add(suffix)
    assert len(read) > 3, "most damage hits bytes that do not matter"
    assert len(refused) == 5


def test_spacing_of_nifti_headers_in_metres_becomes_mm(tmp_path: Path) -> None:
    path = write_noise(tmp_path, ".nii")
    data = bytearray(path.read_bytes())
    data[123] = 1
    path.write_bytes(data)
    volume = io.read_volume(path)
    assert volume.geometry.spacing_zyx_mm == (3000, 2000, 1000)
    assert "metres" in volume.notes[0]


def test_analyze_without_orientation_is_refused(tmp_path: Path) -> None:
    path = write_noise(tmp_path, ".hdr")
    data = bytearray(path.read_bytes())
    data[344:348] = struct.pack("4s", b"")
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"Analyze 7\.5 .* no orientation"):
        io.read_volume(path)

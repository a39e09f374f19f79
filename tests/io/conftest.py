"""Generated volumes: an asymmetric phantom in all orientations, and DICOM series with all that goes wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import permutations, product
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from napari_progseg.geometry import Geometry
from napari_progseg.volume import LabelMap

CANARY = "PHI^CANARY"
SHAPE_IJK = (5, 6, 7)
SPACING_IJK = (0.8, 1.3, 2.9)


def orientations() -> Iterator[tuple[str, np.ndarray]]:
    """All 48 ways to lay three axes along the world's, as (name, direction matrix in LPS)."""
    letters = ("RL", "AP", "IS")
    for order, signs in product(permutations(range(3)), product((1, -1), repeat=3)):
        direction = np.zeros((3, 3))
        for axis, (world, sign) in enumerate(zip(order, signs, strict=True)):
            direction[world, axis] = sign
        yield "".join(letters[w][s > 0] for w, s in zip(order, signs, strict=True)), direction


ORIENTATIONS = dict(orientations())


def make_phantom(direction: np.ndarray) -> LabelMap:
    """Labels whose voxels all differ in meaning under any flip or swap."""
    affine = np.eye(4)
    affine[:3, :3] = direction * SPACING_IJK
    affine[:3, 3] = (-31.25, 17.5, 402.75)
    geometry = Geometry(SHAPE_IJK, affine)
    file_order = (np.arange(np.prod(SHAPE_IJK)).reshape(SHAPE_IJK) % 251).astype(np.uint8)
    return LabelMap(geometry.to_canonical(file_order), geometry)


@pytest.fixture(params=ORIENTATIONS)
def orientation(request: pytest.FixtureRequest) -> str:
    """Each of the 48 orientations in turn, such as ``'LPS'``."""
    return str(request.param)


@pytest.fixture
def phantom() -> Callable[..., LabelMap]:
    """Make labels from the name of an orientation, turned by a matrix if one is given."""
    return lambda name, turn=1.0: make_phantom(np.dot(turn, ORIENTATIONS[name]))


@pytest.fixture
def labels() -> LabelMap:
    return make_phantom(ORIENTATIONS["LPS"])


def make_slice(k: int, **changes: Any) -> FileDataset:
    """One CT slice of 8 × 6 pixels, 2 mm apart; pixel value = 100 k + its index."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = CTImageStorage
    ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID = CTImageStorage
    ds.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.PatientName, ds.PatientID, ds.PatientBirthDate = CANARY, CANARY, "19700101"
    ds.StudyDescription = ds.SeriesDescription = ds.ImageComments = CANARY
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "1.2.3.4", "1.2.3.4.5"
    ds.FrameOfReferenceUID = "1.2.3.4.6"
    ds.Modality, ds.SeriesNumber, ds.InstanceNumber = "CT", 4, k + 1
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.ImagePositionPatient = [-10.0, -20.0, 100.0 + 2.0 * k]
    ds.PixelSpacing, ds.SliceThickness = [0.9, 0.7], 2.0
    ds.Rows, ds.Columns, ds.SamplesPerPixel = 6, 8, 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
    ds.PixelData = (100 * k + np.arange(48)).astype(np.uint16).tobytes()
    for tag, value in changes.items():
        setattr(ds, tag, value)
    return ds


def save_slices(folder: Path, slices: Sequence[FileDataset], names: Sequence[str] | None = None) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in names or [f"IM{n:04}" for n in range(len(slices))]]
    for path, ds in zip(paths, slices, strict=True):
        pydicom.dcmwrite(path, ds, enforce_file_format=True)
    return paths


@pytest.fixture
def series(tmp_path: Path) -> Callable[..., Path]:
    """Write a series of n slices, changed by `change(k) -> dict`, and return its folder."""

    def write(n: int = 6, change: Callable[[int], dict[str, Any]] | None = None, folder: str = "ct") -> Path:
        save_slices(tmp_path / folder, [make_slice(k, **(change(k) if change else {})) for k in range(n)])
        return tmp_path / folder

    return write


@pytest.fixture
def ct_slice() -> Callable[..., FileDataset]:
    return make_slice


@pytest.fixture
def save() -> Callable[..., list[Path]]:
    return save_slices


@pytest.fixture
def canary() -> bytes:
    """What stands in every field of the slices that could name a patient."""
    return CANARY.encode()


@pytest.fixture
def cut() -> Callable[[Path, float], None]:
    """Keep the first so many percent of a file."""

    def keep(path: Path, percent: float) -> None:
        data = path.read_bytes()
        path.write_bytes(data[: max(1, int(len(data) * percent / 100))])

    return keep

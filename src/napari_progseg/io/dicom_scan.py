"""What lies in a DICOM folder: slices by series, and every other file with the reason why it is no slice.

Only headers are read here. Nothing that could name a patient (names, numbers, dates, free text) is read at all.
"""

from __future__ import annotations

import hashlib
import struct
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pydicom
from pydicom.dataset import FileDataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from ..errors import UserError
from .names import DICOM_SUFFIXES, SUPPORTED_SUFFIXES, is_document, is_junk, natural_order, suffix_of

_TAGS = [
    "SOPClassUID", "SOPInstanceUID", "Modality", "ImageType", "SeriesInstanceUID", "SeriesNumber", "Rows", "Columns",
    "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored",
    "PixelRepresentation", "PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "FrameOfReferenceUID",
    "RescaleSlope", "RescaleIntercept", "ModalityLUTSequence", "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence", "DimensionOrganizationType",
]  # fmt: skip
_NOT_IMAGES = {
    "SEG": "a DICOM segmentation (SEG), not an image",
    "RTSTRUCT": "an RT structure set (RTSTRUCT): contours, not an image",
    "RTDOSE": "an RT dose grid (RTDOSE), not a CT or MR image",
    "RTPLAN": "an RT plan (RTPLAN), not an image",
    "RTRECORD": "an RT treatment record, not an image",
    "SR": "a structured report (SR), not an image",
    "PR": "a presentation state (PR), not an image",
    "KO": "a key object selection (KO), not an image",
    "REG": "a registration (REG), not an image",
    "DOC": "an encapsulated document (DOC), not an image",
}
_MULTIFRAME_CT_MR = {
    "1.2.840.10008.5.1.4.1.1.2.1",
    "1.2.840.10008.5.1.4.1.1.2.2",
    "1.2.840.10008.5.1.4.1.1.4.1",
    "1.2.840.10008.5.1.4.1.1.4.4",
}
_COLOUR = {"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "PALETTE COLOR"}


@dataclass(frozen=True, eq=False)
class Slice:
    """One image file of a series: its path and its header (no pixels, no patient)."""

    path: Path
    header: FileDataset
    damage: str | None = None

    @property
    def multiframe(self) -> bool:
        """Whether the file is an enhanced CT or MR that holds many slices."""
        return str(self.header.SOPClassUID) in _MULTIFRAME_CT_MR


@dataclass(frozen=True, eq=False)
class Series:
    """The slices that were acquired together.

    Parameters
    ----------
    uid : str
        SeriesInstanceUID.
    number : int or None
        SeriesNumber.
    modality : str
        DICOM's own word, such as ``'CT'``.
    slices : tuple of Slice
        In the order of the file names.
    """

    uid: str
    number: int | None
    modality: str
    slices: tuple[Slice, ...] = field(repr=False)

    @property
    def n_slices(self) -> int:
        """Number of slices, counting the frames of a multi-frame file."""
        return sum(int(s.header.get("NumberOfFrames") or 1) for s in self.slices)

    @property
    def case_id(self) -> str:
        """Name of the case: a hash of the series' UID (and the file's, if multi-frame), never made from a person."""
        first = self.slices[0]
        uid = self.uid + (str(first.header.get("SOPInstanceUID", "")) if first.multiframe else "")
        return "dcm-" + hashlib.sha256(uid.encode("ascii", "replace")).hexdigest()[:12]

    @property
    def description(self) -> str:
        """What to show in a list: modality, number, slices and size; nothing typed by a person."""
        number = "" if self.number is None else f" {self.number}"
        first = self.slices[0].header
        plural = "slice" if self.n_slices == 1 else "slices"
        return f"{self.modality} series{number}, {self.n_slices} {plural}, {first.Columns} × {first.Rows}"


@dataclass(frozen=True)
class Scan:
    """The content of a DICOM folder: its series, and why each other file was skipped."""

    folder: Path
    series: tuple[Series, ...]
    skipped: tuple[tuple[Path, str], ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each reason to skip files."""
        by_reason: dict[str, list[str]] = {}
        for path, reason in self.skipped:
            by_reason.setdefault(reason, []).append(path.name)
        return tuple(
            f"skipped {names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {reason}"
            for reason, names in by_reason.items()
        )


def is_dicom(path: Path) -> bool:
    """Tell from its first bytes whether a file is DICOM."""
    try:
        with path.open("rb") as stream:
            start = stream.read(132)
    except OSError:
        return False
    without_preamble = start[:4] in (b"\x08\x00\x00\x00", b"\x08\x00\x05\x00", b"\x08\x00\x08\x00", b"\x02\x00\x00\x00")
    return start[128:] == b"DICM" or (
        without_preamble and suffix_of(path) not in set(SUPPORTED_SUFFIXES) - set(DICOM_SUFFIXES)
    )


def scan_folder(folder: Path) -> Scan:
    """Read the headers of the files in one folder (not below it)."""
    files = sorted((f for f in folder.iterdir() if f.is_file()), key=lambda f: natural_order(f.name))
    return scan_files(folder, files)


def scan_files(folder: Path, files: Iterable[Path]) -> Scan:
    """Read the headers of some files of a folder and group them by series."""
    slices: dict[tuple[str, Path | None], list[Slice]] = {}
    skipped: list[tuple[Path, str]] = []
    for path in files:
        try:
            found = read_header(path)
        except UserError as error:
            skipped.append((path, str(error)))
            continue
        # a multi-frame file is a volume of its own, whatever else belongs to its series
        key = (str(found.header.SeriesInstanceUID), path if found.multiframe else None)
        slices.setdefault(key, []).append(found)
    series = [_series(uid, tuple(members)) for (uid, _), members in slices.items()]
    series.sort(key=lambda s: (s.number is None, s.number or 0, s.uid))
    return Scan(folder, tuple(series), tuple(skipped))


def _series(uid: str, slices: tuple[Slice, ...]) -> Series:
    header = slices[0].header
    number = header.get("SeriesNumber")
    return Series(uid, None if number is None else int(number), str(header.get("Modality") or "unknown"), slices)


def read_header(path: Path) -> Slice:
    """Read the header of one image slice.

    Raises
    ------
    UserError
        With the reason, without the file's name, if the file is no slice of a volume.
    """
    if is_junk(path) or path.stat().st_size == 0:
        raise UserError("empty (0 bytes)" if path.stat().st_size == 0 else "not an image")
    if not is_dicom(path):
        raise UserError(_not_dicom(path))
    try:
        with path.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            header = pydicom.dcmread(stream, stop_before_pixels=True, force=True, specific_tags=_TAGS)
            at_pixels = stream.tell()
    except Exception as error:
        raise UserError(f"the DICOM header is damaged or cut ({type(error).__name__})") from error
    if reason := _why_no_slice(header):
        raise UserError(reason)
    return Slice(path, header, _damage(path, header, at_pixels))


def _not_dicom(path: Path) -> str:
    if path.suffix.lower() in DICOM_SUFFIXES:
        return "not a DICOM file, or cut before its header; the file is damaged"
    if path.suffix == "" and not is_document(path) and not _is_text(path):
        return "not a DICOM file, or cut before its header; the file may be damaged"
    return "not a DICOM file"


def _is_text(path: Path) -> bool:
    with path.open("rb") as stream:
        start = stream.read(512)
    return all(byte in b"\t\n\r\f" or 32 <= byte < 127 for byte in start)


def _why_no_slice(header: FileDataset) -> str | None:
    modality = str(header.get("Modality") or "")
    if modality in _NOT_IMAGES:
        return _NOT_IMAGES[modality]
    if "SOPClassUID" not in header or "SeriesInstanceUID" not in header:
        return "the DICOM header is damaged or cut: it names no series"
    if not (header.get("Rows") and header.get("Columns")):
        return f"no image ({UID(header.SOPClassUID).name})"
    if header.get("SamplesPerPixel", 1) != 1 or header.get("PhotometricInterpretation") in _COLOUR:
        return "RGB or palette colours; one value a voxel is needed"
    image_type = [str(word).upper() for word in header.get("ImageType") or ()]
    if "LOCALIZER" in image_type or "SCOUT" in image_type:
        return "a scout (localizer), not a slice of a volume"
    if str(header.SOPClassUID) in _MULTIFRAME_CT_MR:
        return None
    if int(header.get("NumberOfFrames") or 1) > 1:
        return f"several frames in one file ({UID(header.SOPClassUID).name}), which is not read; export single slices"
    if not all(header.get(tag) for tag in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")):
        return f"a picture without position in the patient ({UID(header.SOPClassUID).name})"
    return None


def _damage(path: Path, header: FileDataset, at_pixels: int) -> str | None:
    """Say what is missing from the pixels, as far as lengths tell."""
    syntax = header.file_meta.get("TransferSyntaxUID") if hasattr(header, "file_meta") else None
    syntax = UID(syntax) if syntax else None
    if syntax == DeflatedExplicitVRLittleEndian:
        return None
    length = _pixel_length(path, at_pixels, header)
    if length is None:
        return "incomplete: the file ends before its pixels"
    declared, available = length
    bits = int(header.get("BitsAllocated", 16)) * int(header.Rows) * int(header.Columns)
    expected = bits * int(header.get("NumberOfFrames") or 1) // 8
    if declared is None:
        return None
    if syntax is not None and syntax.is_compressed:
        expected = declared
    if available < expected or declared < expected:
        return f"incomplete: expected {expected:,} bytes of pixels, got {min(available, declared):,}"
    return None


def _pixel_length(path: Path, at: int, header: FileDataset) -> tuple[int | None, int] | None:
    """Return the declared length (None if undefined) and the bytes there are; None if there is no pixel element."""
    implicit, little = header.original_encoding
    order = "<" if little else ">"
    with path.open("rb") as stream:
        stream.seek(at)
        start = stream.read(12)
    size = 8 if implicit else 12
    if len(start) < size or struct.unpack(f"{order}2H", start[:4]) != (0x7FE0, 0x0010):
        return None
    wide = implicit or start[4:6] in (b"OB", b"OW", b"UN")
    declared = struct.unpack(f"{order}I", start[size - 4 : size] if wide else start[8:12])[0]
    return (None if declared == 0xFFFFFFFF else declared), path.stat().st_size - at - size

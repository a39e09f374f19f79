"""What a path says before anything is read: format, case, whether it looks like labels, whether it is junk."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

NIFTI_SUFFIXES = (".nii.gz", ".nii", ".hdr", ".img")
MGH_SUFFIXES = (".mgz", ".mgh")
ITK_SUFFIXES = (".seg.nrrd", ".nrrd", ".nhdr", ".mha", ".mhd")
TIFF_SUFFIXES = (".ome.tiff", ".ome.tif", ".tiff", ".tif")
DICOM_SUFFIXES = (".dcm", ".dicom", ".ima")
SUPPORTED_SUFFIXES = NIFTI_SUFFIXES + MGH_SUFFIXES + ITK_SUFFIXES + TIFF_SUFFIXES + DICOM_SUFFIXES
WRITABLE_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha", ".tif", ".tiff")

# formats we know of and do not read, with what to do instead
_FOREIGN = {
    ".mnc": "MINC files are not read; convert with mnc2nii to NIfTI",
    ".png": "a PNG is a 2D picture; a CT/MR volume is needed",
    ".jpg": "a JPEG is a 2D picture; a CT/MR volume is needed",
    ".jpeg": "a JPEG is a 2D picture; a CT/MR volume is needed",
    ".bmp": "a BMP is a 2D picture; a CT/MR volume is needed",
    ".npy": "a bare array has no voxel spacing; save it as NIfTI, NRRD or MHA",
    ".npz": "a bare array has no voxel spacing; save it as NIfTI, NRRD or MHA",
    ".zip": "an archive; unpack it first",
    ".tar": "an archive; unpack it first",
}
_JUNK_NAMES = {"thumbs.db", "desktop.ini", "dicomdir", "lockfile", "version", "__macosx", "readme", "license"}
_DOCUMENTS = {".md", ".txt", ".rst", ".json", ".csv", ".tsv", ".xlsx", ".pdf", ".xml", ".html", ".yaml", ".yml", ".log",
              ".py", ".bval", ".bvec", ".raw", ".zraw", ".db", ".ini"}  # fmt: skip
_LABEL_WORDS = "seg|segmentation|label|labels|mask|masks"
_LABEL_NAME = re.compile(rf"[_\-. ]({_LABEL_WORDS})(_?\d*)?$", re.IGNORECASE)
_LABEL_FOLDER = re.compile(rf"(^|[_\-. ])({_LABEL_WORDS})(tr|ts)?$", re.IGNORECASE)
_CASE_TAIL = re.compile(r"(_seg|_label|_mask|_0000)$", re.IGNORECASE)


def suffix_of(path: Path) -> str:
    """Return the format suffix in lower case (``'.nii.gz'`` as a whole), or the plain last suffix if unknown."""
    name = path.name.lower()
    known = [suffix for suffix in SUPPORTED_SUFFIXES if name.endswith(suffix) and len(name) > len(suffix)]
    return max(known, key=len) if known else Path(name).suffix


def stem_of(path: Path) -> str:
    """Return the file name without its format suffix."""
    suffix = suffix_of(path)
    # Without a known format a dot may belong to the name: 1.2.840.1 is a DICOM file, not a file of type .1
    return path.name[: -len(suffix)] if suffix in SUPPORTED_SUFFIXES else path.name


def file_case_name(path: Path) -> str:
    """Return the case a file belongs to: no extension, no trailing ``_0000``, ``_seg``, ``_label`` or ``_mask``."""
    name = stem_of(path)
    while (shorter := _CASE_TAIL.sub("", name)) != name and shorter:
        name = shorter
    return name


def foreign_reason(path: Path) -> str:
    """Say why a file of a format that is not read cannot be used."""
    suffix = Path(path.name.lower()).suffix
    return _FOREIGN.get(
        suffix, f"the format {suffix or '(no extension)'} is not known; use NIfTI, NRRD, MHA, TIFF or DICOM"
    )


def is_junk(path: Path) -> bool:
    """Tell files that operating systems and archives leave behind (``._x``, ``Thumbs.db``, ``DICOMDIR``)."""
    return path.name.startswith(".") or path.name.lower() in _JUNK_NAMES


def is_document(path: Path) -> bool:
    """Tell papers and data companions that no one means as a volume when a folder is walked."""
    return path.suffix.lower() in _DOCUMENTS


def is_companion(path: Path) -> bool:
    """Tell the ``.img`` that belongs to a ``.hdr`` beside it."""
    return path.suffix.lower() == ".img" and any(path.with_suffix(hdr).exists() for hdr in (".hdr", ".HDR"))


def named_like_labels(path: Path) -> bool:
    """Tell whether the name ends in _seg, _label or _mask, or the file lies in a folder of labels."""
    seg_nrrd = path.name.lower().endswith(".seg.nrrd")
    return seg_nrrd or bool(_LABEL_NAME.search(stem_of(path)) or _LABEL_FOLDER.search(path.parent.name))


def label_suffix(source: Path) -> str:
    """Return the suffix to save labels of an image with: its own where we write it, else ``'.nii.gz'``."""
    suffix = suffix_of(source)
    if source.is_dir() or suffix not in SUPPORTED_SUFFIXES:
        return ".nii.gz"
    family = {".mhd": ".mha", ".nhdr": ".nrrd", ".seg.nrrd": ".nrrd", ".ome.tif": ".tif", ".ome.tiff": ".tif"}
    suffix = family.get(suffix, suffix)
    return suffix if suffix in WRITABLE_SUFFIXES else ".nii.gz"


def walk(folder: Path) -> Iterator[tuple[Path, list[Path]]]:
    """Yield each folder below (and with) `folder` and its files that are not junk, both in natural order."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted((f for f in folders if not is_junk(Path(f))), key=natural_order)
        yield Path(root), [Path(root, f) for f in sorted(files, key=natural_order) if not is_junk(Path(f))]


def natural_order(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key that puts 2 before 10."""
    parts = re.split(r"(\d+)", name.lower())
    return tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts)

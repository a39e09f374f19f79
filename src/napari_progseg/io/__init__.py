"""Volumes in and out: NIfTI, NRRD, MetaImage, TIFF, MGH and DICOM, each checked to the last byte.

The readers are imported when a file of their format is first opened, so that importing this package stays cheap.
"""

from __future__ import annotations

import contextlib
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UserError
from ..geometry import Geometry
from ..volume import LabelMap, Volume
from .names import (
    DICOM_SUFFIXES,
    ITK_SUFFIXES,
    MGH_SUFFIXES,
    NIFTI_SUFFIXES,
    SUPPORTED_SUFFIXES,
    TIFF_SUFFIXES,
    WRITABLE_SUFFIXES,
    file_case_name,
    foreign_reason,
    is_companion,
    is_document,
    is_junk,
    label_suffix,
    stem_of,
    suffix_of,
    walk,
)

if TYPE_CHECKING:
    from .decoded import Decoded
    from .dicom_scan import Series

Spacing = tuple[float, float, float]
supported_suffixes = SUPPORTED_SUFFIXES

_FILE_SUFFIXES = frozenset(SUPPORTED_SUFFIXES) - frozenset(DICOM_SUFFIXES)
# a folder whose first so many files are no DICOM is none
_MOST_TRIED = 50

__all__ = [
    "TIFF_SUFFIXES",
    "case_name",
    "decode",
    "file_case_name",
    "find_images",
    "is_dicom",
    "is_supported",
    "label_suffix",
    "list_series",
    "read_labels",
    "read_volume",
    "stem_of",
    "suffix_of",
    "supported_suffixes",
    "write_labels",
]


def read_volume(path: Path, *, series: str | None = None, spacing_zyx_mm: Spacing | None = None) -> Volume:
    """Read a CT or MR volume.

    Parameters
    ----------
    path : Path
        A file, a DICOM folder, or one slice of a DICOM series (which opens the whole series).
    series : str or None
        Which DICOM series, where a folder holds several: UID, unique beginning of the UID, number or description.
    spacing_zyx_mm : tuple of float or None
        Voxel spacing in mm, ordered (z, y, x), for TIFF files that do not store it.

    Returns
    -------
    Volume
        Image (Z, Y, X) in canonical order: integers as stored, HU for CT from DICOM, else float32.

    Raises
    ------
    UserError
        With the reason, if the file is damaged or is no single 3D volume on a right-angled grid.
    """
    return decode(Path(path), series=series, spacing_zyx_mm=spacing_zyx_mm).volume()


def read_labels(path: Path, *, like: Geometry | None = None) -> LabelMap:
    """Read a label map.

    Parameters
    ----------
    path : Path
        A file.
    like : Geometry or None
        The image's grid; used for TIFF files, which do not store theirs.

    Returns
    -------
    LabelMap
        Values as in the file, uint8 or uint16, (Z, Y, X).

    Raises
    ------
    UserError
        With the reason, if the file is damaged or a value is no whole number from 0 to 65535.
    """
    path = Path(path)
    is_tiff = suffix_of(path) in TIFF_SUFFIXES
    label_map = decode(path, spacing_zyx_mm=_tiff_spacing(path, like) if is_tiff else None).label_map()
    if not is_tiff or like is None or label_map.geometry.shape_zyx != like.shape_zyx:
        return label_map
    own, wanted = label_map.geometry.spacing_zyx_mm, like.spacing_zyx_mm
    if any(abs(a - b) > 1e-3 * b for a, b in zip(own, wanted, strict=True)):
        return label_map
    return LabelMap(label_map.labels, like, label_map.names)


def write_labels(path: Path, label_map: LabelMap) -> None:
    """Write labels on the grid of their geometry, in the format the suffix names, replacing the file as a whole.

    Raises
    ------
    UserError
        If labels are not written in that format.
    """
    path = Path(path)
    suffix = suffix_of(path)
    if suffix in {".nii", ".nii.gz"}:
        from . import nifti

        nifti.write_labels(path, label_map)
    elif suffix in {".nrrd", ".mha"}:
        from . import itk

        itk.write_labels(path, label_map)
    elif suffix in {".tif", ".tiff"}:
        from . import tiff

        tiff.write_labels(path, label_map)
    else:
        raise UserError(
            f"{path.name}: labels are not written as {suffix or 'this'}; use one of {', '.join(WRITABLE_SUFFIXES)}"
        )


def is_supported(path: Path) -> bool:
    """Tell whether a file or folder may hold a volume we read; looks at the name, or at the first bytes without one."""
    path = Path(path)
    if is_junk(path):
        return False
    if path.is_dir():
        return bool(_dicom_files(path))
    return suffix_of(path) in SUPPORTED_SUFFIXES or is_dicom(path)


def find_images(folder: Path) -> list[Path]:
    """Return the volume files and the folders of DICOM slices in and below a folder, in natural order.

    Junk, documents, empty files and formats that are not read are left out; see `inspect` for the reasons.
    """
    found = []
    for here, files in walk(Path(folder)):
        if _holds_slices(here):
            found.append(here)
        found += [f for f in files if suffix_of(f) in _FILE_SUFFIXES and not is_companion(f) and f.stat().st_size]
    return found


def list_series(path: Path) -> list[Series]:
    """Return the image series of a DICOM folder (or of the folder of one slice), by series number."""
    from . import dicom

    return dicom.list_series(Path(path))


def case_name(path: Path, *, series: str | None = None) -> str:
    """Return the name of the case a file belongs to.

    Extensions, a trailing ``_0000`` and ``_seg``, ``_label`` or ``_mask`` are dropped. A DICOM series is named by a
    hash of its UID, never by anything a person could be told from.

    Raises
    ------
    UserError
        If a DICOM folder holds several series and `series` picks none.
    """
    path = Path(path)
    if not path.is_dir() and not is_dicom(path):
        return file_case_name(path)
    from . import dicom

    return dicom.choose(dicom.scan(path), series).case_id


def decode(path: Path, *, series: str | None = None, spacing_zyx_mm: Spacing | None = None) -> Decoded:
    """Read a file or DICOM series in its own order; see `read_volume`."""
    if not path.exists():
        raise UserError(f"{path.name}: there is no such file or folder ({path})")
    try:
        return _reader(path, series, spacing_zyx_mm)
    except OSError as error:
        raise UserError(
            f"{path.name}: the disk cannot read it ({error.strerror or error}); check the drive or share"
        ) from error
    except MemoryError as error:
        raise UserError(
            f"{path.name}: does not fit into memory; nothing was read, crop the volume or free memory"
        ) from error


def _reader(path: Path, series: str | None, spacing_zyx_mm: Spacing | None) -> Decoded:
    suffix = suffix_of(path)
    if path.is_file() and path.stat().st_size == 0:
        raise UserError(f"{path.name}: the file is empty (0 bytes); copy it again from its source")
    if path.is_dir() or suffix in DICOM_SUFFIXES or (suffix not in SUPPORTED_SUFFIXES and is_dicom(path)):
        from . import dicom

        return dicom.read(path, series)
    if is_junk(path):
        raise UserError(f"{path.name}: left behind by the operating system, not a volume; it can be ignored")
    if suffix in NIFTI_SUFFIXES:
        from . import nifti

        return nifti.read(path)
    if suffix in ITK_SUFFIXES:
        from . import itk

        return itk.read(path)
    if suffix in TIFF_SUFFIXES:
        from . import tiff

        return tiff.read(path, spacing_zyx_mm)
    if suffix in MGH_SUFFIXES:
        from . import mgh

        return mgh.read(path)
    raise UserError(f"{path.name}: {foreign_reason(path)}")


def _tiff_spacing(path: Path, like: Geometry | None) -> Spacing | None:
    """Return the image's spacing for label files that store none."""
    from . import tiff

    return like.spacing_zyx_mm if like is not None and tiff.stored_spacing(path) is None else None


def is_dicom(path: Path) -> bool:
    """Tell from its first bytes whether a path is a DICOM file."""
    if not path.is_file() or suffix_of(path) in _FILE_SUFFIXES:
        return False
    from . import dicom_scan

    return dicom_scan.is_dicom(path)


def _holds_slices(folder: Path) -> bool:
    """Tell whether a folder directly holds a slice of a DICOM volume, and not only, say, an RTSTRUCT."""
    files = _dicom_files(folder)
    if not files:
        return False
    from . import dicom_scan

    for path in files:
        with contextlib.suppress(UserError):
            dicom_scan.read_header(path)
            return True
    return False


def _dicom_files(folder: Path) -> list[Path]:
    """Return the DICOM files among the first files directly in a folder whose name tells no other format."""
    files = (f for f in sorted(folder.iterdir()) if f.is_file() and not is_junk(f) and not is_document(f))
    candidates = (f for f in files if suffix_of(f) not in _FILE_SUFFIXES)
    return [f for f in itertools.islice(candidates, _MOST_TRIED) if is_dicom(f)]

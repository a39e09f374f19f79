"""The import gate: what is in a file and what is wrong with it, before anything is trained on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..volume import Modality
from . import decode
from .decoded import Decoded, as_labels, non_finite
from .dicom_scan import is_dicom, scan_files
from .names import DICOM_SUFFIXES, SUPPORTED_SUFFIXES, is_companion, is_document, named_like_labels, suffix_of, walk

Kind = Literal["image", "labels", "?"]

# A file that no name marks as labels counts as such if it holds at most this many values.
_FEW_VALUES = 16
_MOST_VALUES = 65536


@dataclass(frozen=True)
class Finding:
    """What is known about one file or DICOM series.

    Parameters
    ----------
    path : Path
        The file; the folder of a DICOM series, or its first slice where the folder holds several.
    kind : {"image", "labels", "?"}
        What it holds; "?" where it could not be read.
    shape_zyx, spacing_zyx_mm
        Of the canonical grid; None where unknown.
    orientation : str or None
        Where the file's own axes run to, such as ``'LPS'``.
    modality : {"ct", "mr"} or None
        What the file says.
    label_values : tuple of int
        The values besides 0, for labels.
    problems : tuple of str
        Why it cannot be used, one sentence each.
    usable : bool
        Whether it can be read and trained on.
    notes : tuple of str
        What the reader chose or skipped.
    series : str or None
        UID of the DICOM series.
    """

    path: Path
    kind: Kind = "?"
    shape_zyx: tuple[int, int, int] | None = None
    spacing_zyx_mm: tuple[float, float, float] | None = None
    orientation: str | None = None
    modality: Modality | None = None
    label_values: tuple[int, ...] = ()
    problems: tuple[str, ...] = ()
    usable: bool = False
    notes: tuple[str, ...] = ()
    series: str | None = None


def inspect_path(path: Path, *, series: str | None = None) -> Finding:
    """Read one file or DICOM series to its end and say what it holds.

    Never raises for what is in the file: whatever stands in the way of using it is in `Finding.problems`.
    """
    path = Path(path)
    try:
        return _describe(path, decode(path, series=series), series)
    except UserError as error:
        return Finding(path, problems=(_without_name(path, str(error)),), series=series)
    except Exception as error:  # noqa: BLE001  a gate must survive whatever is brought to it
        return Finding(path, problems=(f"cannot be read ({type(error).__name__}: {error})",), series=series)


def inspect_paths(paths: Iterable[Path]) -> list[Finding]:
    """Inspect files and, walking through them, folders.

    Each DICOM series is one finding. What operating systems leave behind, and documents in folders, is left out.
    """
    return [finding for path in paths for finding in _inspect(Path(path))]


def looks_like_labels(path: Path, array: NDArray[Any]) -> bool:
    """Tell labels from images: whole numbers, and either named like labels or few and none negative."""
    named = named_like_labels(path)
    if array.dtype.kind == "f" and not named:
        return False
    try:
        labels = as_labels(array, path.name)
    except UserError:
        return False
    return named or len(label_values(labels)) <= _FEW_VALUES


def label_values(labels: NDArray[np.unsignedinteger[Any]]) -> tuple[int, ...]:
    """Return the values besides 0 in a label array, (Z, Y, X) or (I, J, K)."""
    counts = np.zeros(_MOST_VALUES, np.int64)
    thinnest = int(np.argmax(np.abs(labels.strides)))
    for slab in np.moveaxis(labels, thinnest, 0):
        counts += np.bincount(slab.ravel(order="K"), minlength=_MOST_VALUES)
    return tuple(int(v) for v in np.flatnonzero(counts) if v)


def _inspect(path: Path) -> Iterator[Finding]:
    if not path.is_dir():
        yield inspect_path(path)
        return
    for folder, files in walk(path):
        slices = [f for f in files if _may_be_slice(f)]
        yield from _inspect_dicom(folder, slices)
        others = set(files) - set(slices)
        yield from (inspect_path(f) for f in files if f in others and not (is_document(f) or is_companion(f)))


def _may_be_slice(path: Path) -> bool:
    if suffix_of(path) in set(SUPPORTED_SUFFIXES) - set(DICOM_SUFFIXES):
        return False
    return suffix_of(path) in DICOM_SUFFIXES or is_dicom(path)


def _inspect_dicom(folder: Path, files: list[Path]) -> Iterator[Finding]:
    """One finding for each series and each other file; scouts beside a series are a note of it."""
    if not files:
        return
    found = scan_files(folder, files)
    for series in found.series:
        first = series.slices[0]
        path = first.path if first.multiframe or len(found.series) > 1 else folder
        yield inspect_path(path, series=series.uid)
    for path, reason in found.skipped:
        if not (found.series and "scout" in reason):
            yield Finding(path, problems=(reason,))


def _describe(path: Path, decoded: Decoded, series: str | None) -> Finding:
    geometry = decoded.geometry
    labels = decoded.modality is None and looks_like_labels(path, decoded.array_ijk)
    problems: list[str] = []
    values: tuple[int, ...] = ()
    if problem := non_finite(decoded.array_ijk):
        problems.append(problem)
    elif labels:
        values = label_values(as_labels(decoded.array_ijk, path.name))
    elif named_like_labels(path) and decoded.modality is None:
        problems += _label_problem(path, decoded)
    return Finding(
        path,
        "labels" if labels else "image",
        geometry.shape_zyx,
        geometry.spacing_zyx_mm,
        geometry.orientation,
        decoded.modality,
        values,
        tuple(problems),
        not problems,
        decoded.notes,
        series,
    )


def _label_problem(path: Path, decoded: Decoded) -> list[str]:
    """Say why a file that is named like labels holds none."""
    try:
        as_labels(decoded.array_ijk, path.name)
    except UserError as error:
        return [_without_name(path, str(error))]
    return []


def _without_name(path: Path, message: str) -> str:
    return message.removeprefix(f"{path.name}: ")


__all__ = ["Finding", "inspect_path", "inspect_paths", "label_values", "looks_like_labels"]

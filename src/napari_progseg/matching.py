"""Scans and label files of two folders become cases: matched by name, checked as far as is cheap."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nibabel

from . import io
from .classes import outside, values_of
from .errors import UserError
from .geometry import Geometry
from .manifest import safe_id
from .volume import LabelClass, Modality

WITHOUT_LABEL = "images without a label file"
OWN_FOLDERS = ("labels", "edits", "cache", "runs")

_MOST_LISTED = 8
_LABEL_TAIL = re.compile(r"_(seg|label|mask)$", re.IGNORECASE)
_MODALITIES: dict[str, Modality] = {"CT": "ct", "MR": "mr"}


@dataclass(frozen=True)
class Scan:
    """An image that was found.

    Parameters
    ----------
    id : str
        Safe case id, from the file name or a hash of the DICOM series.
    image : Path
        The file, or the folder of a DICOM series.
    series : str or None
        SeriesInstanceUID where the folder holds several.
    modality : {"ct", "mr"} or None
        What a DICOM header says.
    folder : str
        Name of the folder of a single DICOM series, under which its label file may go too; else empty.
    """

    id: str
    image: Path
    series: str | None = None
    modality: Modality | None = None
    folder: str = ""


@dataclass(frozen=True)
class Match:
    """A scan with its label file, if any."""

    scan: Scan
    label: Path | None = None


@dataclass(frozen=True)
class Checked:
    """What one label file holds: its values without 0, names of values, and what is wrong with it, if anything."""

    values: tuple[int, ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    fault: str | None = None


def find_scans(images: Path, labels: Sequence[Path], root: Path) -> tuple[list[Scan], tuple[str, ...]]:
    """Find the images of a folder as cases; folders of label files and the project at `root` are left out.

    Also returns why DICOM folders, if any, were passed over.

    Raises
    ------
    UserError
        If the folder is missing, holds no image, or two images would be the same case.
    """
    _require_folder(images)
    foreign = [path for path in io.find_images(images) if not any(root / name in path.parents for name in OWN_FOLDERS)]
    found = [path for path in foreign if not any(_is_label(path, images, folder) for folder in labels)]
    scans, problems = [], []
    for path in found:
        try:
            scans += _scans_of(path)
        except UserError as error:
            problems.append(str(error))
    scans = [scan for scan in scans if not _stands_deeper(scan, scans)]
    if not scans:
        raise UserError(f"{images} holds no CT/MR image that can be read; nothing was written; choose another folder")
    _refuse_ambiguous(((scan.id, scan.image) for scan in scans), "images")
    return scans, tuple(problems)


def match_labels(scans: Sequence[Scan], images: Path, labels: Path) -> tuple[list[Match], tuple[str, ...]]:
    """Give each scan its label file; also return a sentence for what stayed alone.

    Raises
    ------
    UserError
        If the folder is missing or two label files belong to the same case.
    """
    _require_folder(labels)
    files = [
        path
        for path in io.find_images(labels)
        if path.is_file() and (labels != images or _is_label(path, images, labels))
    ]
    _refuse_ambiguous(((safe_id(io.case_name(path)), path) for path in files), "label files")
    by_name = {safe_id(io.case_name(path)).casefold(): path for path in files}
    folders = Counter(scan.folder.casefold() for scan in scans)
    matches = []
    for scan in scans:
        # several series may lie in folders of one name: then only the id tells them apart
        other = scan.folder.casefold() if folders[scan.folder.casefold()] == 1 else ""
        matches.append(Match(scan, by_name.get(scan.id.casefold()) or by_name.get(other)))
    used = {match.label for match in matches}
    alone = [path.name for path in files if path not in used]
    bare = [match.scan.id for match in matches if match.label is None]
    problems = []
    if alone:
        problems.append(f"label files without an image: {listed(alone)}; they are not used")
    if bare:
        problems.append(f"{WITHOUT_LABEL}: {listed(bare)}; these cases are not started")
    return matches, tuple(problems)


def check_label(match: Match) -> Checked:
    """Read a label file and compare its grid with the image's header; damage becomes a fault, not an error."""
    if match.label is None:
        return Checked()
    try:
        # the header is enough unless it seems to differ: the full reader has the last word
        geometry = _nifti_geometry(match.scan.image) or _geometry(match.scan)
        label_map = io.read_labels(match.label, like=geometry)
        fault = geometry.mismatch(label_map.geometry) and _geometry(match.scan).mismatch(label_map.geometry)
        return Checked(values_of(label_map.labels), label_map.names, fault)
    except UserError as error:
        return Checked(fault=str(error))


def check_labels(matches: Sequence[Match], progress: Callable[[float], None] | None = None) -> list[Checked]:
    """Check the label file of every match; `progress` gets fractions in (0, 1]."""
    checked = []
    for done, match in enumerate(matches, start=1):
        checked.append(check_label(match))
        if progress is not None:
            progress(done / len(matches))
    return checked


def value_fault(checked: Checked, classes: Sequence[LabelClass]) -> str | None:
    """Name the values of a label file that belong to no class."""
    unknown = outside(checked.values, classes)
    if not unknown:
        return None
    known = ", ".join(f"{each.name}={'+'.join(map(str, each.values))}" for each in classes)
    listed = ", ".join(map(str, unknown[:_MOST_LISTED]))
    return f"the labels hold the values {listed}, which belong to no class ({known})"


def _geometry(scan: Scan) -> Geometry:
    return io.read_volume(scan.image, series=scan.series).geometry


def _nifti_geometry(image: Path) -> Geometry | None:
    if not image.name.lower().endswith((".nii", ".nii.gz")):
        return None
    try:
        header: Any = nibabel.load(image)
        return Geometry.from_ras(header.shape[:3], header.affine)
    except (OSError, ValueError, EOFError, nibabel.filebasedimages.ImageFileError):
        return None


def _scans_of(path: Path) -> list[Scan]:
    if path.is_file():
        return [Scan(safe_id(io.case_name(path)), path)]
    found = io.list_series(path)
    several = len(found) > 1
    name = "" if several else path.name
    return [
        Scan(each.case_id, path, each.uid if several else None, _MODALITIES.get(each.modality), name) for each in found
    ]


def _stands_deeper(scan: Scan, scans: Sequence[Scan]) -> bool:
    # a folder that holds, say, only an RTSTRUCT shows the series of the folders below it once more
    return scan.image.is_dir() and any(other.id == scan.id and scan.image in other.image.parents for other in scans)


def _is_label(path: Path, images: Path, labels: Path) -> bool:
    if labels == images:
        return path.is_file() and _LABEL_TAIL.search(path.name.split(".")[0]) is not None
    return images in labels.parents and labels in path.parents


def _refuse_ambiguous(named: Iterable[tuple[str, Path]], what: str) -> None:
    paths: dict[str, list[Path]] = defaultdict(list)
    for name, path in named:
        paths[name.casefold()].append(path)
    doubled = [" and ".join(map(str, same)) for same in paths.values() if len(same) > 1]
    if doubled:
        raise UserError(
            f"several {what} have the same case name: {listed(doubled)}; nothing was written; "
            "rename or move all but one of each"
        )


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder; nothing was written; check the path")


def listed(names: Sequence[str]) -> str:
    """Join names for a sentence, at most eight of them."""
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return ", ".join(names[:_MOST_LISTED]) + more

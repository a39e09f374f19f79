"""What a model is evaluated on: cases of a project, or two folders of files that no project knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from .. import io, matching
from ..classes import merged, values_of
from ..errors import UserError
from ..project import Project
from ..volume import LabelClass, LabelMap, Volume


class ReferenceCase(NamedTuple):
    """A case with reference labels, read when it is its turn.

    Parameters
    ----------
    id : str
        Name of the case.
    volume, labels : callable
        Read the image, and its labels with the values of each class merged into its first.
    """

    id: str
    volume: Callable[[], Volume]
    labels: Callable[[], LabelMap]


def project_cases(project: Project, ids: Sequence[str]) -> tuple[ReferenceCase, ...]:
    """Return labelled cases of a project."""
    return tuple(ReferenceCase(case, partial(project.volume, case), partial(_labels_of, project, case)) for case in ids)


def folder_cases(
    images: Path, labels: Path, classes: Sequence[LabelClass], *, others_are_background: bool = False
) -> tuple[ReferenceCase, ...]:
    """Match a folder of scans with a folder of label files, by name; scans without labels are left out.

    Parameters
    ----------
    others_are_background : bool
        Label values that no class names are background; otherwise a file that holds some is refused when it is read.

    Raises
    ------
    UserError
        If no scan has a label file, or the names are ambiguous.
    """
    images, labels = images.resolve(), labels.resolve()
    scans, _ = matching.find_scans(images, (labels,), images)
    matches, _ = matching.match_labels(scans, images, labels)
    pairs = [
        _Pair(match.scan, match.label, tuple(classes), others_are_background)
        for match in matches
        if match.label is not None
    ]
    if not pairs:
        raise UserError(
            f"no file in {labels} has the name of a scan in {images}; nothing was evaluated; "
            "give both files of a case the same name"
        )
    return tuple(ReferenceCase(pair.scan.id, pair.volume, pair.labels) for pair in pairs)


def _labels_of(project: Project, case: str) -> LabelMap:
    found = project.labels(case)
    if found is None:
        raise UserError(f"case {case} has no labels to compare with; nothing was changed; leave it out or label it")
    return found


@dataclass(frozen=True)
class _Pair:
    """A scan and its label file."""

    scan: matching.Scan
    label: Path
    classes: tuple[LabelClass, ...]
    others_are_background: bool

    def volume(self) -> Volume:
        return io.read_volume(self.scan.image, series=self.scan.series)

    def labels(self) -> LabelMap:
        geometry = self.volume().geometry
        found = io.read_labels(self.label, like=geometry)
        if fault := geometry.mismatch(found.geometry):
            raise UserError(f"{self.label} does not lie on the grid of its scan: {fault}; it cannot be compared")
        fault = matching.value_fault(matching.Checked(values_of(found.labels)), self.classes)
        if fault and not self.others_are_background:
            raise UserError(f"{self.label} cannot be compared with the model's prediction: {fault}")
        names = {each.value: each.name for each in self.classes}
        return LabelMap(merged(found.labels, self.classes), found.geometry, names)

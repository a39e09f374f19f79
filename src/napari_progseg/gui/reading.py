"""A case read from the disk, ready to be shown; runs in a worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..project import Case, CaseState, Project
from ..volume import LabelClass, Volume
from .compare import Tally
from .edits import files_of, journal
from .past import Past, compact, recover


@dataclass(frozen=True, eq=False)
class ReadCase:
    """What is known of a case when it opens.

    Parameters
    ----------
    case : Case
        The project's record.
    volume : Volume
        The image.
    labels : ndarray of uint8 or uint16, (Z, Y, X)
        Labels so far, writable and nobody else's.
    classes : tuple of LabelClass
        The project's classes.
    tally : Tally or None
        Counts against an empty prediction, where the labels are complete and so can be compared with.
    past : Past
        The steps so far, what stood when the case was left, and the mask that was started from.
    """

    case: Case
    volume: Volume
    labels: NDArray[Any]
    classes: tuple[LabelClass, ...]
    tally: Tally | None = None
    past: Past = field(default_factory=Past)


def read_case(project: Project, case_id: str) -> ReadCase:
    """Read image and labels of a case, and what its journal knows beyond them."""
    volume = project.volume(case_id)
    classes = project.classes
    dtype = smallest_type(classes)
    edits = journal(project, case_id)
    with files_of(project, case_id):
        stored = project.labels(case_id)
        # a zeroed array takes no memory until it is painted on; a copy is painted into without changing the file's
        empty = np.zeros(volume.image.shape, dtype)
        labels = empty if stored is None else np.array(stored.labels, dtype, order="C")
        records = edits.read()
        past = recover(records, labels)
        compact(edits, records, past)
    case = project.case(case_id)
    tally = None
    if case.state is CaseState.COMPLETED:
        shown = np.broadcast_to(dtype(0), labels.shape) if past.predicted is None else past.predicted
        tally = Tally.of(shown, labels, [each.value for each in classes])
    return ReadCase(case, volume, labels, classes, tally, past)


def smallest_type(classes: Sequence[LabelClass]) -> type[np.unsignedinteger[Any]]:
    """Return uint8 where the classes' values fit, else uint16."""
    return np.uint8 if max(each.value for each in classes) <= np.iinfo(np.uint8).max else np.uint16

"""A case read from the disk, ready to be shown; runs in a worker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..guidance.boxes import Prompt
from ..project import Case, CaseState, Project
from ..volume import LabelClass, Volume
from .compare import Tally
from .saving import prompts_left


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
    prompts : tuple of Click or BoxPrompt
        What stood when the case was left.
    """

    case: Case
    volume: Volume
    labels: NDArray[Any]
    classes: tuple[LabelClass, ...]
    tally: Tally | None = None
    prompts: tuple[Prompt, ...] = ()


def read_case(project: Project, case_id: str) -> ReadCase:
    """Read image, labels, clicks and boxes of a case."""
    volume = project.volume(case_id)
    stored = project.labels(case_id)
    classes = project.classes
    dtype = smallest_type(classes)
    # a zeroed array takes no memory until it is painted on, and a copy is painted into without changing the file's
    labels = np.zeros(volume.image.shape, dtype) if stored is None else np.array(stored.labels, dtype, order="C")
    case = project.case(case_id)
    tally = None
    if case.state is CaseState.COMPLETED:
        tally = Tally.of(np.broadcast_to(dtype(0), labels.shape), labels, [each.value for each in classes])
    return ReadCase(case, volume, labels, classes, tally, prompts_left(project, case_id))


def smallest_type(classes: Sequence[LabelClass]) -> type[np.unsignedinteger[Any]]:
    """Return uint8 where the classes' values fit, else uint16."""
    return np.uint8 if max(each.value for each in classes) <= np.iinfo(np.uint8).max else np.uint16

from __future__ import annotations

import numpy as np
import pytest

from napari_progseg.errors import UserError
from napari_progseg.gui.saving import Pen
from napari_progseg.project import CaseState, Project


@pytest.fixture
def pen(project) -> Pen:
    return Pen(project, "case-3", project.volume("case-3").geometry)


def labels(value: int) -> np.ndarray:
    array = np.zeros((12, 20, 16), np.uint8)
    array[2, 3, 4] = value
    return array


def stored(project) -> np.ndarray:
    return Project.open(project.root).labels("case-3").labels


def test_the_newest_labels_win_whoever_writes_first(pen, project) -> None:
    pen.give(labels(1))
    pen.give(labels(2))
    pen.write()
    pen.write()
    assert not pen.pending
    assert stored(project)[2, 3, 4] == 2


def test_a_state_handed_over_before_newer_labels_is_not_lost(pen, project) -> None:
    pen.give(labels(1), CaseState.COMPLETED)
    pen.give(labels(2))
    pen.write()
    assert stored(project)[2, 3, 4] == 2
    assert Project.open(project.root).case("case-3").state is CaseState.COMPLETED


def test_what_could_not_be_written_stays_pending(pen, project) -> None:
    pen.give(labels(9))
    with pytest.raises(UserError, match="belong to no class"):
        pen.write()
    assert pen.pending
    pen.give(labels(1))
    pen.write()
    assert stored(project)[2, 3, 4] == 1

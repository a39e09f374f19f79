from __future__ import annotations

import numpy as np
import pytest

from napari_progseg.errors import UserError
from napari_progseg.gui.edits import journal
from napari_progseg.gui.reading import read_case
from napari_progseg.gui.saving import Pen
from napari_progseg.project import CaseState, Project
from napari_progseg.storage.journal import Journal
from napari_progseg.volume import LabelMap


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


def states(project) -> list[tuple[str, int]]:
    return [(record["labels"], record["step"]) for record in journal(project, "case-3").read()]


def test_the_journal_knows_the_labels_that_were_written(pen, project) -> None:
    pen.give(labels(1), step=3)
    pen.write()
    assert states(project) == [("saving", 3), ("saved", 3)]
    assert read_case(project, "case-3").past.found is None
    project.save_labels("case-3", LabelMap(labels(2), project.volume("case-3").geometry))
    assert read_case(project, "case-3").past.found["labels"] == "found"


def test_labels_of_a_class_with_two_values_are_known_again(cohort) -> None:
    project = Project.create(cohort / "merged", cohort / "images", None, {"both": (1, 2)})
    pen = Pen(project, "case-3", project.volume("case-3").geometry)
    pen.give(labels(2), step=1)
    pen.write()
    read = read_case(project, "case-3")
    assert read.labels[2, 3, 4] == 1
    assert read.past.found is None


def test_labels_are_written_where_the_journal_cannot_be(pen, project, monkeypatch) -> None:
    def full(self, records, *, synced=True):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Journal, "extend", full)
    pen.give(labels(1))
    pen.write()
    assert stored(project)[2, 3, 4] == 1

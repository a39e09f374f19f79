from __future__ import annotations

import numpy as np
import pytest

from napari_progseg.errors import UserError
from napari_progseg.gui.box import changes
from napari_progseg.gui.edits import edit_record, journal
from napari_progseg.gui.history import History
from napari_progseg.gui.pen import Pen
from napari_progseg.gui.reading import read_case
from napari_progseg.project import CaseState, Project
from napari_progseg.storage.atomic import CannotWriteError
from napari_progseg.storage.journal import Journal
from napari_progseg.volume import LabelMap


@pytest.fixture
def pen(project) -> Pen:
    return Pen(project, "case-3", project.volume("case-3").geometry)


def full(*args, **kwargs) -> None:
    raise OSError(28, "No space left on device")


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
    monkeypatch.setattr(Journal, "extend", full)
    pen.give(labels(1))
    pen.write()
    assert stored(project)[2, 3, 4] == 1


def test_a_state_that_was_refused_is_not_set_later(pen, project) -> None:
    pen.give(None, CaseState.COMPLETED)
    with pytest.raises(UserError, match="has no labels"):
        pen.write()
    assert not pen.pending
    pen.give(labels(1))
    pen.write()
    assert Project.open(project.root).case("case-3").state is CaseState.IN_PROGRESS


@pytest.mark.parametrize("number", [28, 116])  # a full disk, a share that has gone
def test_whatever_the_disk_says_labels_and_state_stay_pending(pen, project, monkeypatch, number) -> None:
    def refuse(*args) -> None:
        raise OSError(number, "refused")

    pen.give(labels(1), CaseState.COMPLETED)
    with monkeypatch.context() as patch:
        patch.setattr(Project, "save_labels", refuse)
        with pytest.raises(CannotWriteError, match="case-3 could not be written"):
            pen.write()
    assert pen.pending
    pen.write()
    assert stored(project)[2, 3, 4] == 1
    assert Project.open(project.root).case("case-3").state is CaseState.COMPLETED


def step(number: int, history: History, array: np.ndarray, z: int) -> dict:
    """Paint a row of an array and return the record of that."""
    boxes = changes(array, (slice(z, z + 1), slice(2, 3), slice(2, 6)), np.ones((1, 1, 4), np.uint8))
    return edit_record(number, "stroke", history.record("stroke", boxes=boxes))


def test_steps_that_the_journal_refused_follow_in_their_order(pen, project, monkeypatch) -> None:
    array, history = labels(0), History()
    pen.note(step(1, history, array, 4))
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "extend", full)
        assert "No space left" in pen.note(step(2, history, array, 5))
        assert pen.note(step(3, history, array, 6)) is None
    pen.note(step(4, history, array, 7))
    assert pen.owing
    pen.give(array, step=4)
    pen.write()
    assert not pen.owing
    records = journal(project, "case-3").read()
    assert [record.get("labels", record["step"]) for record in records] == [1, 2, 3, 4, "saving", "saved"]
    assert len(read_case(project, "case-3").past.history.done) == 4


def test_what_the_journal_never_got_cuts_off_the_way_back(pen, project, monkeypatch) -> None:
    array, history = labels(0), History()
    pen.note(step(1, history, array, 4))
    step(2, history, array, 4)  # lost
    pen.give(array, step=2)
    pen.write()
    past = read_case(project, "case-3").past
    assert (past.step, past.history.done) == (2, [])


def test_a_retired_pen_writes_nothing_any_more(pen, project) -> None:
    pen.give(labels(1))
    pen.retire()
    pen.write()
    assert Project.open(project.root).labels("case-3") is None

"""What comes back when a case is opened again, whatever ended the session before."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from napari_progseg.gui.edits import fingerprint, journal, prompt_record, state_record
from napari_progseg.gui.history import History
from napari_progseg.gui.past import _compacted, compact, recover
from napari_progseg.guidance.clicks import Click
from napari_progseg.project import Project
from napari_progseg.summary.effort import effort_of
from napari_progseg.volume import LabelMap

from .conftest import SHAPE
from .held import Bench, Stamps

AT = (3, 4, 5)
CLICK = Click(AT, True, 1)


class KilledError(Exception):
    """Stands in for the end of the process."""


class Session(Bench):
    """A patient in words of these tests."""

    def paint(self, z: int, value: int = 1) -> None:
        super().paint(square(z), value)

    def accept(self) -> None:
        assert self.case.accept() is not None

    def write(self, labels: np.ndarray) -> None:
        """Change the file as another program does."""
        self.project.save_labels(self.id, LabelMap(labels, self.case.volume.geometry))

    def save(self, killed: str = "") -> None:
        """Save, or be killed before or after the file is written."""
        with pytest.MonkeyPatch.context() as patch:
            if killed:
                patch.setattr(Project, "save_labels", _killing(Project.save_labels, written=killed == "after"))
            self.keeper.save()
            try:
                self.background.work_all()
            except KilledError:
                assert killed

    @property
    def file(self) -> np.ndarray:
        return Project.open(self.project.root).labels(self.id).labels

    @property
    def journal(self):
        return journal(self.project, self.id)


def _killing(save, *, written: bool):
    def killed(self, case_id, label_map):
        if written:
            save(self, case_id, label_map)
        raise KilledError

    return killed


def square(z: int) -> tuple[slice, slice, slice]:
    return slice(z, z + 2), slice(2, 6), slice(3, 7)


@pytest.fixture
def session(engine, project, monkeypatch, qapp) -> Session:
    """A patient with labels."""
    from napari_progseg.gui import engine as door

    monkeypatch.setattr(door, "make_session", Stamps)
    return Session(project, "case-0")


@pytest.mark.parametrize("saves", ["", "2", "2 4", "1 2 3 4 5 6 7"])
@pytest.mark.parametrize("killed", ["", "before", "after"])
def test_no_step_is_lost_wherever_the_labels_were_saved_last(session, saves, killed) -> None:
    found = session.case.labels.copy()
    steps = [
        lambda: session.paint(4), lambda: session.click(*AT), session.accept,
        session.undo, lambda: session.paint(5, 2), session.undo, session.redo,
    ]  # fmt: skip
    for number, step in enumerate(steps, start=1):
        step()
        if str(number) in saves.split():
            session.save(killed if str(number) == saves.split()[-1] else "")
    labels, before = session.case.labels.copy(), session.file
    past = session.reopen(saved=False)
    assert np.array_equal(session.case.labels, labels)
    assert past.unsaved == (not np.array_equal(before, labels))
    assert [entry.kind for entry in past.history.done] == ["stroke", "clicks", "stroke"]
    assert past.history.prompts == (CLICK,)
    for _ in range(3):
        session.undo()
    assert np.array_equal(session.case.labels, found)
    assert past.history.prompts == ()
    for _ in range(3):
        session.redo()
    assert np.array_equal(session.case.labels, labels)


def test_steps_of_two_sessions_are_one_history(session) -> None:
    session.paint(4)
    session.reopen()
    session.paint(8, 2)
    session.undo()
    past = session.reopen()
    assert (len(past.history.done), len(past.history.undone)) == (1, 1)
    session.redo()
    assert (session.case.labels[square(8)] == 2).all()


def test_labels_changed_by_another_program_stay_and_get_what_was_never_saved(session) -> None:
    session.paint(4)
    session.save()
    session.paint(9)
    other = np.full(SHAPE, 2, np.uint8)
    session.write(other)
    for _ in range(2):  # the second time, nothing was saved in between
        past = session.reopen(saved=False)
        assert past.history.done == []
        assert past.unsaved
        assert (session.case.labels == 2).sum() == other.size - 32
        assert (session.case.labels[square(9)] == 1).all()
    session.paint(1)
    past = session.reopen()
    assert [entry.kind for entry in past.history.done] == ["stroke"]
    assert not past.unsaved


def test_labels_put_back_from_a_copy_stay_as_they_are(session) -> None:
    session.paint(4)
    session.save()
    copy = session.file
    session.paint(9)
    session.save()
    session.write(copy)
    past = session.reopen(saved=False)
    assert np.array_equal(session.case.labels, copy)
    assert past.history.done == []


def test_a_mask_that_was_started_from_comes_back_with_the_way_back(session) -> None:
    first, second = session.start(1), session.start(4)
    session.click(*AT)
    session.reopen()
    assert np.array_equal(session.case.predicted, second)
    assert session.case.source == "from mask 4"
    session.undo()
    session.undo()
    session.reopen()
    assert np.array_equal(session.case.predicted, first)
    session.redo()
    assert np.array_equal(session.case.predicted, second)
    session.undo()
    session.undo()
    assert not session.case.has_prediction


def test_a_mask_that_a_prediction_replaced_does_not_come_back(session) -> None:
    session.start(1)
    session.predict()
    assert session.reopen().predicted is None
    session.start(2)
    session.undo()
    assert session.reopen().predicted is None
    session.redo()
    session.reopen()
    assert session.case.source == "from mask 2"


def test_a_journal_of_before_gives_its_clicks_and_is_gone_on_with(session) -> None:
    old = [{"edit": "click", "clicks": [prompt_record(CLICK)]}, {"edit": "stroke", "clicks": [prompt_record(CLICK)]}]
    session.journal.extend(old)
    past = session.reopen(saved=False)
    assert past.history.prompts == (CLICK,)
    assert past.history.done == []
    assert not past.unsaved
    session.paint(4)
    past = session.reopen(saved=False)
    assert [entry.kind for entry in past.history.done] == ["stroke"]
    assert (session.case.labels[square(4)] == 1).all()


def test_a_damaged_line_costs_the_way_back_beyond_it_and_no_later_step(session) -> None:
    for z in (0, 6, 10):
        session.paint(z)
    lines = session.journal.path.read_bytes().splitlines(keepends=True)
    damaged = next(n for n, line in enumerate(lines) if b'"step": 2,' in line and b'"edit"' in line)
    lines[damaged] = lines[damaged].replace(b"stroke", b"strike")
    session.journal.path.write_bytes(b"".join(lines))
    past = session.reopen(saved=False)
    assert len(past.history.done) == 1
    assert session.case.labels[0, 3, 4] == session.case.labels[10, 3, 4] == 1


def test_clicks_cleared_in_a_journal_of_before_left_no_mask(session) -> None:
    clicks = [prompt_record(CLICK)]
    labels = session.case.labels
    old = [{"edit": "click", "step": 1, "clicks": clicks}, {"edit": "clear", "step": 2, "clicks": []}]
    past = recover([state_record("found", 0, fingerprint(labels)), *old], labels)
    assert [entry.kind for entry in past.history.done] == ["clicks", "clicks"]
    assert past.predicted is None


def test_a_mask_left_by_clicks_is_there_after_the_journal_was_rewritten_and_all_else_dropped(session) -> None:
    session.click(*AT)
    kept = session.case.predicted.copy()
    session.case.clear_clicks()
    source = session.case.source
    session.paint(9)
    session.save()
    records = session.journal.read()
    plain = recover(records, session.file, 0)
    assert [entry.kind for entry in plain.history.done] == ["stroke"]
    session.journal.rewrite(_compacted(records, plain))
    again = recover(session.journal.read(), session.file)
    assert np.array_equal(again.predicted, kept)
    assert (again.shown.source, again.shown.started) == (source, True)


def test_voxels_outside_of_the_volume_are_passed_over(session) -> None:
    session.paint(10)
    past = recover(session.journal.read(), np.zeros((8, 12, 10), np.uint8))
    assert past.history.done == []


@pytest.fixture
def grown(session, monkeypatch) -> Session:
    """The patient after many steps, saved, with journals that are rewritten wherever they open."""
    monkeypatch.setattr("napari_progseg.gui.past._SMALL_BYTES", -(10**6))
    session.start(2)
    for n in range(40):
        session.case.say(tuple(Click((1, 2, x), True, 1) for x in range(1, 1 + n % 9)))
        session.paint(n % 10, n % 3)
    session.undo()
    session.save()
    return session


def test_a_journal_that_has_grown_is_rewritten_and_gives_the_same(grown) -> None:
    before = grown.journal.read()
    # the memory for steps is small here, so that most are dropped
    plain = recover(before, grown.file, 20_000)
    compact(grown.journal, before, plain)
    after = grown.journal.read()
    assert len(repr(after)) < len(repr(before)) / 2
    again = recover(after, grown.file, 20_000)
    assert [e.kind for e in again.history.done] == [e.kind for e in plain.history.done]
    assert [e.after for e in again.history.done] == [e.after for e in plain.history.done]
    assert len(again.history.undone) == len(plain.history.undone) == 1
    assert again.history.prompts == plain.history.prompts
    assert np.array_equal(again.predicted, plain.predicted)
    assert again.predicted[2].all()
    assert (again.step, again.found, again.unsaved) == (plain.step, None, False)
    edits = [record["edit"] for record in before if "edit" in record]
    assert [record["edit"] for record in after if "edit" in record] == edits
    grown.reopen(saved=False)
    grown.redo()
    grown.paint(8)
    labels = grown.case.labels.copy()
    grown.reopen(saved=False)
    assert np.array_equal(grown.case.labels, labels)


def test_a_journal_that_is_rewritten_again_and_again_counts_the_same(grown) -> None:
    effort = effort_of("a", grown.journal.read())
    grown.reopen()
    assert effort_of("a", grown.journal.read()) == effort
    grown.click(5, 5, 5)
    effort = effort_of("a", grown.journal.read())
    for _ in range(3):
        grown.reopen()
        assert effort_of("a", grown.journal.read()) == effort


def test_a_journal_with_unsaved_steps_is_never_rewritten(session, monkeypatch) -> None:
    monkeypatch.setattr("napari_progseg.gui.past._SMALL_BYTES", -(10**6))
    session.paint(4)
    before = session.journal.path.read_bytes()
    session.reopen(saved=False)
    assert session.journal.path.read_bytes() == before


def test_a_disk_that_refuses_to_rewrite_changes_nothing(session, monkeypatch) -> None:
    monkeypatch.setattr("napari_progseg.gui.past._SMALL_BYTES", -(10**6))
    monkeypatch.setattr("napari_progseg.gui.past.Journal.rewrite", _refused)
    session.paint(4)
    session.save()
    before = session.journal.path.read_bytes()
    assert len(session.reopen(saved=False).history.done) == 1
    assert session.journal.path.read_bytes() == before


def _refused(self, records) -> None:
    raise OSError(28, "No space left on device")


_WORKER = """
import sys, time
from pathlib import Path
import numpy as np
from napari_progseg.gui.box import changes
from napari_progseg.gui.edits import edit_record, fingerprint, state_record
from napari_progseg.gui.history import History
from napari_progseg.storage.journal import Journal

journal = Journal(Path(sys.argv[1]), durable=True)
labels, history = np.zeros((12, 20, 16), np.uint8), History()
journal.append(state_record("found", 0, fingerprint(labels)))
region = (slice(4, 6), slice(2, 6), slice(3, 7))
boxes = changes(labels, region, np.ones((2, 4, 4), np.uint8))
journal.extend([edit_record(1, "stroke", history.record("stroke", boxes=boxes))])
boxes = changes(labels, (slice(0, None),) * 3, np.full(labels.shape, 2, np.uint8))
journal.extend([edit_record(2, "accept", history.record("accept", boxes=boxes))], synced=False)
print("visible", flush=True)
time.sleep(600)
"""


def test_a_killed_process_loses_neither_stroke_nor_accepted_mask(project, engine, qapp) -> None:
    path = journal(project, "case-3").path
    with subprocess.Popen([sys.executable, "-c", _WORKER, str(path)], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout.readline() == "visible\n"
        worker.kill()
    assert worker.returncode != 0
    session = Session(project, "case-3")
    assert (session.case.labels == 2).all()
    session.undo()
    assert (session.case.labels[square(4)] == 1).all()
    assert session.case.labels.sum() == 32
    session.undo()
    assert not session.case.labels.any()


def test_fingerprints_tell_labels_apart_but_not_their_types() -> None:
    labels = np.zeros(SHAPE, np.uint8)
    marks = {fingerprint(labels), fingerprint(labels[:-1])}
    labels[3, 4, 5] = 1
    marks |= {fingerprint(labels), fingerprint(labels.astype(np.uint16))}
    moved = np.zeros(SHAPE, np.uint8)
    moved[4, 4, 5] = 1
    assert len(marks | {fingerprint(moved)}) == 4


def test_a_past_of_nothing_is_empty() -> None:
    past = recover([], np.zeros(SHAPE, np.uint8))
    assert (past.history.done, past.step, past.unsaved, past.predicted) == ([], 0, False, None)
    assert isinstance(past.history, History)

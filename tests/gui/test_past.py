"""What comes back when a case is opened again, whatever ended the session before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_progseg.gui.box import changes, difference
from napari_progseg.gui.edits import edit_record, fingerprint, predicted_record, prompt_record, state_record
from napari_progseg.gui.history import Entry, History
from napari_progseg.gui.past import Past, compact, recover
from napari_progseg.guidance.clicks import Click
from napari_progseg.storage.journal import Journal

SHAPE = (20, 12, 10)
CLICK = Click((3, 4, 5), True, 1)


class Session:
    """Does what an open case does: changes labels, keeps the history, writes the journal."""

    def __init__(self, folder: Path, labels: np.ndarray | None = None) -> None:
        self.journal = Journal(folder / "case.jsonl", durable=True)
        self.file = np.zeros(SHAPE, np.uint8) if labels is None else labels
        self.open()

    def open(self) -> Past:
        """Open the case again, as after a kill: only file and journal are left of the session before."""
        self.labels = self.file.copy()
        records = self.journal.read()
        past = recover(records, self.labels)
        compact(self.journal, records, past)
        self.history, self.step = past.history, past.step
        if past.found is not None:
            self.journal.append(past.found)
        return past

    def do(self, what: str, entry: Entry) -> None:
        self.step += 1
        self.journal.append(edit_record(self.step, what, entry))

    def paint(self, z: int, value: int = 1, kind: str = "stroke") -> None:
        boxes = changes(self.labels, (slice(z, z + 2), slice(2, 6), slice(3, 7)), np.full((2, 4, 4), value, np.uint8))
        self.do(kind, self.history.record(kind, boxes=boxes, source="run 0001" if kind == "accept" else ""))

    def click(self, *clicks: Click) -> None:
        self.do("click", self.history.record("clicks", clicks))

    def start(self, value: int) -> np.ndarray:
        mask = np.zeros(SHAPE, np.uint8)
        mask[value : value + 3] = value
        boxes = difference(np.zeros(SHAPE, np.uint8), mask)
        self.do("import", self.history.record("start", (), source=f"mask {value}", mask=boxes))
        return mask

    def undo(self) -> None:
        entry = self.history.undo()
        for box in entry.boxes if entry.labels else ():
            box.apply(self.labels, back=True)
        self.do("undo", entry)

    def redo(self) -> None:
        entry = self.history.redo()
        for box in entry.boxes if entry.labels else ():
            box.apply(self.labels)
        self.do("redo", entry)

    def save(self, *, killed: str = "") -> None:
        mark = fingerprint(self.labels)
        self.journal.append(state_record("saving", self.step, mark))
        if killed != "before":
            self.file = self.labels.copy()
            if killed != "after":
                self.journal.append(state_record("saved", self.step, mark))


@pytest.fixture
def session(tmp_path) -> Session:
    found = np.zeros(SHAPE, np.uint8)
    found[0, :3] = 2
    return Session(tmp_path, found)


@pytest.mark.parametrize("saves", ["", "2", "2 4", "1 2 3 4 5 6 7"])
@pytest.mark.parametrize("killed", ["", "before", "after"])
def test_no_step_is_lost_wherever_the_labels_were_saved_last(session, saves, killed) -> None:
    steps = [
        lambda: session.paint(4), lambda: session.click(CLICK), lambda: session.paint(9, 2, "accept"),
        session.undo, lambda: session.paint(5, 2), session.undo, session.redo,
    ]  # fmt: skip
    for number, step in enumerate(steps, start=1):
        step()
        if str(number) in saves.split():
            session.save(killed=killed if str(number) == saves.split()[-1] else "")
    labels, before = session.labels.copy(), session.file.copy()
    past = session.open()
    assert np.array_equal(session.labels, labels)
    assert past.unsaved == (not np.array_equal(before, labels))
    assert [entry.kind for entry in past.history.done] == ["stroke", "clicks", "stroke"]
    assert past.history.prompts == (CLICK,)
    for _ in range(3):
        session.undo()
    assert session.labels.sum() == 2 * 3 * 10
    assert past.history.prompts == ()
    for _ in range(3):
        session.redo()
    assert np.array_equal(session.labels, labels)


def test_steps_of_two_sessions_are_one_history(session) -> None:
    session.paint(4)
    session.save()
    session.open()
    session.paint(8, 2)
    session.undo()
    session.save()
    past = session.open()
    assert (len(past.history.done), len(past.history.undone)) == (1, 1)
    session.redo()
    assert (session.labels[8:10, 2:6, 3:7] == 2).all()


def test_labels_changed_by_another_program_stay_and_get_what_was_never_saved(session) -> None:
    session.paint(4)
    session.save()
    session.paint(9, 2)
    session.file = np.full(SHAPE, 3, np.uint8)
    for _ in range(2):  # the second time, nothing was saved in between
        past = session.open()
        assert past.history.done == []
        assert past.unsaved
        assert (session.labels == 3).sum() == session.labels.size - 32
        assert (session.labels[9:11, 2:6, 3:7] == 2).all()
    session.paint(15)
    session.save()
    past = session.open()
    assert [entry.kind for entry in past.history.done] == ["stroke"]
    assert not past.unsaved


def test_labels_put_back_from_a_copy_stay_as_they_are(session) -> None:
    session.paint(4)
    session.save()
    copy = session.file.copy()
    session.paint(9)
    session.save()
    session.file = copy
    past = session.open()
    assert np.array_equal(session.labels, copy)
    assert past.history.done == []


def test_a_mask_that_was_started_from_comes_back_with_the_way_back(session) -> None:
    first = session.start(1)
    second = session.start(5)
    session.click(CLICK)
    past = session.open()
    assert np.array_equal(past.predicted, second)
    assert past.source == "mask 5"
    session.undo()
    session.undo()
    past = session.open()
    assert np.array_equal(past.predicted, first)
    for box in past.history.undone[-1].boxes:
        box.apply(past.predicted)
    assert np.array_equal(past.predicted, second)


def test_a_mask_that_a_prediction_replaced_does_not_come_back(session) -> None:
    session.start(1)
    session.journal.append(predicted_record())
    assert session.open().predicted is None
    session.start(2)
    assert session.open().source == "mask 2"


def test_a_journal_of_before_gives_its_clicks_and_is_gone_on_with(session) -> None:
    old = [{"edit": "click", "clicks": [prompt_record(CLICK)]}, {"edit": "stroke", "clicks": [prompt_record(CLICK)]}]
    session.journal.extend(old)
    past = session.open()
    assert past.history.prompts == (CLICK,)
    assert past.history.done == []
    assert not past.unsaved
    session.paint(4)
    past = session.open()
    assert [entry.kind for entry in past.history.done] == ["stroke"]
    assert (session.labels[4:6, 2:6, 3:7] == 1).all()


def test_a_damaged_line_costs_the_way_back_beyond_it_and_no_later_step(session) -> None:
    for z in (2, 6, 10):
        session.paint(z)
    lines = session.journal.path.read_bytes().splitlines(keepends=True)
    damaged = next(n for n, line in enumerate(lines) if b'"step": 2,' in line and b'"edit"' in line)
    lines[damaged] = lines[damaged].replace(b"stroke", b"strike")
    session.journal.path.write_bytes(b"".join(lines))
    past = session.open()
    assert len(past.history.done) == 1
    assert session.labels[2, 3, 4] == session.labels[10, 3, 4] == 1


def test_voxels_outside_of_the_volume_are_passed_over(session) -> None:
    session.paint(17)
    past = recover(session.journal.read(), np.zeros((10, 12, 10), np.uint8))
    assert past.history.done == []


def test_a_journal_that_has_grown_is_rewritten_and_gives_the_same(session, monkeypatch) -> None:
    monkeypatch.setattr("napari_progseg.gui.past._SMALL_BYTES", -(10**6))
    mask = session.start(2)
    for n in range(60):
        session.click(*(Click((1, 2, x), True, 1) for x in range(n % 9)))
        session.paint(n % 15, n % 3)
    session.undo()
    session.save()
    before = session.journal.read()
    plain = recover(before, session.file.copy(), 30_000)
    # the memory for steps is small here, so that most are dropped
    compact(session.journal, before, plain)
    after = session.journal.read()
    assert len(repr(after)) < len(repr(before)) / 2
    again = recover(after, session.file.copy(), 30_000)
    assert [e.kind for e in again.history.done] == [e.kind for e in plain.history.done]
    assert [e.after for e in again.history.done] == [e.after for e in plain.history.done]
    assert len(again.history.undone) == len(plain.history.undone) == 1
    assert again.history.prompts == plain.history.prompts
    assert np.array_equal(again.predicted, mask)
    assert (again.step, again.found, again.unsaved) == (plain.step, None, False)
    edits = [record["edit"] for record in before if "edit" in record]
    assert [record["edit"] for record in after if "edit" in record] == edits
    session.open()
    session.redo()
    session.paint(12)
    labels = session.labels.copy()
    session.open()
    assert np.array_equal(session.labels, labels)


def test_a_journal_with_unsaved_steps_is_never_rewritten(session, monkeypatch) -> None:
    monkeypatch.setattr("napari_progseg.gui.past._SMALL_BYTES", -(10**6))
    session.paint(4)
    before = session.journal.path.read_bytes()
    session.open()
    assert session.journal.path.read_bytes() == before


def test_a_disk_that_refuses_to_rewrite_changes_nothing(session, monkeypatch) -> None:
    monkeypatch.setattr("napari_progseg.gui.past._SMALL_BYTES", -(10**6))
    monkeypatch.setattr("napari_progseg.gui.past.Journal.rewrite", _refused)
    session.paint(4)
    session.save()
    before = session.journal.path.read_bytes()
    assert len(session.open().history.done) == 1
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

journal = Journal(Path(sys.argv[1], "case.jsonl"), durable=True)
labels, history = np.zeros((20, 12, 10), np.uint8), History()
journal.append(state_record("found", 0, fingerprint(labels)))
region = (slice(4, 6), slice(2, 6), slice(3, 7))
boxes = changes(labels, region, np.ones((2, 4, 4), np.uint8))
journal.extend([edit_record(1, "stroke", history.record("stroke", boxes=boxes))])
boxes = changes(labels, (slice(0, None),) * 3, np.full(labels.shape, 2, np.uint8))
journal.extend([edit_record(2, "accept", history.record("accept", boxes=boxes))], synced=False)
print("visible", flush=True)
time.sleep(600)
"""


def test_a_killed_process_loses_neither_stroke_nor_accepted_mask(tmp_path) -> None:
    with subprocess.Popen([sys.executable, "-c", _WORKER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout.readline() == "visible\n"
        worker.kill()
    assert worker.returncode != 0
    session = Session(tmp_path)
    assert (session.labels == 2).all()
    session.undo()
    assert (session.labels[4:6, 2:6, 3:7] == 1).all()
    assert session.labels.sum() == 32
    session.undo()
    assert not session.labels.any()


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

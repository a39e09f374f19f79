from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_progseg.storage.atomic import CannotWriteError
from napari_progseg.storage.journal import Journal, read_new

RECORDS = [{"type": "click", "voxel": [1, 2, 3], "inside": True}, {"type": "undo", "name": "Hüfte"}, {}]


@pytest.mark.parametrize("durable", [True, False])
def test_appended_records_read_back_in_order(tmp_path: Path, durable: bool) -> None:
    journal = Journal(tmp_path / "edits" / "case.jsonl", durable)
    for record in RECORDS:
        journal.append(record)
    journal.extend(RECORDS)
    assert Journal(journal.path, durable).read() == RECORDS * 2
    assert journal.problems == ()


def test_a_missing_journal_is_empty(tmp_path: Path) -> None:
    assert Journal(tmp_path / "none.jsonl").read() == []
    assert read_new(tmp_path / "none.jsonl", 7) == ([], 0)


@pytest.mark.parametrize("durable", [True, False])
def test_a_journal_cut_at_any_byte_keeps_every_whole_line(tmp_path: Path, durable: bool) -> None:
    whole = Journal(tmp_path / "whole.jsonl", durable)
    whole.extend(RECORDS)
    data = whole.path.read_bytes()
    for cut in range(len(data)):
        torn = Journal(tmp_path / "torn.jsonl", durable)
        torn.path.write_bytes(data[:cut])
        records = torn.read()
        assert records == RECORDS[: len(records)]
        assert len(records) >= data[:cut].count(b"\n")
        assert torn.problems == ()
        torn.append({"after": 1})
        assert torn.read() == [*RECORDS[: len(records)], {"after": 1}]


@settings(max_examples=60, deadline=None)
@given(position=st.integers(0, 10**6), flip=st.integers(1, 255))
def test_a_flipped_byte_never_invents_a_record(
    tmp_path_factory: pytest.TempPathFactory, position: int, flip: int
) -> None:
    journal = Journal(tmp_path_factory.mktemp("journal") / "edits.jsonl", durable=True)
    journal.extend(RECORDS)
    data = bytearray(journal.path.read_bytes())
    data[position % len(data)] ^= flip
    journal.path.write_bytes(data)
    assert all(record in RECORDS for record in journal.read())


def test_a_damaged_line_in_the_middle_is_left_out_and_named(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "edits.jsonl", durable=True)
    journal.extend(RECORDS)
    lines = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(lines[0] + lines[1].replace(b"undo", b"redo") + lines[2])
    assert journal.read() == [RECORDS[0], RECORDS[2]]
    assert len(journal.problems) == 1
    assert "line 2" in journal.problems[0]


@pytest.mark.parametrize("durable", [True, False])
def test_a_failed_append_leaves_the_journal_as_it_was(tmp_path: Path, durable: bool, fail_at_each_call: Any) -> None:
    journal = Journal(tmp_path / "edits.jsonl", durable)

    def prepare() -> None:
        journal.path.unlink(missing_ok=True)
        journal.append({"n": 0})

    def check(succeeded: bool) -> None:
        assert journal.path.read_bytes().endswith(b"\n")
        assert journal.read() == [{"n": 0}, {"n": 1}][: 1 + succeeded]

    fail_at_each_call(prepare, lambda: journal.append({"n": 1}), check, CannotWriteError)


def test_a_half_written_line_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "edits.jsonl", durable=True)
    journal.append({"n": 0})
    before, real = journal.path.read_bytes(), os.write

    def full(handle: int, data: memoryview) -> int:
        if len(data) < 10:
            raise OSError(28, "No space left on device")
        return real(handle, data[:-5])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(CannotWriteError, match="Disk full"):
        journal.append({"n": 1})
    assert journal.path.read_bytes() == before


def test_a_killed_append_loses_no_acknowledged_record(tmp_path: Path, kill_at_each_call: Any) -> None:
    path = tmp_path / "edits.jsonl"
    prepare = (
        "from pathlib import Path; from napari_progseg.storage.journal import Journal\n"
        "journal = Journal(Path(sys.argv[2], 'edits.jsonl'), True)\n"
    )

    def check() -> None:
        records = Journal(path, durable=True).read()
        assert [r["n"] for r in records] == sorted(r["n"] for r in records)
        path.unlink(missing_ok=True)

    kill_at_each_call(prepare, "for n in range(2): journal.append({'n': n})", tmp_path, check)


def test_a_journal_is_rewritten_as_a_whole_or_not_at_all(tmp_path: Path, fail_at_each_call: Any) -> None:
    journal = Journal(tmp_path / "edits.jsonl", durable=True)

    def prepare() -> None:
        journal.path.unlink(missing_ok=True)
        journal.extend([{"n": 0}, {"n": 1}], synced=False)
        journal.sync()

    def check(succeeded: bool) -> None:
        assert journal.read() == ([{"both": 2}] if succeeded else [{"n": 0}, {"n": 1}])

    fail_at_each_call(prepare, lambda: journal.rewrite([{"both": 2}]), check, CannotWriteError)


def test_the_reserved_key_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="crc"):
        Journal(tmp_path / "x.jsonl").append({"crc": 1})


def test_a_follower_gets_each_complete_line_once(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"a": 1}\n{"b"')
    lines, offset = read_new(path)
    assert lines == ['{"a": 1}']
    with path.open("ab") as file:
        file.write(b': 2}\n\n{"c": 3}\n')
    lines, offset = read_new(path, offset)
    assert lines == ['{"b": 2}', '{"c": 3}']
    assert read_new(path, offset) == ([], offset)
    path.write_bytes(b"{}\n")
    assert read_new(path, offset) == (["{}"], 3)


def test_a_follower_reads_a_long_file_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_progseg.storage.journal._MOST_NEW_BYTES", 8)
    path = tmp_path / "events.jsonl"
    written = ["1", "22", "a line longer than the limit", "4"]
    path.write_text("\n".join(written) + "\n", encoding="utf-8")
    lines: list[str] = []
    offset = 0
    while (step := read_new(path, offset))[0]:
        lines, offset = lines + step[0], step[1]
    assert lines == written


def test_a_journal_that_is_rewritten_keeps_no_other_waiting(tmp_path, monkeypatch) -> None:
    writing, go_on = threading.Event(), threading.Event()

    def slow(path, data) -> None:
        writing.set()
        go_on.wait(20)

    monkeypatch.setattr("napari_progseg.storage.journal.write_bytes", slow)
    rewriting = threading.Thread(target=Journal(tmp_path / "a.jsonl").rewrite, args=[[{"n": 1}]])
    rewriting.start()
    writing.wait(20)
    other = Journal(tmp_path / "b.jsonl")
    appending = threading.Thread(target=other.append, args=[{"n": 2}])
    appending.start()
    try:
        appending.join(10)
        assert other.read() == [{"n": 2}]
    finally:
        go_on.set()
        rewriting.join()
        appending.join()

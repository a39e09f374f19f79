"""Append-only JSON lines: events of a run (flushed) and the user's edits (checksummed and synced)."""

from __future__ import annotations

import json
import os
import threading
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .atomic import explained, sync_file, sync_folder, write_all, write_bytes

_MOST_NEW_BYTES = 16 * 2**20
_locks: dict[Path, threading.Lock] = {}


class Journal:
    """A file that grows line by line, one JSON object each; one writing process, any number of readers.

    Parameters
    ----------
    path : Path
        The file; it is made at the first append.
    durable : bool
        True for the user's edits: every line carries a CRC-32 and is on the disk when `append` returns. False for
        events, which only have to be seen soon.
    """

    def __init__(self, path: Path, durable: bool = False) -> None:
        self.path = Path(path)
        self.durable = durable
        self.problems: tuple[str, ...] = ()
        # an append that fails cuts the file off where it began
        self._writing = _locks.setdefault(self.path.absolute(), threading.Lock())

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one record, which must not use the key ``crc``; raises `CannotWriteError` where the disk refuses."""
        self.extend([record])

    def extend(self, records: Iterable[Mapping[str, Any]], *, synced: bool = True) -> None:
        """Add records in one write; all of them or, where the disk refuses, none.

        Parameters
        ----------
        records : iterable of mapping
            What to add, oldest first.
        synced : bool
            False leaves it to `sync` to bring the records of a durable journal onto the disk: until then they outlive
            this process, but not a power cut.
        """
        data = b"".join(_line(record, self.durable) for record in records)
        if not data:
            return
        with self._writing, explained(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
            handle = os.open(self.path, flags, 0o666)
            try:
                self._append_to(handle, data, self.durable and synced)
            finally:
                os.close(handle)

    def sync(self) -> None:
        """Bring all that was added onto the disk."""
        with explained(self.path):
            sync_file(self.path)
            sync_folder(self.path.parent)

    def rewrite(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Put other records in place of all; whoever reads sees the old ones or the new ones."""
        data = b"".join(_line(record, self.durable) for record in records)
        with self._writing:
            write_bytes(self.path, data)

    def read(self) -> list[dict[str, Any]]:
        """Return all intact records, oldest first.

        A torn last line is dropped; any other damaged line is left out and named in `problems`. A missing file is an
        empty journal.
        """
        records, problems = _parse(self.path, self.durable)
        self.problems = problems
        return records

    def _append_to(self, handle: int, data: bytes, synced: bool) -> None:
        size = os.fstat(handle).st_size
        try:
            write_all(handle, data if _ends_clean(handle, size) else b"\n" + data)
            if synced:
                os.fsync(handle)
                if size == 0:
                    sync_folder(self.path.parent)
        except OSError:
            os.ftruncate(handle, size)
            raise


def read_new(path: Path, offset: int = 0) -> tuple[list[str], int]:
    """Return the complete lines that were added after a byte offset.

    Parameters
    ----------
    path : Path
        A journal that another process may be writing, or that does not exist yet.
    offset : int
        What the last call returned, 0 at first. A file that became shorter is read from its beginning.

    Returns
    -------
    lines : list of str
        At most about 16 MiB of lines, without their newlines and empty lines.
    offset : int
        Where the next call goes on.
    """
    try:
        with Path(path).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            start = offset if offset <= size else 0
            file.seek(start)
            data = file.read(_MOST_NEW_BYTES)
            # a single line longer than the limit is read to its end, else the reader would stand still
            if b"\n" not in data and len(data) == _MOST_NEW_BYTES:
                data += file.readline()
    except FileNotFoundError:
        return [], 0
    complete = data[: data.rfind(b"\n") + 1]
    lines = [line.decode("utf-8", errors="replace") for line in complete.split(b"\n") if line]
    return lines, start + len(complete)


def _line(record: Mapping[str, Any], durable: bool) -> bytes:
    if "crc" in record:
        raise ValueError("the key 'crc' of a journal's record is taken by its checksum")
    body = json.dumps(dict(record))
    if durable:
        joint = ", " if record else ""
        body = f'{body[:-1]}{joint}"crc": "{zlib.crc32(body.encode()):08x}"}}'
    return body.encode() + b"\n"


def _parse(path: Path, durable: bool) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return [], ()
    records: list[dict[str, Any]] = []
    problems: list[str] = []
    for number, line in enumerate(lines, start=1):
        record = _record(line, durable)
        if record is not None:
            records.append(record)
        elif line and number < len(lines):
            problems.append(f"line {number} of {path} is damaged and was left out; the other lines are safe")
    return records, tuple(problems)


def _record(line: bytes, durable: bool) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict):
        return None
    if record.pop("crc", None) is None and not durable:
        return record
    # written again, the record must give the same line, checksum included
    return record if line + b"\n" == _line(record, True) else None


def _ends_clean(handle: int, size: int) -> bool:
    if size == 0:
        return True
    os.lseek(handle, size - 1, os.SEEK_SET)
    return os.read(handle, 1) == b"\n"

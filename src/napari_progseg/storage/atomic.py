"""Files that are old-complete or new-complete, never partial: temp file, fsync, rename, fsync of the folder."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import UserError

RESERVE_BYTES = 100 * 2**20
MOST_JSON_BYTES = 64 * 2**20
STALE_SECONDS = 24 * 3600.0

_ATTEMPTS = 5
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# numpy reports a short write without an errno
_REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ENAMETOOLONG, errno.ENOTDIR, None}
_TEMP = re.compile(r"^\.tmp-\d+-\d+-")
_counter = itertools.count()


class CannotWriteError(UserError):
    """The disk refused; what stood there before is unchanged."""


class DamagedFileError(UserError):
    """A file exists but does not hold what its name promises."""


def write_bytes(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace a file as a whole.

    Parameters
    ----------
    path : Path
        Missing parent folders are made; the mode bits of an existing file are kept.
    data : bytes
        The new content.
    durable : bool
        False leaves out fsync and the free-space reserve: for status files that are rewritten every few seconds.

    Raises
    ------
    CannotWriteError
        If the disk is full or refuses; the old file is untouched.
    """
    path = Path(path)
    with explained(path), _temporary(path, len(data) if durable else None) as temp:
        write_new(temp, data, durable=durable)
        _publish(temp, path, durable)


def write_text(path: Path, text: str, *, durable: bool = True) -> None:
    """Replace a file by UTF-8 text; see `write_bytes`."""
    write_bytes(path, text.encode("utf-8"), durable=durable)


def write_json(path: Path, document: Any, *, durable: bool = True) -> None:
    """Replace a file by indented JSON (NaN and infinities are refused: use None); see `write_bytes`."""
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    if not _encodable(text):
        # file names that are not UTF-8 hold lone surrogates, which JSON can only escape
        text = json.dumps(document, indent=2, allow_nan=False)
    write_text(path, text + "\n", durable=durable)


def read_json(path: Path) -> Any:
    """Read a JSON document.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DamagedFileError
        If it is not UTF-8 JSON or larger than 64 MiB.
    """
    path = Path(path)
    if path.stat().st_size > MOST_JSON_BYTES:
        raise DamagedFileError(
            f"{path} is too large for a JSON document of this program; it was not read; check the file"
        )
    try:
        return json.loads(path.read_bytes().decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DamagedFileError(
            f"{path} is not valid JSON ({error}); it was left as it is; restore or repair it"
        ) from error


@contextlib.contextmanager
def writing(path: Path, *, size: int | None = None) -> Iterator[Path]:
    """Let another library write a file, then put it in place as a whole.

    Parameters
    ----------
    path : Path
        Where the file will stand; missing parent folders are made.
    size : int or None
        Expected number of bytes, for the free-space check.

    Yields
    ------
    Path
        A path in the same folder with the same suffixes. It is fsynced and renamed when the block ends, removed when
        the block raises.
    """
    path = Path(path)
    with explained(path), _temporary(path, size or 0) as temp:
        yield temp
        sync_file(temp)
        _publish(temp, path, durable=True)


@contextlib.contextmanager
def writing_folder(path: Path, *, size: int | None = None) -> Iterator[Path]:
    """Fill a new folder that appears under its name only when complete.

    An existing folder is kept as ``NAME.old`` until the new one stands, then removed.

    Yields
    ------
    Path
        An empty folder beside `path`; every file directly in it is fsynced before the rename.
    """
    path = Path(path)
    old = path.with_name(path.name + ".old")
    with explained(path), _temporary(path, size or 0) as temp:
        temp.mkdir()
        yield temp
        for file in temp.iterdir():
            sync_file(file)
        sync_folder(temp)
        _publish_folder(temp, path, old)
    shutil.rmtree(old, ignore_errors=True)


def remove_stale(folder: Path) -> None:
    """Remove temporary files that a crash left in a folder more than a day ago."""
    for entry in Path(folder).glob(".tmp-*"):
        with contextlib.suppress(OSError):
            if _TEMP.match(entry.name) and time.time() - entry.lstat().st_mtime > STALE_SECONDS:
                _remove(entry)


def check_space(folder: Path, size: int) -> None:
    """Refuse to begin a write that may not fit.

    Raises
    ------
    CannotWriteError
        If less than twice `size` (bytes) plus 100 MiB are free.
    """
    usage = shutil.disk_usage(folder)
    needed = 2 * size + RESERVE_BYTES
    # some network and virtual file systems report a size of nothing
    if usage.total > 0 and usage.free < needed:
        raise CannotWriteError(
            f"Disk full: {folder} has {usage.free / 2**20:.0f} MiB free and {needed / 2**20:.0f} MiB are needed; "
            "nothing was overwritten; free some space and try again"
        )


def write_new(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Create a file that must not exist yet; only for files inside a folder or temp that is published later."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        write_all(handle, data)
        if durable:
            os.fsync(handle)
    finally:
        os.close(handle)


def write_all(handle: int, data: bytes) -> None:
    """Write all bytes to an open file descriptor; the system may take them in parts."""
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def sync_file(path: Path) -> None:
    """Bring a closed file's content to the disk."""
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk, where the system can."""
    if os.name == "nt":
        return
    # some network file systems cannot sync folders; the rename itself has succeeded
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def replace(source: Path, target: Path) -> None:
    """Rename over `target`; a virus scanner or reader that holds it on Windows gets time to let go."""
    for attempt in range(_ATTEMPTS):
        try:
            os.replace(source, target)
            return
        except PermissionError:
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(0.02 * 2**attempt)


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _publish(temp: Path, path: Path, durable: bool) -> None:
    with contextlib.suppress(FileNotFoundError):
        before = path.lstat()
        if stat.S_ISREG(before.st_mode):
            temp.chmod(stat.S_IMODE(before.st_mode))
    replace(temp, path)
    if durable:
        sync_folder(path.parent)


def _publish_folder(temp: Path, path: Path, old: Path) -> None:
    if not path.exists():
        replace(temp, path)
    else:
        shutil.rmtree(old, ignore_errors=True)
        replace(path, old)
        try:
            replace(temp, path)
        except OSError:
            os.replace(old, path)
            raise
    sync_folder(path.parent)


@contextlib.contextmanager
def _temporary(path: Path, size: int | None) -> Iterator[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    if size is not None:
        check_space(path.parent, size)
    # the tail of the name carries the suffixes by which libraries choose a format
    temp = path.with_name(f".tmp-{os.getpid()}-{next(_counter)}-{path.name[-80:]}")
    _remove(temp)
    try:
        yield temp
    finally:
        _remove(temp)


def delete_folder(folder: Path) -> None:
    """Delete a folder with all it holds.

    Raises
    ------
    CannotWriteError
        If the disk refuses.
    """
    with explained(folder):
        shutil.rmtree(folder)


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            entry.unlink()


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the disk's refusals inside the block into a `CannotWriteError` that names `path`."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            reason = f"Disk full: {path} could not be written; what was there before is unchanged"
            raise CannotWriteError(f"{reason}; free some space and try again") from error
        if error.errno in _REFUSED:
            reason = f"{path} could not be written ({error.strerror or error}); what was there before is unchanged"
            raise CannotWriteError(f"{reason}; check the folder and its permissions") from error
        raise

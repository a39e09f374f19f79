"""Preprocessed arrays on disk, memory-mapped; the whole folder is safe to delete."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
import shutil
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from .atomic import DamagedFileError, explained, read_json, remove_stale, write_json, writing_folder

CACHE_VERSION = 1
Arrays = dict[str, NDArray[Any]]

_ENTRY = "entry.json"
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_BLOCK = 64 * 1024
_BLOCKS = 64
_log = logging.getLogger(__name__)


class VolumeCache:
    """Named groups of arrays, built once and mapped into memory from then on.

    Parameters
    ----------
    folder : Path
        Holds one folder an entry; made when needed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def get(self, key: str, build: Callable[[], Mapping[str, NDArray[Any]]]) -> Arrays:
        """Return the arrays of a key, building them if they are missing or damaged.

        Parameters
        ----------
        key : str
            Everything the arrays depend on: source (see `source_key`) and settings.
        build : callable
            Makes the arrays; names become file names.

        Returns
        -------
        dict of str to ndarray
            Read-only memory maps; they stay valid when the entry is rebuilt.

        Raises
        ------
        CannotWriteError
            If the disk is full or refuses.
        """
        digest = hashlib.sha256(f"{CACHE_VERSION}\n{key}".encode()).hexdigest()[:32]
        found = self._newest(digest)
        if found is not None:
            return found
        lock = FileLock(self.folder / f"{digest}.lock")
        with explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        try:
            found = self._newest(digest)
            return found if found is not None else self._built(digest, key, build)
        finally:
            lock.release()

    def clear(self) -> None:
        """Remove every entry."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _newest(self, digest: str) -> Arrays | None:
        for folder in reversed(self._versions(digest)):
            arrays = _load(folder)
            if arrays is not None:
                return arrays
            _log.warning("the cached volume %s is damaged and is built again", folder)
        return None

    def _versions(self, digest: str) -> list[Path]:
        folders = (entry for entry in self.folder.glob(f"{digest}-*") if entry.name[33:].isdigit())
        return sorted(folders, key=lambda folder: int(folder.name[33:]))

    def _built(self, digest: str, key: str, build: Callable[[], Mapping[str, NDArray[Any]]]) -> Arrays:
        arrays = dict(build())
        if wrong := [name for name in arrays if not _NAME.fullmatch(name)]:
            raise ValueError(f"names of cached arrays become file names; {wrong} cannot")
        damaged = self._versions(digest)
        # a new name each time: a file that somebody has mapped must never be replaced
        number = int(damaged[-1].name[33:]) + 1 if damaged else 0
        folder = self.folder / f"{digest}-{number}"
        _store(folder, key, arrays)
        remove_stale(self.folder)
        for old in damaged:
            shutil.rmtree(old, ignore_errors=True)
        loaded = _load(folder)
        return loaded if loaded is not None else arrays


def source_key(path: Path) -> str:
    """Name a file or folder by its path, size and time of change, so that a changed source gets a new key."""
    path = Path(path).absolute()
    files = sorted(entry for entry in path.iterdir() if entry.is_file()) if path.is_dir() else [path]
    stats = [(file, file.stat()) for file in files]
    text = "\n".join(f"{file.name} {stat.st_size} {stat.st_mtime_ns}" for file, stat in stats)
    return f"{path}\n{text}"


def _store(folder: Path, key: str, arrays: Arrays) -> None:
    with writing_folder(folder, size=sum(array.nbytes for array in arrays.values())) as temp:
        sums: dict[str, Any] = {}
        for name, array in arrays.items():
            file = temp / f"{name}.npy"
            np.save(file, np.asarray(array, order="C"), allow_pickle=False)
            sums[name] = _fingerprint(file)
        write_json(temp / _ENTRY, {"key": key, "files": sums}, durable=False)


def _load(folder: Path) -> Arrays | None:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError, DamagedFileError):
        files = read_json(folder / _ENTRY)["files"]
        if all(_NAME.fullmatch(name) and _fingerprint(folder / f"{name}.npy") == files[name] for name in files):
            return {name: _mapped(folder / f"{name}.npy") for name in files}
    return None


def _mapped(file: Path) -> NDArray[Any]:
    try:
        mapped: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
        return mapped
    except ValueError:
        # an array without elements cannot be mapped
        empty: NDArray[Any] = np.load(file, allow_pickle=False)
        return empty


def _fingerprint(file: Path) -> list[int]:
    """Size and CRC-32 of the header and of at most 64 blocks of 64 KiB spread evenly over the file."""
    size = file.stat().st_size
    blocks = min(_BLOCKS, -(-size // _BLOCK))
    crc = 0
    with file.open("rb") as stream:
        for offset in np.linspace(0, max(0, size - _BLOCK), blocks, dtype=np.int64):
            stream.seek(int(offset))
            crc = zlib.crc32(stream.read(_BLOCK), crc)
    return [size, crc]

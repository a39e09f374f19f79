"""``progseg.json``: what a project knows, read strictly, written as a whole, never mistaken for an empty project."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .classes import make_classes
from .errors import UserError
from .storage.atomic import DamagedFileError, explained, read_json, write_bytes, write_json
from .volume import Modality

NAME = "progseg.json"
BACKUP = "progseg.json.bak"
DAMAGED = "progseg.json.damaged"
VERSION = 1

_LOCK = ".progseg.lock"
_LOCK_SECONDS = 10.0
_UNSAFE = re.compile(r"[^\w .()@#~-]")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)([. ]|$)", re.IGNORECASE)
_LONGEST_ID = 100


class CaseState(StrEnum):
    """How far a case is labelled."""

    NOT_STARTED = "not started"
    IN_PROGRESS = "in progress"
    COMPLETED = "completed"
    FLAGGED = "flagged"


class Record(BaseModel):
    """A frozen part of the manifest; an unknown field is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class CaseRecord(Record):
    """One patient's image and label as written: paths are relative to the project, or absolute, with ``/``."""

    id: str
    image: str = Field(min_length=1)
    series: str | None = None
    label: str | None = None
    state: CaseState = CaseState.NOT_STARTED
    modality: Modality | None = None
    note: str | None = None


class ClassRecord(Record):
    """A class and its label values."""

    name: str
    values: tuple[int, ...]


class SplitRecord(Record):
    """The part of every case that was ever completed."""

    seed: int = 0
    train: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()


class Manifest(Record):
    """The whole document."""

    version: Literal[1] = 1
    classes: tuple[ClassRecord, ...]
    cases: tuple[CaseRecord, ...] = Field(min_length=1)
    split: SplitRecord = SplitRecord()
    problems: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        ids = [case.id for case in self.cases]
        if unsafe := [case for case in ids if safe_id(case) != case]:
            raise ValueError(f"{unsafe[0]!r} cannot be the id of a case")
        # file systems of Windows and macOS do not tell A.nii.gz from a.nii.gz
        if len({case.casefold() for case in ids}) != len(ids):
            raise ValueError("two cases have the same id")
        parts = [*self.split.train, *self.split.validation, *self.split.test]
        if len(set(parts)) != len(parts) or not set(parts) <= set(ids):
            raise ValueError("the split names a case twice or one that does not exist")
        try:
            make_classes({each.name: each.values for each in self.classes})
        except UserError as error:
            raise ValueError(str(error)) from error
        if len({each.name for each in self.classes}) != len(self.classes):
            raise ValueError("two classes have the same name")
        return self


@dataclass(frozen=True)
class Loaded:
    """A manifest, what had to be said about reading it, and whether ``progseg.json`` itself is damaged."""

    manifest: Manifest
    problems: tuple[str, ...] = ()
    damaged: bool = False


def load(root: Path) -> Loaded:
    """Read the manifest of a project, or its backup where it is damaged.

    Raises
    ------
    UserError
        If there is no project, neither file can be read, or a newer version of the program wrote it.
    """
    try:
        return Loaded(_read(root / NAME))
    except FileNotFoundError:
        reason = f"{NAME} was missing"
        if not (root / BACKUP).exists():
            raise UserError(
                f"{root} is not a project: there is no {NAME}; nothing was changed; "
                "make one with progseg init or choose another folder"
            ) from None
    except DamagedFileError as error:
        reason = f"{NAME} was damaged ({error})"
    try:
        backup = _read(root / BACKUP)
    except (FileNotFoundError, DamagedFileError):
        raise UserError(
            f"the project {root} was not opened: {reason}, and there is no usable {BACKUP}; "
            f"labels and runs are untouched; repair {NAME} or restore it from a copy"
        ) from None
    problem = f"{reason}; the project was opened from {BACKUP}, its last saved state; check cases and states"
    return Loaded(backup, (problem,), damaged=(root / NAME).exists())


def save(root: Path, manifest: Manifest, *, keep_damaged: bool = False) -> None:
    """Write the manifest and its backup; `keep_damaged` first sets a damaged ``progseg.json`` aside."""
    if keep_damaged:
        with suppress(OSError):
            write_bytes(root / DAMAGED, (root / NAME).read_bytes())
    document = manifest.model_dump(mode="json")
    write_json(root / NAME, document)
    write_json(root / BACKUP, document)


@contextmanager
def locked(root: Path) -> Iterator[None]:
    """Keep other writers of the same project out for the length of the block.

    Raises
    ------
    UserError
        If another process holds the project for more than 10 seconds, or the folder cannot be written.
    """
    lock = FileLock(root / _LOCK, timeout=_LOCK_SECONDS)
    with explained(root / NAME):
        try:
            lock.acquire()
        except Timeout as error:
            raise UserError(
                f"another program is writing the project {root}; this change was not saved, all else is safe; try again"
            ) from error
    try:
        yield
    finally:
        lock.release()


def safe_id(name: str) -> str:
    """Turn a name into a case id that is a harmless file name on every system (no separators, no commas, no ``..``)."""
    plain = _UNSAFE.sub("_", unicodedata.normalize("NFC", name))
    plain = re.sub(r"\.{2,}", ".", plain).lstrip(" .-").rstrip(" .")
    if not plain or _RESERVED.match(plain):
        plain = f"case_{plain}"
    # cut by bytes: file systems count them, and many letters take two or three
    return plain.encode("utf-8")[:_LONGEST_ID].decode("utf-8", "ignore").rstrip(" .")


def stored_path(root: Path, path: Path) -> str:
    """Write an absolute path relative to the project where both share a folder, else absolute; always with ``/``."""
    try:
        common = os.path.commonpath([root, path])
    except ValueError:
        return path.as_posix()
    if Path(common) == Path(path.anchor):
        return path.as_posix()
    return Path(os.path.relpath(path, root)).as_posix()


def full_path(root: Path, stored: str) -> Path:
    """Make the absolute path of what `stored_path` wrote."""
    return Path(os.path.normpath(root / stored))


def _read(path: Path) -> Manifest:
    try:
        document = read_json(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DamagedFileError(f"{path.name} could not be read: {error.strerror or error}") from error
    version = document.get("version") if isinstance(document, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise UserError(
            f"{path} was written by a newer version of this program; it was left as it is; update the program"
        )
    try:
        return Manifest.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        message = f"{path.name}, field {field or 'document'}: {first['msg'].removeprefix('Value error, ')}"
        raise DamagedFileError(message) from error

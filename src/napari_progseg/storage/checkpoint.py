"""Checkpoints: a folder of safetensors with a manifest of SHA-256 sums that appears as a whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import UserError
from .atomic import DamagedFileError, read_json, remove_stale, write_new, writing_folder

if TYPE_CHECKING:
    from torch import Tensor

MANIFEST = "manifest.json"
_STATE = "state.json"
_GROUP = re.compile(r"[A-Za-z0-9_-]{1,64}")
_STEP = re.compile(r"(\d+)$")


class DamagedCheckpoint(UserError):  # noqa: N818  (reads as what was found, not as what was done)
    """A checkpoint whose bytes are not those that were written."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What one checkpoint holds.

    Parameters
    ----------
    folder : Path
        Where it lies.
    tensors : dict of str to dict of str to Tensor
        Groups such as ``"model"`` and ``"optimizer"``; all tensors on the CPU.
    state : dict
        JSON values that were saved with it.
    sha256 : dict of str to str
        Of the file of each group that was read.
    """

    folder: Path
    tensors: dict[str, dict[str, Tensor]]
    state: dict[str, Any]
    sha256: dict[str, str] = field(default_factory=dict)


class Found(NamedTuple):
    """The newest intact checkpoint, if any, and a sentence for each newer one that is damaged."""

    checkpoint: Checkpoint | None
    damaged: tuple[str, ...]


def save_checkpoint(folder: Path, tensors: Mapping[str, Mapping[str, Tensor]], state: Mapping[str, Any]) -> None:
    """Write a checkpoint: ``GROUP.safetensors`` for each group, ``state.json`` and ``manifest.json``.

    Parameters
    ----------
    folder : Path
        Its name ends in the step's number, such as ``step-001200``; one of the same name is replaced as a whole.
    tensors : mapping
        Groups of named tensors on any device, in any memory layout.
    state : mapping
        JSON values.

    Raises
    ------
    CannotWriteError
        If the disk is full or refuses; older checkpoints are untouched.
    """
    if wrong := [name for name in tensors if not _GROUP.fullmatch(name)]:
        raise ValueError(f"groups of tensors become file names; {wrong} cannot")
    files = {f"{name}.safetensors": _encoded(group) for name, group in tensors.items()}
    files[_STATE] = json.dumps(dict(state), indent=1).encode()
    files[MANIFEST] = json.dumps({"version": 1, "files": {name: _entry(data) for name, data in files.items()}}).encode()
    with writing_folder(folder, size=sum(map(len, files.values()))) as temp:
        for name, data in files.items():
            write_new(temp / name, data, durable=False)


def load_checkpoint(folder: Path, groups: Collection[str] | None = None) -> Checkpoint:
    """Read a checkpoint and check every byte that is read.

    Parameters
    ----------
    folder : Path
        What `save_checkpoint` wrote.
    groups : collection of str or None
        Groups to read, for instance ``("model",)`` where no training goes on; None reads all.

    Raises
    ------
    DamagedCheckpoint
        If a file is missing or differs from what was written.
    """
    folder = Path(folder)
    files = _manifest_files(folder)
    names = [name.removesuffix(".safetensors") for name in files if name != _STATE]
    wanted = names if groups is None else list(groups)
    if missing := sorted(set(wanted) - set(names)):
        raise DamagedCheckpoint(f"checkpoint {folder} holds no {', '.join(missing)}; choose another checkpoint")
    state = _decoded_state(folder, _verified(folder, _STATE, files))
    tensors = {name: _decoded(folder, _verified(folder, f"{name}.safetensors", files)) for name in wanted}
    return Checkpoint(folder, tensors, state, {name: files[f"{name}.safetensors"][0] for name in wanted})


def newest_intact(checkpoints_dir: Path) -> Found:
    """Load the newest checkpoint that verifies, walking back over damaged ones.

    Newer means a higher number at the end of the name; clocks are not asked.
    """
    damaged: list[str] = []
    for folder in reversed(list_checkpoints(checkpoints_dir)):
        try:
            return Found(load_checkpoint(folder), tuple(damaged))
        except DamagedCheckpoint as error:
            damaged.append(str(error))
    return Found(None, tuple(damaged))


def list_checkpoints(checkpoints_dir: Path) -> list[Path]:
    """List the checkpoint folders, oldest first, intact or not."""
    directory = Path(checkpoints_dir)
    if not directory.is_dir():
        return []
    folders = (entry for entry in directory.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    return sorted((folder for folder in folders if _step(folder) >= 0), key=_age)


def prune(checkpoints_dir: Path, keep: int, protect: Iterable[str] = ()) -> None:
    """Remove all but the newest `keep` checkpoints; those named in `protect` always stay."""
    remove_stale(checkpoints_dir)
    protected = set(protect)
    folders = []
    for folder in list_checkpoints(checkpoints_dir):
        # NAME.old has no use once NAME stands
        if folder.suffix == ".old" and folder.with_suffix("").exists():
            _discard(folder)
        else:
            folders.append(folder)
    for folder in folders[: max(0, len(folders) - keep)]:
        if folder.name not in protected:
            _discard(folder)


def _discard(folder: Path) -> None:
    # renamed first: a half-removed folder must not look like a damaged checkpoint
    hidden = folder.with_name(f".tmp-{os.getpid()}-0-{folder.name}")
    with contextlib.suppress(OSError):
        folder.rename(hidden)
        shutil.rmtree(hidden, ignore_errors=True)


def _step(folder: Path) -> int:
    match = _STEP.search(folder.name.removesuffix(".old"))
    return int(match.group(1)) if match else -1


def _age(folder: Path) -> tuple[int, bool, str]:
    # NAME.old is the former checkpoint of that step, left by a kill between two renames
    return _step(folder), not folder.name.endswith(".old"), folder.name


def _encoded(group: Mapping[str, Tensor]) -> bytes:
    from safetensors.torch import save

    plain: dict[str, Tensor] = {}
    storages: set[int] = set()
    for name, tensor in group.items():
        copy = tensor.detach().to("cpu").contiguous()
        # safetensors refuses tensors that share memory, such as tied weights
        if copy.numel() and copy.untyped_storage().data_ptr() in storages:
            copy = copy.clone()
        storages.add(copy.untyped_storage().data_ptr())
        plain[name] = copy
    return bytes(save(plain))


def _entry(data: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}


def _manifest_files(folder: Path) -> dict[str, Any]:
    try:
        files = read_json(folder / MANIFEST)["files"]
        names = {name for name in files if name == _STATE or _GROUP.fullmatch(name.removesuffix(".safetensors"))}
        if _STATE not in files or len(names) != len(files):
            raise KeyError(_STATE)
        return {name: (entry["sha256"], int(entry["bytes"])) for name, entry in files.items()}
    except (OSError, DamagedFileError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise DamagedCheckpoint(
            f"checkpoint {folder} is incomplete: its {MANIFEST} is missing or damaged; "
            "the other checkpoints are safe; use another one"
        ) from error


def _verified(folder: Path, name: str, files: Mapping[str, Any]) -> bytes:
    digest, size = files[name]
    path = folder / name
    try:
        data = path.read_bytes() if path.stat().st_size == size else b""
    except OSError as error:
        raise _damaged(folder, name) from error
    if len(data) != size or hashlib.sha256(data).hexdigest() != digest:
        raise _damaged(folder, name)
    return data


def _decoded(folder: Path, data: bytes) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return dict(load(data))
    except (SafetensorError, ValueError, KeyError) as error:
        raise DamagedCheckpoint(f"checkpoint {folder} holds no safetensors; it was not made by this program") from error


def _decoded_state(folder: Path, data: bytes) -> dict[str, Any]:
    try:
        state = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _damaged(folder, _STATE) from error
    if not isinstance(state, dict):
        raise _damaged(folder, _STATE)
    return state


def _damaged(folder: Path, name: str) -> DamagedCheckpoint:
    return DamagedCheckpoint(
        f"checkpoint {folder} is damaged: {name} does not hold the bytes that were written; "
        "the other checkpoints are safe; use another one"
    )

"""What the journal of a case says: each step with what it takes to do it again, and which of them a file holds.

A step (``"edit"``) has the time, its number, the clicks and boxes after it where it changed them, and the changed
voxels of the labels, or the mask that was started from. ``"labels"`` says what is on the disk, by a fingerprint: labels
that were *found* when the case was opened, those that are about to be written (*saving*), and those that are (*saved*),
with the number of the last step in them. Older journals have steps without number and voxels.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..guidance.boxes import BoxPrompt
from ..guidance.clicks import Click
from ..guidance.drags import DragPrompt
from ..guidance.prompts import Prompt, click_of
from ..project import Project
from ..storage.journal import Journal
from .box import Box
from .history import Entry

State = Literal["found", "saving", "saved"]
PREDICTED = "predicted"
_locks: dict[Path, threading.Lock] = {}


def journal(project: Project, case_id: str) -> Journal:
    """Return the journal of a case's edits."""
    return Journal(project.edits_dir / f"{case_id}.jsonl", durable=True)


def files_of(project: Project, case_id: str) -> threading.Lock:
    """Return the lock of a case: labels are written, or labels and journal are read, but not both at once."""
    return _locks.setdefault(project.edits_dir / case_id, threading.Lock())


def fingerprint(labels: NDArray[Any]) -> str:
    """Return what tells label maps, (Z, Y, X), apart: a hash of shape and values, whatever type they are kept in."""
    digest = hashlib.sha256(repr(labels.shape).encode())
    for z, plane in enumerate(labels):
        if plane.any():
            digest.update(z.to_bytes(8, "little"))
            digest.update(np.ascontiguousarray(plane, "<u2"))
    return digest.hexdigest()


def edit_record(number: int, what: str, entry: Entry) -> dict[str, Any]:
    """Return the record of a step, of its undoing or its redoing."""
    record = {"time": _now(), "edit": what, "step": number}
    if what in ("undo", "redo"):
        prompts = entry.before if what == "undo" else entry.after
        return record if entry.labels else record | _clicks(prompts)
    return record | content(entry)


def content(entry: Entry) -> dict[str, Any]:
    """Return what it takes to do a step again: clicks and boxes unless it kept them, source, and changed voxels."""
    boxes = entry.boxes if entry.labels else entry.mask
    return (
        ({} if entry.labels else _clicks(entry.after))
        | {name: text for name in ("source", "model") if (text := getattr(entry, name))}
        | ({"boxes": [box.record() for box in boxes]} if boxes else {})
    )


def state_record(state: State, number: int, mark: str) -> dict[str, Any]:
    """Return the record of labels on the disk, by their fingerprint, that hold all steps up to a number."""
    return {"time": _now(), "labels": state, "step": number, "fingerprint": mark}


def predicted_record() -> dict[str, Any]:
    """Return the record that a whole prediction took the place of the mask that was started from."""
    return {"time": _now(), "note": PREDICTED}


def prompt_record(prompt: Prompt) -> dict[str, Any]:
    """Turn a click, a box or a drag into what the journal stores."""
    if isinstance(prompt, BoxPrompt):
        corners = [list(prompt.first_zyx), list(prompt.last_zyx)]
        return {"box_zyx": corners, "axis": prompt.axis, "label": prompt.label}
    click = click_of(prompt)
    record: dict[str, Any] = {"voxel_zyx": list(click.voxel_zyx), "inside": click.inside, "label": click.label}
    return record | ({"reach_mm": prompt.reach_mm} if isinstance(prompt, DragPrompt) else {})


def prompts_in(record: Mapping[str, Any]) -> tuple[Prompt, ...] | None:
    """Return the prompts of a record without those that are damaged; None where it holds no list of them."""
    stored = record.get("clicks")
    if not isinstance(stored, list):
        return None
    return tuple(prompt for item in stored if (prompt := _prompt(item)) is not None)


def _clicks(prompts: Iterable[Prompt]) -> dict[str, Any]:
    return {"clicks": [prompt_record(prompt) for prompt in prompts]}


def _prompt(item: Any) -> Prompt | None:
    try:
        if "box_zyx" in item:
            first, last = ((int(z), int(y), int(x)) for z, y, x in item["box_zyx"])
            return BoxPrompt(first, last, int(item["axis"]), int(item["label"]))
        z, y, x = (int(index) for index in item["voxel_zyx"])
        if "reach_mm" in item:
            return DragPrompt((z, y, x), float(item["reach_mm"]), int(item["label"]))
        return Click((z, y, x), bool(item["inside"]), int(item["label"]))
    except (TypeError, ValueError, KeyError, IndexError):
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def boxes_in(record: Mapping[str, Any], shape_zyx: tuple[int, ...]) -> tuple[Box, ...]:
    """Return the changed voxels of a record.

    Raises
    ------
    KeyError, TypeError, ValueError
        If they are damaged or lie outside of a volume of this shape.
    """
    boxes = tuple(Box.of_record(item) for item in record.get("boxes", ()))
    for box in boxes:
        if any(part.stop > size for part, size in zip(box.region, shape_zyx, strict=True)):
            raise ValueError("the changed voxels lie outside of the volume")
    return boxes

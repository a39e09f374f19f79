"""What the user did to a case, in order, with the way back and forth; knows neither Qt nor napari."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..guidance.boxes import BoxPrompt, Prompt, clicks_in
from ..guidance.clicks import Click

Region = tuple[slice, slice, slice]
Kind = Literal["clicks", "stroke", "accept", "start"]
MOST_ENTRIES = 1000


@dataclass(frozen=True, eq=False)
class Box:
    """A changed box of a label array, kept compressed, with its content before and after.

    Parameters
    ----------
    region : tuple of three slices
        Where the box lies, (z, y, x).
    shape : tuple of int
        Its size.
    dtype : dtype
        Type of the label values.
    before, after : bytes
        Compressed label values.
    """

    region: Region
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    before: bytes
    after: bytes

    @classmethod
    def change(cls, array: NDArray[Any], region: Region, values: NDArray[Any]) -> Box | None:
        """Write `values` into a region of the array, (Z, Y, X), and keep the change; None where nothing changed."""
        inner = _changed(array[region], values)
        if inner is None:
            return None
        tight = tuple(slice(r.start + i.start, r.start + i.stop) for r, i in zip(_bounded(region), inner, strict=True))
        before = zlib.compress(np.ascontiguousarray(array[tight]), 1)
        array[tight] = values[inner]
        after = zlib.compress(np.ascontiguousarray(array[tight]), 1)
        return cls(tight, array[tight].shape, array.dtype, before, after)  # type: ignore[arg-type]

    def old(self) -> NDArray[Any]:
        """Return the content before the change, in the box's shape."""
        return np.frombuffer(zlib.decompress(self.before), self.dtype).reshape(self.shape)

    def new(self) -> NDArray[Any]:
        """Return the content after the change, in the box's shape."""
        return np.frombuffer(zlib.decompress(self.after), self.dtype).reshape(self.shape)


@dataclass(eq=False)
class Entry:
    """One step: clicks or boxes changed, a stroke was painted, a mask was accepted, or one was started from."""

    kind: Kind
    before: tuple[Prompt, ...]
    after: tuple[Prompt, ...]
    boxes: list[Box] = field(default_factory=list)
    doubts: list[Box] = field(default_factory=list)  # where the model's doubts changed
    source: str = ""  # of the mask that was started from


class History:
    """The clicks and boxes of a case and the steps that led there, oldest first; a whole line is one step."""

    def __init__(self, prompts: Iterable[Prompt] = ()) -> None:
        self.prompts: tuple[Prompt, ...] = tuple(prompts)
        self.done: list[Entry] = []
        self.undone: list[Entry] = []

    @property
    def clicks(self) -> tuple[Click, ...]:
        """One click for each prompt; a box stands for the one in its middle."""
        return clicks_in(self.prompts)

    def record(self, kind: Kind, prompts: Iterable[Prompt] | None = None) -> Entry:
        """Add a step; what was undone before it cannot be redone any more."""
        after = self.prompts if prompts is None else tuple(prompts)
        entry = Entry(kind, self.prompts, after)
        self.prompts = after
        self.done.append(entry)
        del self.done[:-MOST_ENTRIES]
        self.undone.clear()
        return entry

    def undo(self) -> Entry | None:
        """Take the newest step back and return it."""
        if not self.done:
            return None
        entry = self.done.pop()
        self.undone.append(entry)
        self.prompts = entry.before
        return entry

    def redo(self) -> Entry | None:
        """Do the last undone step again and return it."""
        if not self.undone:
            return None
        entry = self.undone.pop()
        self.done.append(entry)
        self.prompts = entry.after
        return entry


def prompt_record(prompt: Prompt) -> dict[str, Any]:
    """Turn a click or a box into what the journal stores."""
    if isinstance(prompt, BoxPrompt):
        corners = [list(prompt.first_zyx), list(prompt.last_zyx)]
        return {"box_zyx": corners, "axis": prompt.axis, "label": prompt.label}
    return {"voxel_zyx": list(prompt.voxel_zyx), "inside": prompt.inside, "label": prompt.label}


def prompts_of(records: Iterable[Mapping[str, Any]]) -> tuple[Prompt, ...]:
    """Return the clicks and boxes that stood when a case was left, from the records of its journal."""
    prompts: tuple[Prompt, ...] = ()
    for record in records:
        if isinstance(stored := record.get("clicks"), list):
            prompts = tuple(prompt for item in stored if (prompt := _prompt(item)) is not None)
    return prompts


def _prompt(item: Any) -> Prompt | None:
    try:
        if "box_zyx" in item:
            first, last = ((int(z), int(y), int(x)) for z, y, x in item["box_zyx"])
            return BoxPrompt(first, last, int(item["axis"]), int(item["label"]))
        z, y, x = (int(index) for index in item["voxel_zyx"])
        return Click((z, y, x), bool(item["inside"]), int(item["label"]))
    except (TypeError, ValueError, KeyError, IndexError):
        return None


def _bounded(region: Region) -> Region:
    return tuple(slice(part.start or 0, part.stop) for part in region)  # type: ignore[return-value]


def _changed(before: NDArray[Any], after: NDArray[Any]) -> Region | None:
    """Return the smallest box in which two arrays differ, looking at one plane at a time."""
    planes = [z for z in range(len(before)) if not np.array_equal(before[z], after[z])]
    if not planes:
        return None
    rows = np.zeros(before.shape[1], dtype=bool)
    columns = np.zeros(before.shape[2], dtype=bool)
    for z in planes:
        different = before[z] != after[z]
        rows |= different.any(axis=1)
        columns |= different.any(axis=0)
    y, x = np.flatnonzero(rows), np.flatnonzero(columns)
    return slice(planes[0], planes[-1] + 1), slice(int(y[0]), int(y[-1]) + 1), slice(int(x[0]), int(x[-1]) + 1)

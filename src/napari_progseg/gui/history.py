"""What the user did to a case, in order, with the way back and forth; knows neither Qt nor napari."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from ..guidance.clicks import Click
from ..guidance.prompts import Prompt, clicks_in
from ..summary.effort import is_model
from .box import Box

Kind = Literal["clicks", "stroke", "accept", "start", "clear"]
HISTORY_BYTES = 64 * 2**20
_ENTRY_BYTES, _POINTER_BYTES = 1000, 8
_TRIMMED = 7 / 8


@dataclass(frozen=True, eq=False)
class Shown:
    """A state of the prediction: whatever changes the prediction leads to a new one, its way back to the old one.

    Parameters
    ----------
    exists : bool
        Whether there is a prediction at all.
    prompts : tuple of Click, BoxPrompt or DragPrompt
        The clicks and boxes that it answers.
    source : str
        Who made what is newest in it.
    model : str
        The newest model that had a part in it; empty where none had.
    started : bool
        Whether it stands on a mask that is the user's: chosen to start from, or left by clicks that were cleared.
    root : Shown or None
        The state without any answer below it; None for such a state itself.
    """

    exists: bool = False
    prompts: tuple[Prompt, ...] = ()
    source: str = ""
    model: str = ""
    started: bool = False
    root: Shown | None = None

    @classmethod
    def mask(cls, source: str) -> Shown:
        """Return the state right after a mask was started from."""
        return cls(exists=True, source=f"from {source}", started=True)

    @classmethod
    def left(cls, source: str, model: str) -> Shown:
        """Return the state right after the clicks were cleared: what they made stays, and later clicks correct it."""
        return cls(exists=True, source=source, model=model, started=True)

    @classmethod
    def whole(cls, source: str) -> Shown:
        """Return the state right after a model predicted the whole case."""
        return cls(exists=True, source=source, model=source)

    def answered(self, prompts: tuple[Prompt, ...], source: str, *, by_model: bool) -> Shown:
        """Return the state after an answer to clicks and boxes."""
        return Shown(True, prompts, source, source if by_model else self.model, self.started, self.base)

    @property
    def base(self) -> Shown:
        """What all its clicks and boxes are answered on."""
        return self.root or self


@dataclass(eq=False)
class Entry:
    """One step: prompts changed, a stroke was painted, a mask was accepted, started from or left by clicks.

    Parameters
    ----------
    kind : {"clicks", "stroke", "accept", "start", "clear"}
        What was done; ``"clear"`` where clicks were put away that the prediction answers.
    before, after : tuple of Click, BoxPrompt or DragPrompt
        What stood before and after it.
    boxes : list of Box
        What it changed in the labels (strokes, accepted masks) or in the prediction (all else).
    doubts : list of Box
        Where the model's doubts changed.
    mask : tuple of Box
        The mask that was started from or left, as a change of an empty volume.
    source : str
        Whence the mask came that was accepted, started from or left.
    model : str
        The newest model that had a part in a mask that was left; empty where none had.
    was, now : Shown or None
        The states of the prediction that `boxes` and `doubts` lead from and to; None where the step did not change it.
    """

    kind: Kind
    before: tuple[Prompt, ...]
    after: tuple[Prompt, ...]
    boxes: list[Box] = field(default_factory=list)
    doubts: list[Box] = field(default_factory=list)
    mask: tuple[Box, ...] = ()
    source: str = ""
    model: str = ""
    was: Shown | None = None
    now: Shown | None = None

    @property
    def labels(self) -> bool:
        """Whether it changed the labels."""
        return self.kind in ("stroke", "accept")

    @property
    def lays(self) -> bool:
        """Whether it laid a mask below all clicks that come after it."""
        return self.kind in ("start", "clear")

    def laid(self) -> Shown:
        """Return a state of the prediction right after its mask was laid."""
        return Shown.left(self.source, self.model) if self.kind == "clear" else Shown.mask(self.source)

    @property
    def size(self) -> int:
        """Bytes that it takes in memory, roughly."""
        boxes = sum(box.size for part in (self.boxes, self.doubts, self.mask) for box in part)
        return _ENTRY_BYTES + _POINTER_BYTES * len(self.after) + boxes


class History:
    """The clicks and boxes of a case and the steps that led there, oldest first; a whole line is one step.

    Parameters
    ----------
    prompts : iterable of Click, BoxPrompt or DragPrompt
        What stands at first.
    most_bytes : int or None
        Memory for the steps that can be taken back; the oldest are dropped beyond it. None keeps all.
    """

    def __init__(self, prompts: Iterable[Prompt] = (), most_bytes: int | None = HISTORY_BYTES) -> None:
        self.prompts: tuple[Prompt, ...] = tuple(prompts)
        self.done: list[Entry] = []
        self.undone: list[Entry] = []
        self.most_bytes = most_bytes
        self._held = 0  # bytes at most, without the newest step, to which answers still add

    @property
    def clicks(self) -> tuple[Click, ...]:
        """One click for each prompt; a box stands for the one in its middle, a drag for the one where it began."""
        return clicks_in(self.prompts)

    @property
    def size(self) -> int:
        """Bytes that all steps take in memory, roughly."""
        return sum(entry.size for entry in (*self.done, *self.undone))

    @property
    def asking(self) -> Entry | None:
        """The step whose clicks and boxes stand; None where it was dropped or forgotten."""
        newest = next((entry for entry in reversed(self.done) if not entry.labels), None)
        return newest if newest is not None and newest.kind == "clicks" else None

    def record(
        self,
        kind: Kind,
        prompts: Iterable[Prompt] | None = None,
        boxes: Iterable[Box] = (),
        source: str = "",
        mask: Iterable[Box] = (),
        model: str = "",
    ) -> Entry:
        """Add a step; what was undone before it cannot be redone any more."""
        after = self.prompts if prompts is None else tuple(prompts)
        entry = Entry(kind, self.prompts, after, list(boxes), mask=tuple(mask), source=source, model=model)
        self._held += self.done[-1].size if self.done else 0
        self.prompts = after
        self.done.append(entry)
        self.undone.clear()
        if self.most_bytes is not None and self._held > self.most_bytes:
            self.trim()
        return entry

    @property
    def accepted_from_model(self) -> bool:
        """Whether a mask in which a trained model had a part was accepted, so that the labels flatter models."""
        return any(entry.kind == "accept" and is_model(entry.source) for entry in self.done)

    @property
    def asked_last(self) -> bool:
        """Whether the newest step is a click or a box."""
        return bool(self.done) and self.done[-1].kind == "clicks" and bool(self.prompts)

    def trim(self) -> None:
        """Drop the oldest steps where all take more memory than they may, and some more so that this is rare."""
        self._held = self.size
        if self.most_bytes is None or self._held <= self.most_bytes:
            return
        count = 0
        while self._held > self.most_bytes * _TRIMMED and count < len(self.done) - 1:
            self._held -= self.done[count].size
            count += 1
        del self.done[:count]

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

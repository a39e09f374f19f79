"""What a journal gives back when a case opens: the steps to undo, and labels that were not saved any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from numpy.typing import NDArray

from ..errors import UserError
from ..storage.journal import Journal
from ..summary.effort import prompts_of
from .box import Box, dense, difference
from .edits import PREDICTED, boxes_in, content, fingerprint, predicted_record, prompts_in, state_record
from .history import HISTORY_BYTES, Entry, History, Kind, Shown

_KINDS: dict[str, Kind] = {"stroke": "stroke", "accept": "accept", "import": "start", "clear": "clear"}
_SMALL_BYTES, _LIGHT_BYTES = 2**20, 120


@dataclass(frozen=True, eq=False)
class Past:
    """What was done to a case before it was opened.

    Parameters
    ----------
    history : History
        The steps that can be undone and redone, and what stands.
    step : int
        Number of the last step.
    unsaved : bool
        Whether the journal held labels that the file did not.
    found : mapping or None
        What the journal has to say of the labels before the next step; None where it knows them.
    predicted : ndarray or None
        The mask that was started from or left, (Z, Y, X), if it is still the one on screen.
    shown : Shown
        The state of the prediction from which steps go back and forth.
    below : Entry or None
        The step before the oldest one that laid a mask below the clicks.
    mark : str
        Fingerprint of the labels in the file.
    """

    history: History = field(default_factory=History)
    step: int = 0
    unsaved: bool = False
    found: Mapping[str, Any] | None = None
    predicted: NDArray[Any] | None = None
    shown: Shown = field(default_factory=Shown)
    below: Entry | None = None
    mark: str = ""


def recover(records: Iterable[Mapping[str, Any]], labels: NDArray[Any], most_bytes: int = HISTORY_BYTES) -> Past:
    """Bring labels to where their user left them, and the steps with them.

    Parameters
    ----------
    records : iterable of mapping
        The journal of the case, oldest first.
    labels : ndarray, (Z, Y, X)
        What the file holds. Steps that were never saved are done again, in place. If something else has changed the
        file, its content stays, steps that were never saved are added to it, and earlier ones cannot be undone.
    most_bytes : int
        Memory for the steps.
    """
    reader = _Reader(labels.shape)
    for record in records:
        reader.take(record)
    mark = fingerprint(labels)
    base, found = reader.step_of(mark), None
    if base is None:
        base = reader.confirmed
        found = state_record("found", base, mark)
        reader.forget()
    unsaved = [step for step in reader.label_steps if step.number > base]
    for step in unsaved:
        for box in step.boxes:
            box.apply(labels, back=step.back)
    predicted = _rebuilt(reader, labels)
    below = _trimmed(reader, most_bytes)
    return Past(reader.history, reader.step, bool(unsaved), found, predicted, reader.shown, below, mark)


def compact(journal: Journal, records: list[dict[str, Any]], past: Past) -> None:
    """Rewrite a journal that has grown, with all that can be undone and a short line for each earlier step.

    It does so where the file is larger than 1 MiB and twice what it needs, so about twice the memory for steps and
    some hundred bytes for each edit that was ever made are the most that it takes. A disk that refuses changes nothing.
    """
    if past.unsaved or past.found is not None or not journal.path.is_file():
        return
    below = 0 if past.below is None else past.below.size
    needed = past.history.size * 4 // 3 + below + _LIGHT_BYTES * len(records)
    if journal.path.stat().st_size > _SMALL_BYTES + 2 * needed:
        with suppress(UserError, OSError):
            journal.rewrite(_compacted(records, past))


class _Change(NamedTuple):
    number: int
    boxes: tuple[Box, ...]
    back: bool


class _Reader:
    """Goes through the records of a case, oldest first."""

    def __init__(self, shape_zyx: tuple[int, ...]) -> None:
        self.history = History(most_bytes=None)
        self.step = 0
        self.label_steps: list[_Change] = []
        self.below: Entry | None = None
        self._shortened = False  # the steps before were shortened, so theirs are the numbers that are missing
        self.shown = Shown()
        self.masks: dict[Shown, tuple[Box, ...]] = {}  # what was shown where it can be known
        self._shape = shape_zyx
        self._states: list[tuple[str, int, str]] = []

    def take(self, record: Mapping[str, Any]) -> None:
        """Go one record further; what is unknown or damaged is passed over."""
        with suppress(KeyError, TypeError, ValueError):
            if "edit" in record:
                self._edit(record)
            elif "labels" in record:
                self._state(str(record["labels"]), int(record["step"]), str(record["fingerprint"]))
            elif "below" in record:
                self.history = History(prompts_in(record) or (), None)
                self.below = self._laid_below(record)
                self._shortened = True
                self.shown = Shown() if self.below is None else self._known(self.below)
            elif "kept" in record:
                self._done(record["kept"], record)
            elif "back" in record:
                for _ in range(int(record["back"])):
                    self._back()
            elif record.get("note") == PREDICTED:
                self.shown = Shown()

    def _edit(self, record: Mapping[str, Any]) -> None:
        if "count" in record:  # short for a step that cannot be undone any more
            return
        number, prompts = record.get("step"), prompts_in(record)
        if number != self.step + 1:
            self.forget()
        if isinstance(number, int):
            self.step = number
            self._numbered(number, str(record["edit"]), record)
        if prompts is not None:
            self.history.prompts = prompts

    def _numbered(self, number: int, edit: str, record: Mapping[str, Any]) -> None:
        if edit == "undo":
            entry = self._back()
        elif edit == "redo":
            entry = self._start(self.history.redo())
        else:
            entry = self._done(_kind(edit, record), record)
        if entry is not None and entry.labels:
            self.label_steps.append(_Change(number, tuple(entry.boxes), edit == "undo"))

    def _done(self, kind: Kind, record: Mapping[str, Any]) -> Entry | None:
        try:
            boxes = boxes_in(record, self._shape)
        except (KeyError, TypeError, ValueError):
            self.forget()
            return None
        voxels = {"mask" if kind in ("start", "clear") else "boxes": boxes}
        return self._start(self.history.record(kind, prompts_in(record), **_origin(record), **voxels))

    def _laid_below(self, record: Mapping[str, Any]) -> Entry | None:
        kind: Kind = "clear" if record["below"] == "clear" else "start"
        boxes = boxes_in(record, self._shape)
        return Entry(kind, (), (), mask=boxes, **_origin(record)) if boxes or kind == "clear" else None

    def _start(self, entry: Entry | None) -> Entry | None:
        """Show the mask that a step laid; other steps show nothing that is known."""
        if entry is not None and entry.lays:
            if entry.now is None or entry.was is not self.shown:
                entry.was, entry.now = self.shown, self._known(entry)
            self.shown = entry.now
        return entry

    def _back(self) -> Entry | None:
        entry = self.history.undo()
        if entry is not None and entry.was is not None and entry.now is self.shown:
            self.shown = entry.was
        return entry

    def _known(self, entry: Entry) -> Shown:
        shown = entry.laid()
        self.masks[shown] = entry.mask
        return shown

    def _state(self, state: str, number: int, mark: str) -> None:
        self._states.append((state, number, mark))
        if state == "found" or (number > self.step and not self._shortened):
            self.forget()  # labels were changed by something else, or by steps that are not in the journal
        self.step, self._shortened = max(self.step, number), False

    def forget(self) -> None:
        """Drop the steps; what stands, and the mask, stay."""
        self.below = _newest_mask(self.history.done, self.below)
        self.history = History(self.history.prompts, None)

    @property
    def confirmed(self) -> int:
        """The last step that was surely on the disk."""
        return next((number for state, number, _ in reversed(self._states) if state != "saving"), 0)

    def step_of(self, mark: str) -> int | None:
        """Return the last step that labels of this fingerprint hold; None if they are not what was left on the disk."""
        for state, number, known in reversed(self._states):
            if known == mark:
                return number
            if state != "saving":
                break
        return None


def _rebuilt(reader: _Reader, labels: NDArray[Any]) -> NDArray[Any] | None:
    """Give steps that laid a mask the change that each made, and return the mask on screen."""

    def content(shown: Shown) -> NDArray[Any]:
        return dense(reader.masks.get(shown, ()), labels)

    for entry in (*reader.history.done, *reader.history.undone):
        if entry.was is not None and entry.now is not None:
            entry.boxes[:] = difference(content(entry.was), content(entry.now))
    return content(reader.shown) if reader.shown.exists else None


def _trimmed(reader: _Reader, most_bytes: int) -> Entry | None:
    """Drop the oldest steps where the memory does not hold them, and return what laid the mask below the rest."""
    before = list(reader.history.done)
    reader.history.most_bytes = most_bytes
    reader.history.trim()
    dropped = before[: len(before) - len(reader.history.done)]
    return _newest_mask(dropped, reader.below)


def _newest_mask(entries: Sequence[Entry], below: Entry | None) -> Entry | None:
    return next((entry for entry in reversed(entries) if entry.lays), below)


def _kind(edit: str, record: Mapping[str, Any]) -> Kind:
    """Return what a step did; one that put clicks away left a mask only where it says whose."""
    return "clicks" if edit == "clear" and "source" not in record else _KINDS.get(edit, "clicks")


def _origin(record: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(record[name]) for name in ("source", "model") if name in record}


def _compacted(records: Iterable[Mapping[str, Any]], past: Past) -> list[dict[str, Any]]:
    history = past.history
    below = past.below or Entry("start", (), ())
    prompts = history.done[0].before if history.done else history.prompts
    steps = (*history.done, *reversed(history.undone))
    return [
        *_short(records),
        {"below": below.kind} | content(replace(below, after=prompts)),
        *({"kept": entry.kind} | content(entry) for entry in steps),
        {"back": len(history.undone)},
        *([] if past.predicted is not None else [predicted_record()]),
        state_record("saved", past.step, past.mark),
    ]


def _short(records: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    """Keep of each edit when it was, what it was, whence a mask came, and what the report counts of its clicks."""
    edits = [record for record in records if "edit" in record]
    for record, (count, sets) in zip(edits, prompts_of(edits), strict=True):
        kept = {name: record[name] for name in ("time", "edit", "source") if name in record}
        yield kept | {"count": count, "sets": sets}

"""Undo and redo of a case: one history for clicks, strokes, accepted masks and masks that were started from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .box import Box
from .history import Entry

if TYPE_CHECKING:
    from .case import OpenCase


def undo(case: OpenCase) -> None:
    """Take the last step back, in whatever slice it was."""
    case.settle()
    if (entry := case.history.undo()) is not None:
        _travel(case, entry, back=True)
        case.stepped("undo", entry)


def redo(case: OpenCase) -> None:
    """Do the last undone step again."""
    case.settle()
    if (entry := case.history.redo()) is not None:
        _travel(case, entry, back=False)
        case.stepped("redo", entry)


def _travel(case: OpenCase, entry: Entry, *, back: bool) -> None:
    if entry.labels:
        for box in _ordered(entry, back=back):
            box.apply(case.labels, back=back)
        case.labels_changed()
        return
    case.travel_prediction(_ordered(entry, back=back), back=back)
    if case.doubts is not None:
        case.doubts.travel(entry.doubts, back=back)
    if entry.kind == "start":
        case.base += 1
        case.source = "" if back else f"from {entry.source}"
        case.started = any(each.kind == "start" for each in case.history.done)
    elif case.history.prompts and not entry.boxes and entry.before != entry.after:
        # the answer to this step was overtaken by a newer one, so it is asked for again
        case.asked.emit(case.history.done[-1] if case.history.done else entry)


def _ordered(entry: Entry, *, back: bool) -> list[Box]:
    return entry.boxes[::-1] if back else entry.boxes

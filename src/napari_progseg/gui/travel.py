"""Undo and redo of a case, and answers to its steps: one history for clicks, strokes, accepted masks and others.

A step that changed the prediction leads from one state of it to another, and is taken back or made again only from
there. Wherever the prediction is another one by then (a whole prediction came, an answer was dropped, the case was
opened again), it stays as it is, and the clicks that stand are answered anew on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .box import Region, dense, difference, in_order
from .history import Entry, Shown

if TYPE_CHECKING:
    from .case import OpenCase

_WHOLE: Region = (slice(0, None),) * 3


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


def take_answer(
    case: OpenCase,
    patches: Sequence[tuple[Region, NDArray[Any]]],
    doubts: Sequence[tuple[Region, NDArray[Any]]],
    shown: Shown,
) -> None:
    """Show an answer to the clicks that stand and keep it with the step that set them, in place of an earlier one."""
    entry = case.history.asking or Entry("clicks", (), ())
    entry.was, entry.now = case.shown, shown
    case.shown = shown
    entry.boxes = case.put(patches)
    seen = case.doubts
    entry.doubts = [] if seen is None else [box for region, unsure in doubts for box in seen.put(region, unsure)]
    case.changed.emit()


def put_mask(case: OpenCase, entry: Entry, labels: NDArray[Any]) -> None:
    """Put the mask of a step, (Z, Y, X), in place of whatever is predicted."""
    entry.was, entry.now = case.shown, entry.laid()
    case.shown, case.doubts = entry.now, None
    entry.boxes[:] = case.put([(_WHOLE, labels)])


def clear(case: OpenCase) -> Entry:
    """Put all clicks and boxes away; what they made stays, and is what later ones correct."""
    nothing = np.broadcast_to(case.predicted.dtype.type(0), case.predicted.shape)
    mask = difference(nothing, case.predicted)
    entry = case.history.record("clear", (), source=case.source, mask=mask, model=case.shown.model)
    entry.was, entry.now = case.shown, entry.laid()
    case.shown = entry.now
    return entry


def _travel(case: OpenCase, entry: Entry, *, back: bool) -> None:
    if entry.labels:
        for box in in_order(entry.boxes, back=back):
            box.apply(case.labels, back=back)
        case.labels_changed()
        return
    here, there = (entry.now, entry.was) if back else (entry.was, entry.now)
    if there is not None and here is case.shown:
        _lead(case, entry, there, back=back)
    elif entry.lays and not back:
        put_mask(case, entry, dense(entry.mask, case.predicted))
    if not case.answered:
        case.asked.emit()


def _lead(case: OpenCase, entry: Entry, shown: Shown, *, back: bool) -> None:
    """Lead the prediction to the state before a step, or after it."""
    case.shown = shown
    for box in in_order(entry.boxes, back=back):
        before = case.predicted[box.region].copy()
        box.apply(case.predicted, back=back)
        case.recount(box.region, before)
    if case.doubts is not None:
        case.doubts.travel(entry.doubts, back=back)
    case.show_prediction()

"""What napari paints, as steps with their own changed voxels: any number of them, in whatever slice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QTimer

from ..classes import outside
from . import layers
from .box import Box, Region, difference
from .wording import outside_sentence

if TYPE_CHECKING:
    from napari.layers import Labels

    from .case import OpenCase


class Strokes:
    """Listens to the labels layer of a case and turns strokes, fills and polygons into steps of its history.

    napari's own undo knows a hundred strokes and nothing else, so the layer's is led into the history, too: its keys go
    there even while the dock is closed.

    Parameters
    ----------
    case : OpenCase
        The case that is painted on.
    """

    def __init__(self, case: OpenCase) -> None:
        self._case = case
        self._layer: Labels | None = None
        self._painted: list[Sequence[Any]] = []
        self._settling = QTimer(case)
        self._settling.setSingleShot(True)
        self._settling.timeout.connect(self.settle)

    def attach(self, layer: Labels) -> None:
        """Listen to this layer, and to no other any more."""
        self.detach()
        self._layer = layer
        layer.events.paint.connect(self._paint)
        layer.undo, layer.redo = self._case.undo, self._case.redo

    def detach(self) -> None:
        """Take in what was painted, stop listening and give the layer its own undo back."""
        self.settle()
        layer, self._layer = self._layer, None
        if layer is not None:
            layer.events.paint.disconnect(self._paint)
            with suppress(AttributeError):
                del layer.undo, layer.redo

    def _paint(self, event: Any) -> None:
        # napari tells of a fill before it writes the voxels, so they are looked at when the event is over
        self._painted.append(event.value)
        self._settling.start()

    def settle(self) -> None:
        """Take in what was just painted; a value of no class is taken back."""
        strokes, self._painted = self._painted, []
        self._settling.stop()
        if not strokes or self._case.closed or self._layer is None:
            return
        labels = self._layer.data
        taken = _taken_back(labels, strokes)
        if foreign := outside(sorted(_values(strokes)), self._case.classes):
            layers.redraw(self._layer)
            self._layer.selected_label = self._case.chosen.value
            self._case.said.emit(outside_sentence(foreign, self._case.classes))
            return
        for boxes in filter(None, taken):
            for box in boxes:
                box.apply(labels)
            self._case.stroke(boxes)


def _taken_back(labels: NDArray[Any], strokes: Sequence[Sequence[Any]]) -> list[tuple[Box, ...]]:
    """Take strokes back, in place and newest first; return what each had changed, oldest first."""
    taken = []
    for stroke in reversed(strokes):
        region = _around(stroke)
        after = labels[region].copy()
        for atom in reversed(stroke):
            _take_back(labels, atom)
        taken.append(difference(labels[region], after, [part.start for part in region]))
    return taken[::-1]


# napari >= 0.7 tells of a box, a mask and the values below it, older ones and `data_setitem` of indices and values


def _take_back(labels: NDArray[Any], atom: Any) -> None:
    if not hasattr(atom, "slice_key"):
        indices, values, _ = atom
        labels[indices] = values
    elif atom.mask is None:
        labels[atom.slice_key] = atom.old_values
    else:
        labels[atom.slice_key][atom.mask] = atom.old_values


def _around(stroke: Sequence[Any]) -> Region:
    """Return the box around all that a stroke touched."""
    parts = [list(_extent(atom)) for atom in stroke]
    z, y, x = (slice(min(a for a, _ in each), max(b for _, b in each)) for each in zip(*parts, strict=True))
    return z, y, x


def _extent(atom: Any) -> Iterator[tuple[int, int]]:
    if hasattr(atom, "slice_key"):
        yield from ((part.start, part.stop) for part in atom.slice_key)
    else:
        yield from ((int(np.min(index)), int(np.max(index)) + 1) for index in atom[0])


def _values(strokes: Sequence[Sequence[Any]]) -> set[int]:
    """Return the values that were painted."""
    painted = [atom.new_value if hasattr(atom, "slice_key") else atom[2] for stroke in strokes for atom in stroke]
    return {int(value) for each in painted for value in np.unique(each)}

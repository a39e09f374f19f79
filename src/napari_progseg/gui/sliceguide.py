"""Which slice needs the user next: errors against the reference, or the model's doubts where there is none."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from .case import OpenCase
from .desk import Desk
from .parts import GRID, note
from .slicecounts import shares
from .strip import SliceStrip, Stack
from .theme import EXTRA_COLOUR, MISSED_COLOUR, UNSURE_COLOUR, Look
from .wording import counted

_AXES = ("axial (z)", "coronal (y)", "sagittal (x)")
_ERRORS = (
    f"Against the reference: <span style='color:{MISSED_COLOUR}'>■</span> missed "
    f"<span style='color:{EXTRA_COLOUR}'>■</span> extra."
)
_DOUBTS = (
    f"No reference, so this is no error: <span style='color:{UNSURE_COLOUR}'>■</span> where the model is unsure "
    "(10 to 90 %)."
)
_NOTHING = "Nothing to show yet: predict this patient with a model."
_NO_DOUBTS = "No reference. With a model, “Predict this patient” shows where it is unsure."
_IN_3D = "Shown for slices: leave the 3D view."


class Shown(NamedTuple):
    """The axis that is sliced, 0 to 2 for z, y and x, and the slice on screen."""

    axis: int
    index: int


class Judged(NamedTuple):
    """Numbers of voxels in each slice, named and coloured, and the sizes of the structure they are related to."""

    kinds: tuple[tuple[str, str, NDArray[np.int64]], ...]
    sizes: NDArray[np.int64]
    structure: str


class SliceGuide(QWidget):
    """The strip of slices with what it shows in words, and a button to the worst slice."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._judged: Judged | None = None
        self._axis = 0
        self.title = QLabel("Slices")
        self.strip = SliceStrip(self._tip)
        self.strip.chosen.connect(self.go_to)
        self.worst = QPushButton("Worst slice")
        self.worst.setToolTip("Go to the slice with the highest bar")
        self.worst.clicked.connect(self._to_worst)
        self.about = note(lines=2)
        row = QHBoxLayout()
        row.setSpacing(GRID)
        row.addWidget(self.title, 1)
        row.addWidget(self.worst)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addLayout(row)
        column.addWidget(self.strip)
        column.addWidget(self.about)
        desk.case_changed.connect(self._case_changed)
        desk.annotation_changed.connect(self.refresh)

    def set_look(self, look: Look) -> None:
        """Take the theme's colours."""
        self.strip.set_look(look)

    def _case_changed(self) -> None:
        if self._desk.case is not None:
            self._desk.case.moved.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the slices of the axis that is sliced now; reads counts only, never voxels."""
        case = self._desk.case
        shown = None if case is None else shown_slice(case)
        self._judged = None if case is None or shown is None else judged(case, shown.axis)
        self.about.setText(_words(case, shown))
        stacks: list[Stack] = []
        if shown is not None:
            self._axis = shown.axis
            self.title.setText(f"Slices, {_AXES[shown.axis]}")
        if self._judged is not None:
            stacks = [Stack(shares(counts, self._judged.sizes), colour) for _, colour, counts in self._judged.kinds]
        self.strip.show_bars(stacks, None if shown is None else shown.index)
        self.worst.setEnabled(self.strip.worst is not None)

    def go_to(self, index: int) -> None:
        """Show a slice of the axis that is sliced now."""
        case = self._desk.case
        if case is None or case.image not in self._desk.viewer.layers:
            return
        dims = self._desk.viewer.dims
        at = [0.0, 0.0, 0.0]
        at[self._axis] = index
        dims.set_point(dims.ndim - 3 + self._axis, case.image.data_to_world(at)[self._axis])

    def _to_worst(self) -> None:
        if (worst := self.strip.worst) is not None:
            self.go_to(worst)

    def _tip(self, index: int) -> str:
        if self._judged is None:
            return ""
        kinds, sizes, structure = self._judged
        told = ", ".join(f"{int(counts[index])} {name}" for name, _, counts in kinds)
        return f"Slice {index}: {told}; the {structure} has {counted(int(sizes[index]), 'voxel')} here"


def shown_slice(case: OpenCase) -> Shown | None:
    """Return which slice of a case is on screen; None in 3D."""
    dims = case.viewer.dims
    if dims.ndisplay != 2 or case.image not in case.viewer.layers:
        return None
    hidden = [axis - (dims.ndim - 3) for axis in dims.not_displayed]
    axis = max(axis for axis in hidden if axis >= 0) if any(axis >= 0 for axis in hidden) else None
    if axis is None:
        return None
    index = round(float(case.image.world_to_data(dims.point[-3:])[axis]))
    return Shown(axis, min(max(index, 0), case.labels.shape[axis] - 1))


def judged(case: OpenCase, axis: int) -> Judged | None:
    """Return what the slices along an axis are judged by: the reference, else the model's doubts, else nothing."""
    if not case.has_prediction:
        return None
    if case.tally is not None and case.tally.has_reference():
        slices = case.tally.slices
        kinds = (
            ("missed", MISSED_COLOUR, slices.missed.along[axis]),
            ("extra", EXTRA_COLOUR, slices.extra.along[axis]),
        )
        return Judged(kinds, slices.reference.along[axis], "reference")
    if case.doubts is None:
        return None
    kind = ("unsure", UNSURE_COLOUR, case.doubts.counts.along[axis])
    return Judged((kind,), case.doubts.predicted.along[axis], "prediction")


def _words(case: OpenCase | None, shown: Shown | None) -> str:
    if case is None or not case.has_prediction:
        return _NOTHING
    if shown is None:
        return _IN_3D
    if case.tally is not None and case.tally.has_reference():
        return _ERRORS
    return _NO_DOUBTS if case.doubts is None else _DOUBTS

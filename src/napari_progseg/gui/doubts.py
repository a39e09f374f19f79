"""Where the model that predicted a case is unsure, and how much of that lies in each slice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inference.unsure import doubtful
from .box import Box, Region, changes, in_order
from .slicecounts import SliceCounts


class Doubts:
    """The unsure voxels of a predicted volume.

    Parameters
    ----------
    shape_zyx : sequence of int
        Shape of the volume.
    """

    def __init__(self, shape_zyx: Sequence[int]) -> None:
        # untouched planes of a zeroed array take no memory
        self._unsure = np.zeros(tuple(shape_zyx), bool)
        self.counts = SliceCounts(shape_zyx)
        self.predicted = SliceCounts(shape_zyx)

    def see(self, region: Region, probabilities: NDArray[np.float32]) -> None:
        """Take in class probabilities, (classes, *region), of a region that was not seen before."""
        unsure = doubtful(probabilities)
        for depth, plane in enumerate(unsure):
            if plane.any():
                self._unsure[region][depth] = plane
        self.counts.add(unsure, [part.start for part in region])

    def count_predicted(self, labels: NDArray[Any]) -> None:
        """Count the voxels of the prediction, (Z, Y, X) label values, once it is whole."""
        for z, plane in enumerate(labels):
            self.predicted.add(plane[None], (z, 0, 0))

    def put(self, region: Region, unsure: NDArray[Any]) -> tuple[Box, ...]:
        """Replace what is known of a region, bool of its shape, and keep what that changed."""
        boxes = changes(self._unsure, region, unsure)
        for box in boxes:
            self._changed(box, box.old(self._unsure))
        return boxes

    def travel(self, boxes: Sequence[Box], *, back: bool) -> None:
        """Undo or redo changes that `put` returned, given oldest first."""
        for box in in_order(boxes, back=back):
            before = self._unsure[box.region].copy()
            box.apply(self._unsure, back=back)
            self._changed(box, before)

    def _changed(self, box: Box, before: NDArray[Any]) -> None:
        start = [part.start for part in box.region]
        self.counts.add(before, start, -1)
        self.counts.add(self._unsure[box.region], start)

"""Clicks answered before any model exists, so that the first patient can be labelled with clicks."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..guidance.boxes import BoxPrompt, confine
from ..guidance.drags import DragPrompt
from ..guidance.first_mask import SEED, first_mask
from ..guidance.prompts import Prompt, boxes_in, click_of, clicks_in, count_common, drags_in, steps_of
from ..volume import Volume
from .answer import Answer
from .correction import corrected, obey

Labels = NDArray[np.unsignedinteger]


@dataclass(eq=False)
class _Slice:
    """A slice under work: its labels before the first step and after each one; steps are clicks, drags and boxes."""

    states: list[Labels]
    steps: list[Prompt] = field(default_factory=list)

    def shown_in(self, current: Labels | None, z: int) -> bool:
        """Whether the mask on screen shows the newest state; it does not where steps were undone and done again."""
        return current is None or np.array_equal(current[z], self.states[-1])


class ClicksAlone:
    """Answers the clicks on one image from its intensities, slice by slice, see `guidance.first_mask`.

    A click on an error changes only the piece it lies in, and one that the mask agrees with nothing, unless asked
    otherwise; other structures keep their voxels. A drag is a click whose structure is looked for no farther away than
    it reaches, in the axial slice where it began. Whatever is found, a clicked voxel ends on the side that was clicked.
    """

    def __init__(self) -> None:
        self._volume: Volume | None = None
        self._slices: dict[int, _Slice] = {}

    def set_image(self, volume: Volume) -> None:
        """Take an image in hand; earlier clicks are forgotten."""
        self._volume, self._slices = volume, {}

    def answer(
        self, clicks: Sequence[Prompt], revision: int, current: Labels | None = None, *, local: bool = True
    ) -> Answer:
        """Answer a set of clicks, boxes and drags.

        Parameters
        ----------
        clicks : sequence of Click, BoxPrompt or DragPrompt
            All on this image, oldest first; those that are gone since the last call are taken back.
        revision : int
            Handed back in the answer.
        current : ndarray of label values, (Z, Y, X), or None
            The mask as it stands, which slices without an earlier click begin with; None begins empty.
        local : bool
            Change only what new clicks are about.

        Returns
        -------
        Answer
            The slices that are no longer as they were, or that `current` does not show as they are.
        """
        began = time.perf_counter()
        said = self._by_slice(_steps(clicks), current)
        patches = []
        for z in sorted({*said, *self._slices}):
            before = self._slices.get(z)
            if before is not None and before.steps == said[z] and before.shown_in(current, z):
                continue
            labels = self._renew(z, said[z], current, local=local)
            patches.append(((slice(z, z + 1), slice(0, labels.shape[0]), slice(0, labels.shape[1])), labels[None]))
        return Answer(revision, tuple(patches), time.perf_counter() - began)

    def _by_slice(self, steps: Sequence[Prompt], current: Labels | None) -> dict[int, list[Prompt]]:
        """Sort steps by the axial slices that they speak about, as far as those are under work or have to be."""
        slices = set(self._slices)
        for step in steps:
            slices |= _slices_of(step, current) if isinstance(step, BoxPrompt) else {step.voxel_zyx[0]}
        said: dict[int, list[Prompt]] = defaultdict(list)
        for step in steps:
            across = isinstance(step, BoxPrompt) and step.axis != 0
            for z in slices if across else {click_of(step).voxel_zyx[0]}:
                said[z].append(step)
        return said

    def _renew(self, z: int, steps: list[Prompt], current: Labels | None, *, local: bool) -> Labels:
        """Go back to the last state that these steps share, and do those that are new."""
        work = self._slices.setdefault(z, _Slice([self._begin(z, current)]))
        kept = count_common(work.steps, steps)
        del work.states[kept + 1 :]
        work.steps = steps
        for number in range(kept, len(steps)):
            work.states.append(self._after(z, work.states[-1], steps[: number + 1], local=local))
        return work.states[-1]

    def _begin(self, z: int, current: Labels | None) -> Labels:
        return np.zeros(self._image(z).shape, np.uint16) if current is None else current[z].copy()

    def _after(self, z: int, before: Labels, steps: Sequence[Prompt], *, local: bool) -> Labels:
        labels = self._found(z, before, steps, local=local)
        obey(labels[None], steps, (z, 0, 0))
        return labels

    def _found(self, z: int, before: Labels, steps: Sequence[Prompt], *, local: bool) -> Labels:
        newest, boxes = steps[-1], boxes_in(steps)
        labels = before.copy()
        if isinstance(newest, BoxPrompt):
            confine(labels[None], [newest], (z, 0, 0))
            return labels
        about = [step for step in steps if step.label == newest.label]
        clicks = clicks_in(step for step in about if not isinstance(step, BoxPrompt))
        found = first_mask(self._image(z), clicks, self._within(about))
        if found is None:
            return labels
        window = labels[found.region]
        free = (window == 0) | (window == newest.label)
        window[free] = np.where(found.mask, newest.label, 0)[free]
        confine(labels[None], boxes, (z, 0, 0))
        if not local:
            return labels
        click = click_of(newest)
        reach = (SEED, SEED)
        at = click.voxel_zyx[1:]
        return corrected(before, labels, at, inside=click.inside, value=click.label, reach=reach).copy()

    def _within(self, steps: Sequence[Prompt]) -> NDArray[np.bool_] | None:
        """Return where in a slice (Y, X) a structure lies as a whole; None where nothing says so.

        That is in the newest box; without one where drags reach, until a click inside lies beyond all of them.
        """
        shape, spacing = self._in_hand.image.shape[1:], self._in_hand.geometry.spacing_zyx_mm[1:]
        within = np.zeros(shape, np.bool_)
        if boxes := [box for box in boxes_in(steps) if box.axis == 0]:
            within[_rows_and_columns(boxes[-1])] = True
            return within
        for drag in drags_in(steps):
            within |= drag.disc(shape, spacing)
        inside = [click.voxel_zyx[1:] for click in clicks_in(steps) if click.inside]
        return within if inside and all(within[place] for place in inside) else None

    def _image(self, z: int) -> NDArray[np.generic]:
        return np.asarray(self._in_hand.image[z])

    @property
    def _in_hand(self) -> Volume:
        if self._volume is None:
            raise RuntimeError("set_image comes before the first click")
        return self._volume


def _steps(prompts: Sequence[Prompt]) -> tuple[Prompt, ...]:
    """Return what is to be done one after the other; a drag stays one, since it says more than its click."""
    return tuple(step for each in prompts for step in ([each] if isinstance(each, DragPrompt) else steps_of([each])))


def _slices_of(box: BoxPrompt, current: Labels | None) -> set[int]:
    """Return the axial slices in which a box takes something away, and its own where it lies in one."""
    if box.axis == 0:
        return {box.plane}
    if current is None:
        return set()
    plane = (slice(None),) * box.axis + (slice(box.plane, box.plane + 1),)
    corner = [0, 0, 0]
    corner[box.axis] = box.plane
    confined = current[plane].copy()
    confine(confined, [box], corner)
    return set(np.flatnonzero((confined != current[plane]).any(axis=(1, 2))).tolist())


def _rows_and_columns(box: BoxPrompt) -> tuple[slice, slice]:
    _, rows, columns = (slice(first, last + 1) for first, last in zip(box.first_zyx, box.last_zyx, strict=True))
    return rows, columns

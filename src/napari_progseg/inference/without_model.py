"""Clicks answered before any model exists, so that the first patient can be labelled with clicks."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..guidance.clicks import Click
from ..guidance.first_mask import SEED, first_mask
from ..volume import Volume
from .answer import Answer
from .correction import corrected

Labels = NDArray[np.unsignedinteger]


@dataclass(eq=False)
class _Slice:
    """A slice under work: its labels before the first click and after each one."""

    states: list[Labels]
    clicks: list[Click] = field(default_factory=list)


class ClicksAlone:
    """Answers the clicks on one image from its intensities, slice by slice, see `guidance.first_mask`.

    A click on an error changes only the piece it lies in, unless asked otherwise; other structures keep their voxels.
    """

    def __init__(self) -> None:
        self._volume: Volume | None = None
        self._slices: dict[int, _Slice] = {}

    def set_image(self, volume: Volume) -> None:
        """Take an image in hand; earlier clicks are forgotten."""
        self._volume, self._slices = volume, {}

    def answer(
        self, clicks: Sequence[Click], revision: int, current: Labels | None = None, *, local: bool = True
    ) -> Answer:
        """Answer a set of clicks.

        Parameters
        ----------
        clicks : sequence of Click
            All clicks on this image, oldest first; those that are gone since the last call are taken back.
        revision : int
            Handed back in the answer.
        current : ndarray of label values, (Z, Y, X), or None
            The mask as it stands, which slices without an earlier click begin with; None begins empty.
        local : bool
            Change only what new clicks are about.

        Returns
        -------
        Answer
            The slices that are no longer as they were.
        """
        began = time.perf_counter()
        said = defaultdict(list)
        for click in clicks:
            said[click.voxel_zyx[0]].append(click)
        patches = []
        for z in sorted({*said, *self._slices}):
            before = self._slices.get(z)
            if before is not None and before.clicks == said[z]:
                continue
            labels = self._renew(z, said[z], current, local=local)
            patches.append(((slice(z, z + 1), slice(0, labels.shape[0]), slice(0, labels.shape[1])), labels[None]))
        return Answer(revision, tuple(patches), time.perf_counter() - began)

    def _renew(self, z: int, clicks: list[Click], current: Labels | None, *, local: bool) -> Labels:
        """Go back to the last state that these clicks share, and answer those that are new."""
        work = self._slices.setdefault(z, _Slice([self._begin(z, current)]))
        kept = next((n for n, (a, b) in enumerate(zip(work.clicks, clicks, strict=False)) if a != b), None)
        kept = min(len(work.clicks), len(clicks)) if kept is None else kept
        del work.states[kept + 1 :]
        work.clicks = clicks
        for number in range(kept, len(clicks)):
            work.states.append(self._after(work.states[-1], clicks[: number + 1], local=local))
        return work.states[-1]

    def _begin(self, z: int, current: Labels | None) -> Labels:
        return np.zeros(self._image(z).shape, np.uint16) if current is None else current[z].copy()

    def _after(self, before: Labels, clicks: Sequence[Click], *, local: bool) -> Labels:
        newest = clicks[-1]
        found = first_mask(self._image(newest.voxel_zyx[0]), [c for c in clicks if c.label == newest.label])
        if found is None:
            return before
        labels = before.copy()
        window = labels[found.region]
        free = (window == 0) | (window == newest.label)
        window[free] = np.where(found.mask, newest.label, 0)[free]
        if not local:
            return labels
        reach = (SEED, SEED)
        at = newest.voxel_zyx[1:]
        return corrected(before, labels, at, inside=newest.inside, value=newest.label, reach=reach)

    def _image(self, z: int) -> NDArray[np.generic]:
        if self._volume is None:
            raise RuntimeError("set_image comes before the first click")
        return np.asarray(self._volume.image[z])

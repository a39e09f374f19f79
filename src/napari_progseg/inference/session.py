"""Clicks on one image, answered one after the other; the widget and the evaluation use the same object."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.plan import Plan
from ..data.preprocess import Box, Prepared, prepare
from ..guidance.boxes import BoxPrompt, confine
from ..guidance.clicks import Click
from ..guidance.maps import ClickTensor, click_maps
from ..guidance.prompts import Prompt, Step, boxes_in, steps_of
from ..volume import Volume
from .answer import Answer
from .correction import corrected
from .model import TrainedModel, stacked
from .predict import label_type, slice_probabilities, to_labels
from .unsure import doubtful

Labels = NDArray[np.unsignedinteger]


@dataclass(frozen=True, eq=False)
class _Applied:
    """A click that was answered, or a box that was applied, with what was there before."""

    step: Step
    region: Box
    before: Labels


@dataclass(eq=False)
class _Image:
    """State of the image in hand."""

    prepared: Prepared
    labels: Labels
    applied: list[_Applied] = field(default_factory=list)
    known: dict[tuple[tuple[int, int], ...], Box] = field(default_factory=dict)
    doubts: list[tuple[Box, NDArray[np.bool_]]] = field(default_factory=list)


class InteractiveSession:
    """Answers clicks on one image.

    A click changes only a window of one training patch around it, and there only what it is about, see `corrected`;
    the rest of the mask stays as it was. A box empties its plane around it and is a click in its middle; a drag is a
    click where it began. What an earlier call answered and is still there is not computed again, and what is gone is
    taken back exactly.

    Parameters
    ----------
    model : TrainedModel
        An interactive model.
    """

    def __init__(self, model: TrainedModel) -> None:
        if model.plan.task != "interactive":
            raise ValueError(f"{model.name} takes no clicks")
        self.model = model
        self._image: _Image | None = None

    def set_image(self, volume: Volume) -> None:
        """Take an image in hand; earlier clicks are forgotten."""
        labels = np.zeros(volume.image.shape, label_type(self.model.classes))
        self._image = _Image(prepare(volume, self.model.plan), labels)

    def automatic(self, z: int) -> Labels:
        """Return the labels of one slice (Y, X) without clicks; 2D models only."""
        prepared = self._in_hand.prepared
        values = slice_probabilities(self.model, prepared, [z]).transpose(0, 1).contiguous().numpy()
        labels: Labels = to_labels(prepared.back(values, (z, 0, 0))[1], self.model.classes)[0]
        return labels

    def answer(
        self, clicks: Sequence[Prompt], revision: int, current: Labels | None = None, *, local: bool = True
    ) -> Answer:
        """Answer a set of clicks and boxes.

        Parameters
        ----------
        clicks : sequence of Click, BoxPrompt or DragPrompt
            All on this image, oldest first.
        revision : int
            Handed back in the answer.
        current : ndarray of label values, (Z, Y, X), or None
            The mask as it stands, the starting point where no click was answered yet; None goes on from the last
            answer.
        local : bool
            Change only what new clicks are about; False renews their whole windows.

        Returns
        -------
        Answer
            Boxes that changed, or that `current` does not show yet because an earlier answer was dropped; each
            replaces what is there.
        """
        began = time.perf_counter()
        image = self._in_hand
        steps = steps_of(clicks)
        kept = _common(image.applied, steps)
        touched = [undone.region for undone in self._take_back(image, kept)]
        if current is not None:
            self._start_from(image, steps[kept:], current)
        for group in _rounds(range(kept, len(steps)), steps, self.model.plan):
            first = steps[group[0]]
            if isinstance(first, BoxPrompt):
                touched.append(self._confine(image, first))
            else:
                touched += self._apply(image, group, steps, local=local)
        if current is not None:
            touched += [box for box in image.known.values() if not np.array_equal(image.labels[box], current[box])]
        patches = tuple((region, image.labels[region].copy()) for region in _distinct(touched).values())
        doubts, image.doubts = tuple(image.doubts), []
        return Answer(revision, patches, time.perf_counter() - began, doubts)

    def _start_from(self, image: _Image, new: Sequence[Step], current: Labels) -> None:
        """Take over the mask as it stands below new clicks and boxes, save where a click was ever answered."""
        for step in new:
            window = self._region(step)
            fresh = np.ones(image.labels[window].shape, bool)
            for box in image.known.values():
                if _overlap(window, box):
                    fresh[_inside(box, window)] = False
            image.labels[window][fresh] = current[window][fresh]
        image.known |= _distinct([self._region(step) for step in new])

    @property
    def _in_hand(self) -> _Image:
        if self._image is None:
            raise RuntimeError("set_image comes before the first click")
        return self._image

    def _take_back(self, image: _Image, kept: int) -> list[_Applied]:
        undone = []
        while len(image.applied) > kept:
            last = image.applied.pop()
            image.labels[last.region] = last.before
            undone.append(last)
        return undone

    def _apply(self, image: _Image, group: list[int], steps: Sequence[Step], *, local: bool) -> list[Box]:
        """Answer clicks (by number) whose windows do not touch, in one batch."""
        clicks = [step for number in group if isinstance(step := steps[number], Click)]
        starts = [self._window(click)[0] for click in clicks]
        values = self._probabilities(image, group, starts, steps)
        regions = []
        for number, click, start, value in zip(group, clicks, starts, values, strict=True):
            region, back = image.prepared.back(value, start)
            before = image.labels[region].copy()
            image.applied.append(_Applied(click, region, before))
            image.doubts.append((region, doubtful(back)))
            answer = to_labels(back, self.model.classes)
            confine(answer, boxes_in(steps[:number]), [part.start for part in region])
            image.labels[region] = self._local(before, answer, click, region) if local else answer
            regions.append(region)
        image.known |= _distinct(regions)
        return regions

    def _confine(self, image: _Image, box: BoxPrompt) -> Box:
        """Empty the plane of a box around it."""
        region = self._region(box)
        image.applied.append(_Applied(box, region, image.labels[region].copy()))
        confine(image.labels, [box])
        image.known |= _distinct([region])
        return region

    def _local(self, before: Labels, answer: Labels, click: Click, region: Box) -> Labels:
        ratio, dims = self._in_hand.prepared.ratio, self.model.plan.dims
        wide = [self.model.plan.sigma_voxels[axis - 3] * ratio[axis] for axis in range(3 - dims, 3)]
        reach = [*([0.0] * (3 - dims)), *wide]
        at = [int(c) - part.start for c, part in zip(click.voxel_zyx, region, strict=True)]
        return corrected(before, answer, at, inside=click.inside, value=click.label, reach=reach)

    def _region(self, step: Step) -> Box:
        """Return the region of the image that a step may change: a click's window, a box's whole plane."""
        if isinstance(step, Click):
            return self._window(step)[1]
        plane = [slice(0, size) for size in self._in_hand.labels.shape]
        plane[step.axis] = slice(step.plane, step.plane + 1)
        return tuple(plane)  # type: ignore[return-value]

    def _window(self, click: Click) -> tuple[tuple[int, int, int], Box]:
        """Return the start of a click's window on the network's grid, and the image's region below it."""
        prepared, patch = self._in_hand.prepared, self.model.plan.patch_zyx
        centre = np.rint(prepared.to_voxels(np.array([click.voxel_zyx], dtype=float))[0]).astype(int)
        start = tuple(
            (m - p) // 2 if m <= p else int(np.clip(c - p // 2, 0, m - p))
            for c, p, m in zip(centre, patch, prepared.shape, strict=True)
        )
        region, _ = prepared.back(np.zeros((1, *patch), np.float32), start)  # type: ignore[arg-type]
        return start, region  # type: ignore[return-value]

    def _probabilities(
        self, image: _Image, group: list[int], starts: list[tuple[int, int, int]], steps: Sequence[Step]
    ) -> NDArray[np.float32]:
        """Return class probabilities (len(group), classes, z, y, x) of the windows.

        The channel of each class is read from a pass that saw that class's clicks and previous mask.
        """
        plan = self.model.plan
        inputs = []
        for number, start in zip(group, starts, strict=True):
            pixels = torch.from_numpy(image.prepared.box(start, plan.patch_zyx))
            for each in plan.classes:
                clicks = [step for step in steps[: number + 1] if isinstance(step, Click)]
                said = [click for click in clicks if click.label == each.value]
                inputs.append(self._input(image, pixels, start, said, each.value))
        out = self.model.probabilities(torch.stack(inputs))
        out = out.view(len(group), len(plan.classes), len(plan.classes), *plan.patch)
        own = torch.diagonal(out, dim1=1, dim2=2).movedim(-1, 1)
        return own.reshape(len(group), len(plan.classes), *plan.patch_zyx).contiguous().numpy()

    def _input(
        self, image: _Image, pixels: Tensor, start: tuple[int, int, int], clicks: list[Click], value: int
    ) -> Tensor:
        plan = self.model.plan
        tensor = _click_tensor(clicks, image.prepared, start, plan)
        maps = click_maps(tensor, plan.patch, plan.sigma_voxels, plan.clicks.combine)
        previous = self._previous(image, start, value) if plan.clicks.previous_mask else torch.zeros(plan.patch_zyx)
        # training shows a previous mask only beside clicks
        if not maps.any():
            previous = torch.zeros_like(previous)
        shape = (1, 1, *plan.patch)
        return stacked(pixels.view(shape), maps, previous.view(shape).float(), use_previous=plan.clicks.previous_mask)[
            0
        ]

    def _previous(self, image: _Image, start: tuple[int, int, int], value: int) -> Tensor:
        """Return the present mask of a class in a window, nearest on the network's grid."""
        prepared, patch = image.prepared, self.model.plan.patch_zyx
        out = np.zeros(patch, bool)
        index, target = [], []
        for begin, size, ratio, n, m in zip(
            start, patch, prepared.ratio, prepared.image.shape, prepared.shape, strict=True
        ):
            inner = np.arange(max(begin, 0), min(begin + size, m))
            index.append(np.minimum(((inner + 0.5) * ratio).astype(int), n - 1))
            target.append(slice(int(inner[0]) - begin, int(inner[-1]) + 1 - begin))
        out[tuple(target)] = image.labels[np.ix_(*index)] == value
        return torch.from_numpy(out)


def _click_tensor(clicks: list[Click], prepared: Prepared, start: tuple[int, int, int], plan: Plan) -> ClickTensor:
    if not clicks:
        return ClickTensor.empty(1, plan.dims)
    where = prepared.to_voxels(np.array([click.voxel_zyx for click in clicks], dtype=float)) - np.array(start)
    here = np.abs(where[:, 0]) < 0.5 if plan.dims == 2 else np.ones(len(clicks), bool)
    return ClickTensor(
        torch.from_numpy(where[:, -plan.dims :]).float()[None],
        torch.tensor([[click.inside for click in clicks]]),
        torch.from_numpy(here)[None],
    )


def _common(applied: Sequence[_Applied], steps: Sequence[Step]) -> int:
    kept = 0
    for done, step in zip(applied, steps, strict=False):
        if done.step != step:
            break
        kept += 1
    return kept


def _rounds(numbers: range, steps: Sequence[Step], plan: Plan) -> list[list[int]]:
    """Group clicks that can be answered together: in 2D runs of clicks on different slices, in 3D one by one."""
    groups: list[list[int]] = []
    slices: set[int] = set()  # of the newest group, empty where nothing may join it
    for number in numbers:
        step = steps[number]
        z = step.voxel_zyx[0] if isinstance(step, Click) and plan.dims == 2 else None
        if z is not None and slices and z not in slices and len(slices) < plan.batch:
            groups[-1].append(number)
            slices.add(z)
        else:
            groups.append([number])
            slices = set() if z is None else {z}
    return groups


def _overlap(one: Box, other: Box) -> bool:
    return all(a.start < b.stop and b.start < a.stop for a, b in zip(one, other, strict=True))


def _inside(box: Box, window: Box) -> Box:
    """Return a box in the coordinates of a window that it overlaps."""
    z, y, x = (slice(max(b.start - w.start, 0), b.stop - w.start) for b, w in zip(box, window, strict=True))
    return z, y, x


def _distinct(regions: list[Box]) -> dict[tuple[tuple[int, int], ...], Box]:
    return {tuple((part.start, part.stop) for part in region): region for region in regions}

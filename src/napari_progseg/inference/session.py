"""Clicks on one image, answered one after the other; the widget and the evaluation use the same object."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
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
from ..guidance.prompts import Prompt, Step, boxes_in, count_common, steps_of
from ..volume import Volume
from .answer import Answer
from .correction import corrected, obey, renewed, untouched
from .model import TrainedModel, stacked
from .predict import label_type, slice_probabilities, to_labels
from .unsure import doubtful
from .windows import Start, around, common_part, distinct, inner, overlap, tiles

Labels = NDArray[np.unsignedinteger]
# of the windows that hold other pieces of a structure so many are looked at again, the nearest ones
_MOST_OTHERS = 12


@dataclass(frozen=True, eq=False)
class _Applied:
    """A click that was answered, or a box that was applied, and what was there before, in the order of change."""

    step: Step
    before: list[tuple[Box, Labels]]


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

    The first inside click of a structure, in its slice (2D) or in the volume (3D), renews all that the model says of
    that structure: in a window of one training patch around the click, and then in the windows that hold pieces of it
    which nobody has clicked on, in the whole slice or, in 3D, within one more patch on each side. Every other click
    changes only its window, and there only what it is about, see `corrected`. Whatever the model answers, a clicked
    voxel ends on the side that was clicked. A box empties its plane around it and is a click in its middle; a drag is a
    click where it began. What an earlier call answered and is still there is not computed again, and what is gone is
    taken back exactly.

    Parameters
    ----------
    model : TrainedModel
        An interactive model.
    own_mask : bool
        The mask that clicks begin with is the user's and no model's: also a first click only corrects it.
    """

    def __init__(self, model: TrainedModel, *, own_mask: bool = False) -> None:
        if model.plan.task != "interactive":
            raise ValueError(f"{model.name} takes no clicks")
        self.model, self._own_mask = model, own_mask
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
        kept = count_common((done.step for done in image.applied), steps)
        touched = self._take_back(image, kept)
        if current is not None:
            self._start_from(image, [self._reach(steps, number) for number in range(kept, len(steps))], current)
        for group in _rounds(range(kept, len(steps)), steps, self.model.plan):
            first = steps[group[0]]
            if isinstance(first, BoxPrompt):
                touched.append(self._confine(image, first))
            else:
                touched += self._apply(image, group, steps, local=local)
        if current is not None:
            touched += [box for box in image.known.values() if not np.array_equal(image.labels[box], current[box])]
        patches = tuple((region, image.labels[region].copy()) for region in distinct(touched).values())
        doubts, image.doubts = tuple(image.doubts), []
        return Answer(revision, patches, time.perf_counter() - began, doubts)

    def _start_from(self, image: _Image, regions: list[Box], current: Labels) -> None:
        """Take over the mask as it stands below new clicks and boxes, save where a click was ever answered."""
        for region in regions:
            fresh = np.ones(image.labels[region].shape, bool)
            for box in image.known.values():
                if overlap(region, box):
                    fresh[inner(box, region)] = False
            image.labels[region][fresh] = current[region][fresh]
        image.known |= distinct(regions)

    @property
    def _in_hand(self) -> _Image:
        if self._image is None:
            raise RuntimeError("set_image comes before the first click")
        return self._image

    def _take_back(self, image: _Image, kept: int) -> list[Box]:
        undone = []
        while len(image.applied) > kept:
            for region, before in reversed(image.applied.pop().before):
                image.labels[region] = before
                undone.append(region)
        return undone

    def _apply(self, image: _Image, group: list[int], steps: Sequence[Step], *, local: bool) -> list[Box]:
        """Answer clicks (by number) whose windows do not touch, in one batch; then what else the first ones are about.

        Returns
        -------
        list of Box
            Regions of the image that were answered.
        """
        windows = [(number, self._window(_click(steps, number).voxel_zyx)[0]) for number in group]
        regions = []
        for (number, _), (region, answer) in zip(windows, self._answers(image, windows, steps), strict=True):
            click, before = _click(steps, number), image.labels[region].copy()
            if not local:
                after = answer
            elif self._is_first(steps, number):
                after = renewed(before, answer, click.label)
            else:
                after = self._corrected(before, answer, click, region)
            image.applied.append(_Applied(click, []))
            self._put(image, image.applied[-1], region, after, steps[: number + 1])
            regions.append(region)
        for place, (number, region) in enumerate(
            zip(group, regions.copy(), strict=True), len(image.applied) - len(group)
        ):
            if self._is_first(steps, number):
                regions += self._renew_others(image, image.applied[place], region, number, steps)
        image.known |= distinct(regions)
        return regions

    def _renew_others(
        self, image: _Image, applied: _Applied, window: Box, number: int, steps: Sequence[Step]
    ) -> list[Box]:
        """Ask again about the pieces of a first click's structure that nobody has clicked on and its window cut off."""
        click, reach = _click(steps, number), self._reach(steps, number)
        corner = np.array([part.start for part in reach])
        loose = untouched(image.labels[reach], click.label, steps[: number + 1], corner.tolist())
        loose[inner(window, reach)] = False
        size = [part.stop - part.start for part in window]
        centres = sorted(tiles(loose, size), key=lambda centre: np.sum((centre + corner - click.voxel_zyx) ** 2))
        windows = [(number, self._window(centre + corner)[0]) for centre in centres[:_MOST_OTHERS]]
        regions = []
        for region, answer in self._answers(image, windows, steps):
            part = common_part(region, reach)
            open_here = loose[inner(part, reach)]
            after = np.where(open_here, answer[inner(part, region)], image.labels[part])
            self._put(image, applied, part, after, steps[: number + 1])
            open_here[...] = False
            regions.append(part)
        return regions

    def _answers(
        self, image: _Image, windows: Sequence[tuple[int, Start]], steps: Sequence[Step]
    ) -> Iterator[tuple[Box, Labels]]:
        """Yield the regions of windows, each with the number of the newest click that it hears, and their labels."""
        together = self.model.plan.batch
        for first in range(0, len(windows), together):
            some = windows[first : first + together]
            for (number, start), value in zip(some, self._probabilities(image, some, steps), strict=True):
                region, back = image.prepared.back(value, start)
                image.doubts.append((region, doubtful(back)))
                answer = to_labels(back, self.model.classes)
                confine(answer, boxes_in(steps[:number]), [part.start for part in region])
                yield region, answer

    def _put(self, image: _Image, applied: _Applied, region: Box, after: Labels, steps: Sequence[Step]) -> None:
        """Write what a step changes, and remember what was there."""
        applied.before.append((region, image.labels[region].copy()))
        image.labels[region] = after
        obey(image.labels[region], steps, [part.start for part in region])

    def _confine(self, image: _Image, box: BoxPrompt) -> Box:
        """Empty the plane of a box around it."""
        region = self._plane(box)
        image.applied.append(_Applied(box, [(region, image.labels[region].copy())]))
        confine(image.labels, [box])
        image.known |= distinct([region])
        return region

    def _corrected(self, before: Labels, answer: Labels, click: Click, region: Box) -> Labels:
        ratio, dims = self._in_hand.prepared.ratio, self.model.plan.dims
        wide = [self.model.plan.sigma_voxels[axis - 3] * ratio[axis] for axis in range(3 - dims, 3)]
        reach = [*([0.0] * (3 - dims)), *wide]
        at = [int(c) - part.start for c, part in zip(click.voxel_zyx, region, strict=True)]
        return corrected(before, answer, at, inside=click.inside, value=click.label, reach=reach)

    def _is_first(self, steps: Sequence[Step], number: int) -> bool:
        """Whether a step is the first inside click of its structure, in its slice (2D) or in the volume (3D).

        On the user's own mask none is.
        """
        click = steps[number]
        if self._own_mask or not isinstance(click, Click) or not click.inside:
            return False
        earlier = [step for step in steps[:number] if isinstance(step, Click) and _says_inside(step, click.label)]
        return not any(self.model.plan.dims == 3 or step.voxel_zyx[0] == click.voxel_zyx[0] for step in earlier)

    def _reach(self, steps: Sequence[Step], number: int) -> Box:
        """Return the region of the image that a step may change."""
        step = steps[number]
        if isinstance(step, BoxPrompt):
            return self._plane(step)
        window = self._window(step.voxel_zyx)[1]
        if not self._is_first(steps, number):
            return window
        shape = self._in_hand.labels.shape
        if self.model.plan.dims == 2:
            return window[0], slice(0, shape[1]), slice(0, shape[2])
        return around(window, shape)

    def _plane(self, box: BoxPrompt) -> Box:
        plane = [slice(0, size) for size in self._in_hand.labels.shape]
        plane[box.axis] = slice(box.plane, box.plane + 1)
        return tuple(plane)  # type: ignore[return-value]

    def _window(self, voxel_zyx: Sequence[float]) -> tuple[Start, Box]:
        """Return the start of the window around a voxel on the network's grid, and the image's region below it."""
        prepared, patch = self._in_hand.prepared, self.model.plan.patch_zyx
        centre = np.rint(prepared.to_voxels(np.array([voxel_zyx], dtype=float))[0]).astype(int)
        start = tuple(
            (m - p) // 2 if m <= p else int(np.clip(c - p // 2, 0, m - p))
            for c, p, m in zip(centre, patch, prepared.shape, strict=True)
        )
        region, _ = prepared.back(np.zeros((1, *patch), np.float32), start)  # type: ignore[arg-type]
        return start, region  # type: ignore[return-value]

    def _probabilities(
        self, image: _Image, windows: Sequence[tuple[int, Start]], steps: Sequence[Step]
    ) -> NDArray[np.float32]:
        """Return class probabilities (len(windows), classes, z, y, x).

        The channel of each class is read from a pass that saw that class's clicks and previous mask.
        """
        plan = self.model.plan
        inputs = []
        for number, start in windows:
            pixels = torch.from_numpy(image.prepared.box(start, plan.patch_zyx))
            for each in plan.classes:
                clicks = [step for step in steps[: number + 1] if isinstance(step, Click)]
                said = [click for click in clicks if click.label == each.value]
                inputs.append(self._input(image, pixels, start, said, each.value))
        out = self.model.probabilities(torch.stack(inputs))
        out = out.view(len(windows), len(plan.classes), len(plan.classes), *plan.patch)
        own = torch.diagonal(out, dim1=1, dim2=2).movedim(-1, 1)
        return own.reshape(len(windows), len(plan.classes), *plan.patch_zyx).contiguous().numpy()

    def _input(self, image: _Image, pixels: Tensor, start: Start, clicks: list[Click], value: int) -> Tensor:
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

    def _previous(self, image: _Image, start: Start, value: int) -> Tensor:
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


def _click_tensor(clicks: list[Click], prepared: Prepared, start: Start, plan: Plan) -> ClickTensor:
    if not clicks:
        return ClickTensor.empty(1, plan.dims)
    where = prepared.to_voxels(np.array([click.voxel_zyx for click in clicks], dtype=float)) - np.array(start)
    here = np.abs(where[:, 0]) < 0.5 if plan.dims == 2 else np.ones(len(clicks), bool)
    return ClickTensor(
        torch.from_numpy(where[:, -plan.dims :]).float()[None],
        torch.tensor([[click.inside for click in clicks]]),
        torch.from_numpy(here)[None],
    )


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


def _click(steps: Sequence[Step], number: int) -> Click:
    step = steps[number]
    assert isinstance(step, Click), "boxes are applied one by one"
    return step


def _says_inside(click: Click, label: int) -> bool:
    return click.inside and click.label == label

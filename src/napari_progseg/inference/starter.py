"""Clicks, drags and boxes answered by the starter: any structure, in 3D, before anything was trained."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..data.click_windows import SIGMA_VOXELS, WINDOW_IN_REACHES
from ..data.preprocess import Box
from ..guidance.boxes import BoxPrompt, confine
from ..guidance.clicks import Click
from ..guidance.drags import DragPrompt
from ..guidance.prompts import Prompt, boxes_in, click_of, count_common, steps_of
from ..volume import Volume
from .answer import Answer
from .better_window import better_window, carried
from .click_model import ClickModel, Look, Said, load_starter, starter_available
from .click_window import Array, ClickWindow
from .correction import corrected, obey
from .shown_range import shown_range
from .windows import box_of, distinct
from .zoom import USUAL_SIZE, UsualSize, find_window, window_of_drag, window_of_mask, window_of_prompt

__all__ = ["StarterSession", "starter_available"]

Labels = NDArray[np.unsignedinteger]
_ROUNDS = 3
_ANOTHER = 0.75


@dataclass(frozen=True, eq=False)
class _Applied:
    """A prompt that was answered, in which window, and what was there before."""

    prompt: Prompt
    window: ClickWindow | None
    region: Box
    before: Labels


@dataclass(eq=False)
class _Scan:
    """The scan in hand and its mask."""

    volume: Volume
    labels: Labels
    applied: list[_Applied] = field(default_factory=list)
    known: dict[tuple[tuple[int, int], ...], Box] = field(default_factory=dict)

    @property
    def image(self) -> NDArray[np.generic]:
        """Its intensities, (Z, Y, X)."""
        return self.volume.image

    @property
    def spacing_zyx_mm(self) -> tuple[float, float, float]:
        """Of its voxels."""
        return self.volume.geometry.spacing_zyx_mm


@dataclass(frozen=True, eq=False)
class StructureModel:
    """What answers prompts on one structure.

    Parameters
    ----------
    model : ClickModel
        The starter, or a copy that has learned the structure.
    usual : UsualSize
        The size of window that suits it, where a bare click says none.
    """

    model: ClickModel
    usual: UsualSize = USUAL_SIZE


class StarterSession:
    """Answers prompts on one scan; the mask of a structure is renewed in a window of its own scale.

    Parameters
    ----------
    model : ClickModel or None
        None loads the starter that comes with the package.
    learned : mapping of int to StructureModel
        What answers in its place, by label value of the structure.
    """

    def __init__(self, model: ClickModel | None = None, learned: Mapping[int, StructureModel] | None = None) -> None:
        self._starter = StructureModel(model or load_starter())
        self._learned = dict(learned or {})
        self._scan: _Scan | None = None

    def set_image(self, volume: Volume) -> None:
        """Take a scan in hand; earlier prompts are forgotten."""
        self._scan = _Scan(volume, np.zeros(volume.image.shape, np.uint16))

    def answer(
        self, prompts: Sequence[Prompt], revision: int, current: Labels | None = None, *, local: bool = True
    ) -> Answer:
        """Answer a set of prompts.

        Parameters
        ----------
        prompts : sequence of Click, BoxPrompt or DragPrompt
            All on this scan, oldest first; those that are gone since the last call are taken back exactly.
        revision : int
            Handed back in the answer.
        current : ndarray of label values, (Z, Y, X), or None
            The mask as it stands, the starting point where nothing was answered yet; None goes on from the last answer.
        local : bool
            Let clicks after the first of a structure change only the pieces they hit; False renews whole windows.

        Returns
        -------
        Answer
            Boxes that changed, or that `current` does not show yet.
        """
        began, scan = time.perf_counter(), self._in_hand
        kept = count_common((done.prompt for done in scan.applied), prompts)
        touched = [undone.region for undone in _take_back(scan, kept)]
        if current is not None and len(prompts) > kept:
            _start_from(scan, current)
        touched += [self._apply(scan, prompts[: number + 1], local=local) for number in range(kept, len(prompts))]
        if current is not None:
            touched += [box for box in scan.known.values() if not np.array_equal(scan.labels[box], current[box])]
        patches = tuple((box, scan.labels[box].copy()) for box in distinct(touched).values())
        return Answer(revision, patches, time.perf_counter() - began)

    def _answering(self, value: int) -> StructureModel:
        return self._learned.get(value, self._starter)

    @property
    def _in_hand(self) -> _Scan:
        if self._scan is None:
            raise RuntimeError("set_image comes before the first click")
        return self._scan

    def _apply(self, scan: _Scan, prompts: Sequence[Prompt], *, local: bool) -> Box:
        """Answer the newest prompt and return the region that it may have changed."""
        newest, value = prompts[-1], prompts[-1].label
        own = [prompt for prompt in prompts if prompt.label == value]
        said = _said(own, scan.spacing_zyx_mm)
        limits = _limits(scan, said)
        window, guessed = self._window(scan, newest, said, limits)
        if guessed and window is not None:
            said = _beginning_with(said, len(own) - 1, window.side_mm / WINDOW_IN_REACHES)
        if window is None:
            region = _box_around(click_of(newest).voxel_zyx)
            return self._keep(scan, newest, None, region, scan.labels[region].copy(), own)
        look = self._look(scan, window, said, value, limits)
        shown = (look.logits > 0) | (_share(scan, look.window, value) > 0)
        at = np.rint(look.window.to_window([click_of(newest).voxel_zyx])[0]).astype(int)
        shown[tuple(at.clip(0, look.window.size - 1))] = True
        region, values = look.window.back(look.logits, scan.image.shape, _extent(shown, look.window))
        labels = self._merged(scan, region, values > 0, newest, said)
        if local and len(own) > 1 and isinstance(newest, Click) and not guessed:
            reach = [float(each) for each in SIGMA_VOXELS * look.window.ratio]
            labels = _mended(scan.labels[region], labels, newest, region, reach)
        return self._keep(scan, newest, look.window, region, labels, own)

    def _keep(
        self,
        scan: _Scan,
        prompt: Prompt,
        window: ClickWindow | None,
        region: Box,
        labels: Labels,
        own: Sequence[Prompt],
    ) -> Box:
        """Write what a region becomes; boxes confine it, and each clicked voxel ends on the side that was clicked."""
        confine(labels, boxes_in(own), [part.start for part in region])
        if isinstance(prompt, BoxPrompt):
            region, labels = _with_plane(scan, prompt, region, labels)
        obey(labels, steps_of(own), [part.start for part in region])
        scan.applied.append(_Applied(prompt, window, region, scan.labels[region].copy()))
        scan.labels[region] = labels
        scan.known |= distinct([region])
        return region

    def _window(
        self, scan: _Scan, newest: Prompt, said: Said, limits: tuple[float, float] | None
    ) -> tuple[ClickWindow | None, bool]:
        """Choose the window of a prompt, None where there is nothing to find, and say whether its size is a guess."""
        spacing, click = scan.spacing_zyx_mm, click_of(newest)
        if isinstance(newest, DragPrompt):
            return window_of_drag(newest, scan.image.shape, spacing), False
        if isinstance(newest, BoxPrompt):
            return window_of_prompt(newest, spacing), False
        for done in reversed(scan.applied):
            if done.prompt.label == newest.label and done.window is not None and _holds(done.window, click):
                if (scan.labels[done.region] == newest.label).any():
                    return done.window, False
                break
        if (around := _piece_around(scan, click)) is not None:
            return window_of_mask(*around, spacing), False
        if not click.inside:
            return None, False
        newest_alone = Said(said.voxels_zyx[-1:], said.inside[-1:])
        by = self._answering(newest.label)
        return find_window(by.model, scan.image, newest_alone, spacing, limits, by.usual), True

    def _look(
        self, scan: _Scan, window: ClickWindow, said: Said, value: int, limits: tuple[float, float] | None
    ) -> Look:
        """Answer a window; while the mask leaves it and the scan goes on, a larger one."""
        window = window.moved_into(scan.image.shape)
        before = _share(scan, window, value)
        model = self._answering(value).model
        look = model.look(scan.image, [window], said, [before], limits)[0]
        for _ in range(_ROUNDS):
            following = better_window(look, said, scan.image.shape)
            if following is None:
                break
            following = following.moved_into(scan.image.shape)
            look = model.look(scan.image, [following], said, [carried(look, following)], limits)[0]
        return look

    def _merged(self, scan: _Scan, region: Box, mask: NDArray[np.bool_], newest: Prompt, said: Said) -> Labels:
        """Put a new mask of one structure in the place of the old one; other structures keep their voxels."""
        value, labels = newest.label, scan.labels[region].copy()
        free = (labels == 0) | (labels == value)
        mask = _clicked_pieces(mask, labels == value, said, region)
        labels[free] = np.where(mask, value, 0).astype(labels.dtype)[free]
        return labels


def _mended(before: Labels, answer: Labels, newest: Prompt, region: Box, reach: Sequence[float]) -> Labels:
    """Take over only the pieces of an answer that a click hits; where it hits none, the whole answer."""
    click = click_of(newest)
    at = [c - part.start for c, part in zip(click.voxel_zyx, region, strict=True)]
    if not all(0 <= c < n for c, n in zip(at, before.shape, strict=True)):
        return answer
    return corrected(before, answer, at, inside=click.inside, value=click.label, reach=reach)


def _said(own: Sequence[Prompt], spacing_zyx_mm: tuple[float, float, float]) -> Said:
    """Gather what was said of one structure; the newest drag or box tells where it begins and how far it reaches."""
    clicks = [click_of(prompt) for prompt in own]
    voxels, inside = np.array([click.voxel_zyx for click in clicks], float), np.array([c.inside for c in clicks])
    said = Said(voxels, inside)
    for number in reversed(range(len(own))):
        prompt = own[number]
        if isinstance(prompt, DragPrompt):
            return _beginning_with(said, number, prompt.reach_mm)
        if isinstance(prompt, BoxPrompt):
            sides = (np.subtract(prompt.last_zyx, prompt.first_zyx) + 1) * spacing_zyx_mm
            sides[prompt.axis] = 0
            return _beginning_with(said, number, float(sides.max()) / 2)
    return said


def _beginning_with(said: Said, number: int, reach_mm: float) -> Said:
    """Let a structure begin with one of its clicks, and reach so far from there."""
    order = [number, *(other for other in range(len(said.inside)) if other != number)]
    return Said(said.voxels_zyx[order], said.inside[order], reach_mm)


def _limits(scan: _Scan, said: Said) -> tuple[float, float] | None:
    """Return the intensities that are shown; all, before anything was clicked inside."""
    if not said.inside.any():
        return None
    return shown_range(scan.volume, said.voxels_zyx[said.inside][0].astype(int))


def _holds(window: ClickWindow, click: Click) -> bool:
    inner = window.to_window([click.voxel_zyx])[0]
    return bool(((inner >= 1) & (inner <= window.size - 2)).all())


def _piece_around(scan: _Scan, click: Click) -> tuple[NDArray[np.bool_], tuple[int, int, int]] | None:
    """Return the piece of the click's structure that is nearest to it, together with the click, and its corner.

    None where there is no piece, or where an inside click lies so far from all that it begins another one.
    """
    mask = scan.labels == click.label
    if not mask.any():
        return None
    found = box_of(mask)
    low = [min(part.start, at) for part, at in zip(found, click.voxel_zyx, strict=True)]
    high = [max(part.stop, at + 1) for part, at in zip(found, click.voxel_zyx, strict=True)]
    pieces, _ = ndimage.label(mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))], np.ones((3, 3, 3)))
    places, at = np.argwhere(pieces), np.subtract(click.voxel_zyx, low)
    away = (((places - at) * scan.spacing_zyx_mm) ** 2).sum(axis=1)
    nearest = int(away.argmin())
    piece = pieces == pieces[tuple(places[nearest])]
    sides = np.ptp(np.argwhere(piece), axis=0) * scan.spacing_zyx_mm
    if click.inside and away[nearest] > (_ANOTHER * sides.max()) ** 2:
        return None
    piece[tuple(at)] = True
    return piece, (low[0], low[1], low[2])


def _share(scan: _Scan, window: ClickWindow, value: int) -> Array:
    """Return the mask of a structure as it stands in a window, as shares of its voxels."""
    mask = scan.labels == value
    return window.cut(mask.view(np.uint8)) if mask.any() else np.zeros((window.size,) * 3, np.float32)


def _extent(mask: NDArray[np.bool_], window: ClickWindow) -> Box:
    """Return the part of a window that a mask takes up, and a voxel around it."""
    z, y, x = (slice(max(0, part.start - 1), min(window.size, part.stop + 1)) for part in box_of(mask))
    return z, y, x


def _clicked_pieces(mask: NDArray[np.bool_], before: NDArray[np.bool_], said: Said, region: Box) -> NDArray[np.bool_]:
    """Leave out pieces that no inside click touches and that were not there before."""
    pieces, count = ndimage.label(mask, np.ones((3, 3, 3)))
    if count < 2:
        return mask
    wanted = set(np.unique(pieces[before]).tolist())
    corner = np.array([part.start for part in region])
    for at in (said.voxels_zyx[said.inside] - corner).astype(int):
        near = tuple(slice(max(0, c - 1), c + 2) for c in at)
        wanted |= set(np.unique(pieces[near]).tolist()) if (at >= 0).all() else set()
    wanted.discard(0)
    return np.isin(pieces, list(wanted)) if wanted else mask


def _with_plane(scan: _Scan, box: BoxPrompt, region: Box, labels: Labels) -> tuple[Box, Labels]:
    """Widen a region to the whole plane of a box, since that is confined, too."""
    parts = [slice(part.start, part.stop) for part in region]
    for axis, n in enumerate(scan.labels.shape):
        low, high = (box.plane, box.plane + 1) if axis == box.axis else (0, n)
        parts[axis] = slice(min(parts[axis].start, low), max(parts[axis].stop, high))
    wide = (parts[0], parts[1], parts[2])
    out = scan.labels[wide].copy()
    out[tuple(slice(a.start - b.start, a.stop - b.start) for a, b in zip(region, wide, strict=True))] = labels
    confine(out, [box], [part.start for part in wide])
    return wide, out


def _box_around(voxel_zyx: tuple[int, int, int]) -> Box:
    z, y, x = voxel_zyx
    return slice(z, z + 1), slice(y, y + 1), slice(x, x + 1)


def _take_back(scan: _Scan, kept: int) -> list[_Applied]:
    undone = []
    while len(scan.applied) > kept:
        last = scan.applied.pop()
        scan.labels[last.region] = last.before
        undone.append(last)
    return undone


def _start_from(scan: _Scan, current: Labels) -> None:
    """Take over the mask as it stands, save where a prompt was ever answered."""
    answered = [(box, scan.labels[box].copy()) for box in scan.known.values()]
    scan.labels[...] = current
    for box, labels in answered:
        scan.labels[box] = labels

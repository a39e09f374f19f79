"""Which window a gesture is about: the scale from a drag, a box, the mask that is there, or the answers themselves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..guidance.boxes import BoxPrompt
from ..guidance.drags import DragPrompt
from .click_model import ClickModel, Look, Said
from .click_window import Array, ClickWindow

SIZE, SEARCHED = 48, 32
_DRAG, _BOX, _MASK = 2.7, 1.6, 1.5
_SCALES, _LEAST_VOXELS, _MOST_MM = 1.45, 14, 420.0


def window_of_drag(drag: DragPrompt, spacing_zyx_mm: tuple[float, float, float]) -> ClickWindow:
    """Return a window in which a structure that reaches as far as a drag fills most of the width."""
    z, y, x = map(float, drag.voxel_zyx)
    return ClickWindow((z, y, x), _DRAG * drag.reach_mm / SIZE, spacing_zyx_mm, SIZE)


def window_of_box(
    first_zyx: Sequence[float],
    last_zyx: Sequence[float],
    spacing_zyx_mm: tuple[float, float, float],
    room: float = _BOX,
) -> ClickWindow:
    """Return a window around a box of voxels, both corners belonging to it."""
    first, last = np.asarray(first_zyx, float), np.asarray(last_zyx, float)
    z, y, x = ((first + last) / 2).tolist()
    longest = float(((last - first + 1) * spacing_zyx_mm).max())
    return ClickWindow((z, y, x), room * longest / SIZE, spacing_zyx_mm, SIZE)


def window_of_prompt(box: BoxPrompt, spacing_zyx_mm: tuple[float, float, float]) -> ClickWindow:
    """Return the window of a box that was drawn; along its own axis the structure may be as long as in the plane."""
    first, last = list(box.first_zyx), list(box.last_zyx)
    return window_of_box(first, last, spacing_zyx_mm)


def window_of_mask(
    mask: NDArray[np.bool_], corner_zyx: Sequence[int], spacing_zyx_mm: tuple[float, float, float]
) -> ClickWindow:
    """Return the window of a mask that lies at `corner_zyx` of the scan."""
    spans = [np.flatnonzero(mask.any(tuple(other for other in range(3) if other != axis))) for axis in range(3)]
    first = [corner + span[0] for corner, span in zip(corner_zyx, spans, strict=True)]
    last = [corner + span[-1] for corner, span in zip(corner_zyx, spans, strict=True)]
    return window_of_box(first, last, spacing_zyx_mm, _MASK)


def find_window(
    model: ClickModel,
    image: NDArray[np.generic],
    said: Said,
    spacing_zyx_mm: tuple[float, float, float],
    limits: tuple[float, float] | None,
) -> ClickWindow:
    """Look at a click at many scales; take the one whose answer looks good and that its neighbours agree with."""
    z, y, x = said.voxels_zyx[0].tolist()
    extent = float((np.array(image.shape) * spacing_zyx_mm).max())
    side, most, sides = min(spacing_zyx_mm) * _LEAST_VOXELS, min(_MOST_MM, 1.2 * extent), []
    while side <= most:
        sides.append(side)
        side *= _SCALES
    windows = [ClickWindow((z, y, x), side / SEARCHED, spacing_zyx_mm, SEARCHED) for side in sides]
    looks = model.look(image, windows, said, limits=limits)
    best = int(np.argmax(scores(looks)))
    return ClickWindow((z, y, x), sides[best] / SIZE, spacing_zyx_mm, SIZE)


def scores(looks: Sequence[Look]) -> Array:
    """Score the answers at ascending scales around one click."""
    fits = np.array([look.fit for look in looks], np.float32)
    agreed = np.array([agreement(a, b) for a, b in pairwise(looks)], np.float32)
    if not len(agreed):
        return fits
    beside = (np.r_[agreed[0], agreed] + np.r_[agreed, agreed[-1]]) / 2
    return np.asarray(fits * beside)


def agreement(narrow: Look, wide: Look) -> float:
    """Return the Dice of two answers of the same centre, on the grid of the wide one."""
    size, window = wide.window.size, narrow.window
    reach = round(window.side_mm / wide.window.step_mm)
    inner = ClickWindow(window.centre_zyx, wide.window.step_mm, window.spacing_zyx_mm, reach)
    places = inner.to_scan(np.repeat(np.arange(reach)[:, None], 3, axis=1))
    at = np.clip(np.rint(window.to_window(places)[:, 0]).astype(int), 0, window.size - 1)
    small = narrow.logits[np.ix_(at, at, at)] > 0
    begin = (size - reach) // 2
    here = np.zeros((size,) * 3, bool)
    here[(slice(begin, begin + reach),) * 3] = small
    there = wide.logits > 0
    total = int(here.sum() + there.sum())
    return 2 * float((here & there).sum()) / total if total else 0.0

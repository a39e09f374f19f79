"""A better window for a mask that was found: larger where the mask leaves it, smaller where it is far too large."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .click_model import Look, Said
from .click_window import Array, ClickWindow
from .windows import box_of
from .zoom import window_of_box

_GROWTH = 1.4
_TIGHT, _TOO_LARGE = 1.5, 0.75


def better_window(look: Look, said: Said, shape_zyx: Sequence[int]) -> ClickWindow | None:
    """Return a larger window where a mask leaves the one it was found in, a smaller one where that is far too large."""
    window, mask = look.window, look.logits > 0
    if not mask.any():
        return None
    if _leaves(look, shape_zyx):
        return _grown(window, mask)
    found = box_of(_largest_clicked(mask, window, said))
    first, last = window.to_scan([[part.start for part in found], [part.stop - 1 for part in found]])
    tight = window_of_box(first, last, window.spacing_zyx_mm, _TIGHT)
    return tight if tight.step_mm < _TOO_LARGE * window.step_mm else None


def _largest_clicked(mask: NDArray[np.bool_], window: ClickWindow, said: Said) -> NDArray[np.bool_]:
    """Return the pieces of a mask that inside clicks lie in or beside, else the largest one."""
    pieces, count = ndimage.label(mask)
    if count < 2:
        return mask
    places = np.rint(window.to_window(said.voxels_zyx[said.inside])).astype(int)
    near = [pieces[tuple(slice(max(0, c - 1), max(0, c + 2)) for c in at)].ravel() for at in places]
    found = np.setdiff1d(np.concatenate([*near, [0]]), 0)
    chosen = found if len(found) else [int(np.bincount(pieces.ravel())[1:].argmax()) + 1]
    return np.isin(pieces, chosen)


def carried(look: Look, window: ClickWindow) -> Array:
    """Return a mask on the grid of another window, 0 where it was not known."""
    places = window.to_scan(np.repeat(np.arange(window.size)[:, None], 3, axis=1))
    inner = look.window.to_window(places)
    index = [np.clip(np.rint(inner[:, axis]).astype(int), 0, look.window.size - 1) for axis in range(3)]
    known = [(inner[:, axis] > -0.5) & (inner[:, axis] < look.window.size - 0.5) for axis in range(3)]
    mask = (look.logits > 0)[np.ix_(*index)] & known[0][:, None, None] & known[1][:, None] & known[2]
    return mask.astype(np.float32)


def _leaves(look: Look, shape_zyx: Sequence[int]) -> bool:
    """Whether a mask touches a face of its window beyond which the scan goes on."""
    mask, size = look.logits > 0, look.window.size
    ends = look.window.to_scan([[0] * 3, [size - 1] * 3])
    for axis, n in enumerate(shape_zyx):
        for at, goes_on in ((0, ends[0, axis] > 1), (size - 1, ends[1, axis] < n - 2)):
            if goes_on and mask.take(at, axis).sum() > 2:
                return True
    return False


def _grown(window: ClickWindow, mask: NDArray[np.bool_]) -> ClickWindow:
    """Return a larger window around the middle of the mask."""
    z, y, x = window.to_scan([[(part.start + part.stop - 1) / 2 for part in box_of(mask)]])[0].tolist()
    return ClickWindow((z, y, x), window.step_mm * _GROWTH, window.spacing_zyx_mm, window.size)

"""Which window a gesture is about: the scale from a drag, a box, the mask that is there, or the answers themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..guidance.boxes import BoxPrompt
from ..guidance.drags import DragPrompt
from .click_model import ClickModel, Said
from .click_window import ClickWindow
from .windows import box_of

SIZE, SEARCHED = 48, 32
_BOX, _MASK, _DRAG = 1.6, 1.5, 2.0
_SCALES, _LEAST_VOXELS, _MOST_MM = 1.35, 14, 420.0


@dataclass(frozen=True)
class UsualSize:
    """Sizes of windows that suit what is segmented, before anything of it was seen.

    Parameters
    ----------
    side_mm : float
        The likeliest side of a window.
    spread : float
        Standard deviation of the logarithm of the side.
    """

    side_mm: float
    spread: float


USUAL_SIZE = UsualSize(130.0, 0.8)
"""Of whatever people segment."""


def window_of_drag(
    drag: DragPrompt, shape_zyx: Sequence[int], spacing_zyx_mm: tuple[float, float, float]
) -> ClickWindow:
    """Return a window in which a structure that reaches as far as a drag fills most of the width, inside the scan.

    It is twice as wide as the drag is long: where the structure lies to both sides of where the drag began, as far as
    this, its mask leaves the window, which then grows.
    """
    z, y, x = map(float, drag.voxel_zyx)
    side = min(_DRAG * drag.reach_mm, float(np.max(np.multiply(shape_zyx, spacing_zyx_mm))))
    return ClickWindow((z, y, x), side / SIZE, spacing_zyx_mm, SIZE)


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
    found = box_of(mask)
    first = [corner + part.start for corner, part in zip(corner_zyx, found, strict=True)]
    last = [corner + part.stop - 1 for corner, part in zip(corner_zyx, found, strict=True)]
    return window_of_box(first, last, spacing_zyx_mm, _MASK)


def find_window(
    model: ClickModel,
    image: NDArray[np.generic],
    said: Said,
    spacing_zyx_mm: tuple[float, float, float],
    limits: tuple[float, float] | None,
    usual: UsualSize = USUAL_SIZE,
) -> ClickWindow:
    """Suppose many sizes for what was clicked, and take the one whose mask the network expects to be good.

    Sizes that people segment are more likely than a speck or half of the patient; that decides where masks are equally
    good, as inside of a large homogeneous structure, where small windows show nothing but it.

    Parameters
    ----------
    said : Said
        One inside click.
    usual : UsualSize
        Of the structure, where it is known.
    """
    z, y, x = said.voxels_zyx[0].tolist()
    extent = float((np.array(image.shape) * spacing_zyx_mm).max())
    side, most = min(spacing_zyx_mm) * _LEAST_VOXELS, min(_MOST_MM, 1.2 * extent)
    sides: list[float] = []
    while side <= most or not sides:
        sides.append(side)
        side *= _SCALES
    windows = [
        ClickWindow((z, y, x), side / SEARCHED, spacing_zyx_mm, SEARCHED).moved_into(image.shape) for side in sides
    ]
    looks = model.look(image, windows, said, limits=limits, guess_reach=True)
    likely = size_likelihood(np.array(sides), 0.8 * extent, usual)
    best = int(np.argmax(likely * [look.fit for look in looks]))
    return ClickWindow((z, y, x), sides[best] / SIZE, spacing_zyx_mm, SIZE)


def size_likelihood(
    sides_mm: NDArray[np.float64], most_mm: float, usual: UsualSize = USUAL_SIZE
) -> NDArray[np.float64]:
    """Return how likely windows of these sides are before anything was seen, 1 at the usual one, or at `most_mm`.

    The logarithm of the side is spread normally.
    """
    away = np.log(sides_mm / min(usual.side_mm, most_mm)) / usual.spread
    return np.asarray(np.exp(-0.5 * away**2))

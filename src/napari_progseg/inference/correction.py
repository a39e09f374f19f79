"""How far a click reaches into a mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Labels = NDArray[np.unsignedinteger]


def corrected(
    before: Labels, answer: Labels, at: Sequence[int], *, inside: bool, value: int, reach: Sequence[float]
) -> Labels:
    """Take over from an answer what a click was about.

    A click that contradicts the mask changes only the connected pieces of the difference within its reach. One that the
    mask agrees with already points at no error, so the whole answer stands.

    Parameters
    ----------
    before, answer : ndarray of label values, (Z, Y, X)
        A window of the mask as it stands, and what the model now says of it.
    at : sequence of int
        The click, in voxels of the window.
    inside : bool
        Whether the click says that the voxel belongs to class `value`.
    value : int
        Label value of the click's class.
    reach : sequence of float
        Voxels along each axis within which a piece counts as clicked.

    Returns
    -------
    ndarray of label values, (Z, Y, X)
        The mask of the window after the click.
    """
    if (before[tuple(at)] == value) == inside:
        return answer
    pieces, _ = ndimage.label(before != answer, np.ones((3,) * before.ndim))
    near = tuple(slice(max(0, round(c - r)), round(c + r) + 1) for c, r in zip(at, reach, strict=True))
    clicked = np.setdiff1d(pieces[near], 0)
    kept: Labels = np.where(np.isin(pieces, clicked), answer, before)
    return kept

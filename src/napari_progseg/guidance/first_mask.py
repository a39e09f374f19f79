"""A mask from clicks alone, before any model exists: a random walk from the clicks to the rest of the slice.

Random walker of Grady (2006) as scikit-image has it. It knows intensities and clicks, nothing of the structure.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.segmentation import random_walker

from .clicks import Click

# voxels that the window reaches beyond the inside clicks, and the radius of a seed
REACH, SEED = 40, 1.5
# how hard it is to walk over an edge of one standard deviation, and the width of the smoothing before
_BETA, _SMOOTHING = 130.0, 0.7
_INSIDE, _OUTSIDE = 1, 2


@dataclass(frozen=True, eq=False)
class FirstMask:
    """The mask of one structure in one slice.

    Parameters
    ----------
    region : tuple of slice
        Rows and columns of the slice that were decided upon; outside of it nothing is said.
    mask : ndarray of bool
        What belongs to the structure, of the size of the region.
    """

    region: tuple[slice, slice]
    mask: NDArray[np.bool_]


def first_mask(
    image: NDArray[np.generic], clicks: Iterable[Click], within: tuple[slice, slice] | None = None
) -> FirstMask | None:
    """Find the structure around the inside clicks of one slice.

    Parameters
    ----------
    image : ndarray, (Y, X)
        Intensities of the slice.
    clicks : iterable of Click
        The clicks of one structure in this slice. The frame of the window counts as outside, too.
    within : tuple of slice or None
        Rows and columns in which the structure lies as a whole; they are the window then, whatever was clicked.

    Returns
    -------
    FirstMask or None
        None without an inside click: nothing tells where the structure is.
    """
    said = [(click.voxel_zyx[1:], click.inside) for click in clicks]
    inside = [place for place, is_inside in said if is_inside]
    if not inside:
        return None
    region = _window(inside, image.shape) if within is None else _around(within, image.shape)
    seeds = _seeds(said, region)
    window = ndimage.gaussian_filter(image[region].astype(np.float64), _SMOOTHING)
    if np.ptp(window) == 0:
        return FirstMask(region, (seeds == _INSIDE) & _allowed(region, within))
    window /= window.std()
    with warnings.catch_warnings():
        # it advises a faster solver that is no dependency
        warnings.simplefilter("ignore", UserWarning)
        found = random_walker(window, seeds, beta=_BETA, mode="cg_j", tol=1e-3)
    return FirstMask(region, (found == _INSIDE) & _allowed(region, within))


def _window(inside: Sequence[tuple[int, ...]], shape: Sequence[int]) -> tuple[slice, slice]:
    low, high = np.min(inside, axis=0), np.max(inside, axis=0)
    rows, columns = (
        slice(max(0, int(first) - REACH), min(n, int(last) + REACH + 1))
        for first, last, n in zip(low, high, shape, strict=True)
    )
    return rows, columns


def _around(within: tuple[slice, slice], shape: Sequence[int]) -> tuple[slice, slice]:
    """Return a window whose frame, which counts as outside, lies around the box."""
    rows, columns = (
        slice(max(0, part.start - 1), min(n, part.stop + 1)) for part, n in zip(within, shape, strict=True)
    )
    return rows, columns


def _allowed(region: tuple[slice, slice], within: tuple[slice, slice] | None) -> NDArray[np.bool_]:
    allowed = np.full([part.stop - part.start for part in region], within is None)
    if within is not None:
        allowed[tuple(slice(w.start - r.start, w.stop - r.start) for w, r in zip(within, region, strict=True))] = True
    return allowed


def _seeds(said: Sequence[tuple[tuple[int, ...], bool]], region: tuple[slice, slice]) -> NDArray[np.int_]:
    size = [part.stop - part.start for part in region]
    seeds = np.zeros(size, int)
    seeds[[0, -1], :] = seeds[:, [0, -1]] = _OUTSIDE
    rows, columns = np.indices(size)
    # inside clicks last, so that they win over the frame
    for place, is_inside in sorted(said, key=lambda each: each[1]):
        y, x = (at - part.start for at, part in zip(place, region, strict=True))
        seeds[(rows - y) ** 2 + (columns - x) ** 2 <= SEED**2] = _INSIDE if is_inside else _OUTSIDE
    return seeds

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
    image: NDArray[np.generic], clicks: Iterable[Click], within: NDArray[np.bool_] | None = None
) -> FirstMask | None:
    """Find the structure around the inside clicks of one slice.

    Parameters
    ----------
    image : ndarray, (Y, X)
        Intensities of the slice.
    clicks : iterable of Click
        The clicks of one structure in this slice. The frame of the window counts as outside, too.
    within : ndarray of bool, (Y, X), or None
        Where the structure lies as a whole, such as a box or a disc; the window is laid around it then, whatever was
        clicked.

    Returns
    -------
    FirstMask or None
        None without an inside click: nothing tells where the structure is.
    """
    said = [(click.voxel_zyx[1:], click.inside) for click in clicks]
    inside = [place for place, is_inside in said if is_inside]
    if not inside:
        return None
    region = _window(inside, image.shape) if within is None else _around(within)
    allowed = None if within is None else within[region]
    seeds = _seeds(said, region, allowed)
    window = ndimage.gaussian_filter(image[region].astype(np.float64), _SMOOTHING)
    if np.ptp(window) == 0:
        return FirstMask(region, _confined(seeds == _INSIDE, allowed))
    window /= window.std()
    with warnings.catch_warnings():
        # it advises a faster solver that is no dependency
        warnings.simplefilter("ignore", UserWarning)
        found = random_walker(window, seeds, beta=_BETA, mode="cg_j", tol=1e-3)
    return FirstMask(region, _confined(found == _INSIDE, allowed))


def _window(inside: Sequence[tuple[int, ...]], shape: Sequence[int]) -> tuple[slice, slice]:
    low, high = np.min(inside, axis=0), np.max(inside, axis=0)
    rows, columns = (
        slice(max(0, int(first) - REACH), min(n, int(last) + REACH + 1))
        for first, last, n in zip(low, high, shape, strict=True)
    )
    return rows, columns


def _around(within: NDArray[np.bool_]) -> tuple[slice, slice]:
    """Return a window whose frame, which counts as outside, lies around where the structure may be."""
    rows, columns = (
        slice(max(0, int(part[0]) - 1), min(n, int(part[-1]) + 2))
        for part, n in zip((np.flatnonzero(within.any(axis)) for axis in (1, 0)), within.shape, strict=True)
    )
    return rows, columns


def _confined(mask: NDArray[np.bool_], allowed: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    return mask if allowed is None else mask & allowed


def _seeds(
    said: Sequence[tuple[tuple[int, ...], bool]], region: tuple[slice, slice], allowed: NDArray[np.bool_] | None
) -> NDArray[np.int_]:
    size = [part.stop - part.start for part in region]
    seeds = np.zeros(size, int)
    seeds[[0, -1], :] = seeds[:, [0, -1]] = _OUTSIDE
    if allowed is not None:
        seeds[~allowed] = _OUTSIDE
    rows, columns = np.indices(size)
    # inside clicks last, so that they win over the frame
    for place, is_inside in sorted(said, key=lambda each: each[1]):
        y, x = (at - part.start for at, part in zip(place, region, strict=True))
        seeds[(rows - y) ** 2 + (columns - x) ** 2 <= SEED**2] = _INSIDE if is_inside else _OUTSIDE
    return seeds

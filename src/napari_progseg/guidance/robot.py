"""The simulated user of evaluations and studies: clicks on what is wrong in a whole volume.

Limited-data paper, section 2.3; `simulate` has the same rules for batches of patches, which training uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from .clicks import Click
from .simulate import innermost_points, largest_error

Per = Literal["slice", "volume"]
Mask = NDArray[np.bool_]
_TRIES = 20


class Aim(NamedTuple):
    """A click at the innermost voxel of an erroneous region, and the voxels of that region."""

    click: Click
    voxels: int


@dataclass(frozen=True)
class Robot:
    """How the simulated user clicks, one structure at a time.

    Parameters
    ----------
    dims : int
        2: an erroneous region lies within an axial slice; 3: in the volume.
    per : {"slice", "volume"}
        A round is one click on each slice that holds the structure, or one in the whole volume.
    smallest : int
        Errors of fewer voxels get no click; the first click of all is given whatever is marked.
    jitter_mm : float
        How far a click may lie off the place it aims at.
    """

    dims: int
    per: Per
    smallest: int = 1
    jitter_mm: float = 0.0

    def round(
        self,
        predicted: Mask,
        wanted: Mask,
        value: int,
        number: int,
        spacing_zyx_mm: tuple[float, float, float],
        rng: np.random.Generator,
    ) -> list[Click]:
        """Click once more on a structure.

        The first click is the innermost point of the structure, each further one that of the largest error. Per volume
        in 2D the first one goes to the largest error, too: a person who may click once begins where most is wrong.
        Where the structure is nowhere to be found in the reference, nothing is clicked.

        Parameters
        ----------
        predicted, wanted : ndarray of bool, (Z, Y, X)
            What is marked, and what should be.
        value : int
            Label value of the structure.
        number : int
            1 for the first round.
        rng : numpy.random.Generator
            Draws how far clicks lie off.
        """
        slices = np.flatnonzero(wanted.any(axis=(1, 2)))
        if not len(slices):
            return []
        if self.dims == 2 and self.per == "slice":
            aims = _in_slices(predicted, wanted, value, slices, 0 if number == 1 else self.smallest)
        elif number == 1 and self.dims == 3:
            aims = [Click(_innermost(wanted), inside=True, label=value)]
        else:
            aim = worst_error(predicted, wanted, value, self.dims, self.smallest)
            aims = [] if aim is None else [aim.click]
        offsets = _in_ball(self.jitter_mm, self.dims, rng)
        return [missed(click, wanted, spacing_zyx_mm, offsets) if self.jitter_mm else click for click in aims]


def worst_error(predicted: Mask, wanted: Mask, value: int, dims: int, smallest: int = 1) -> Aim | None:
    """Aim at the innermost voxel of the largest erroneous region of a volume.

    Parameters
    ----------
    predicted, wanted : ndarray of bool, (Z, Y, X)
        What is marked, and what should be.
    value : int
        Label value of the structure.
    dims : int
        2: a region lies within an axial slice; 3: in the volume.
    smallest : int
        Regions of fewer voxels are left alone.

    Returns
    -------
    Aim or None
        None where there is no such region.
    """
    planes = np.flatnonzero((predicted != wanted).any(axis=(1, 2)))
    if not len(planes):
        return None
    marked, target = (part[planes] if dims == 2 else part[None] for part in (predicted, wanted))
    region, inside, _ = largest_error(torch.from_numpy(marked), torch.from_numpy(target), smallest)
    sizes = region.flatten(1).sum(dim=1)
    worst = int(sizes.argmax())
    if not sizes[worst]:
        return None
    point = innermost_points(region[worst : worst + 1])[0][0].tolist()
    voxel = (int(planes[worst]), *point) if dims == 2 else tuple(point)
    return Aim(Click(voxel, bool(inside[worst]), value), int(sizes[worst]))


def missed(
    aim: Click, wanted: Mask, spacing_zyx_mm: tuple[float, float, float], offsets_mm: Iterable[NDArray[np.float64]]
) -> Click:
    """Move a click by the first of some offsets that neither leaves the image nor makes it say what is not true.

    Parameters
    ----------
    wanted : ndarray of bool, (Z, Y, X)
        Where the click's structure is.
    offsets_mm : iterable of ndarray, (3,)
        Along z, y, x; after 20 that will not do the click stays where it aims.
    """
    for _, offset in zip(range(_TRIES), offsets_mm, strict=False):
        at = np.rint(aim.voxel_zyx + offset / spacing_zyx_mm).astype(int)
        z, y, x = at.tolist()
        if (at >= 0).all() and (at < wanted.shape).all() and wanted[z, y, x] == aim.inside:
            return Click((z, y, x), aim.inside, aim.label)
    return aim


def _in_slices(predicted: Mask, wanted: Mask, value: int, slices: NDArray[np.intp], smallest: int) -> list[Click]:
    """Aim once in each slice: at the structure, or at errors of at least so many voxels where that is not 0."""
    there = torch.from_numpy(wanted[slices])
    region, inside = there, torch.ones(len(slices), dtype=torch.bool)
    if smallest:
        region, inside, _ = largest_error(torch.from_numpy(predicted[slices]), there, smallest)
    points, found = innermost_points(region)
    each = zip(slices.tolist(), points.tolist(), inside.tolist(), found.tolist(), strict=True)
    return [Click((z, y, x), kind, value) for z, (y, x), kind, there_is in each if there_is]


def _innermost(mask: Mask) -> tuple[int, int, int]:
    z, y, x = innermost_points(torch.from_numpy(mask[None]))[0][0].tolist()
    return z, y, x


def _in_ball(radius_mm: float, dims: int, rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """Yield offsets, (3,) in mm, evenly from a ball, in 2D from a disc in the slice."""
    while True:
        offset = rng.uniform(-radius_mm, radius_mm, 3)
        if dims == 2:
            offset[0] = 0
        if np.linalg.norm(offset) <= radius_mm:
            yield offset

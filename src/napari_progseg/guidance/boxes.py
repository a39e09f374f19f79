"""A box: within one slice, the part in which a structure lies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from .clicks import Click


@dataclass(frozen=True, slots=True)
class BoxPrompt:
    """One box, drawn in a slice of any direction.

    It says two things of the plane it lies in: nothing of the structure is outside of the box, and the voxel in the
    middle of the box belongs to the structure. Of other planes it says nothing.

    Parameters
    ----------
    first_zyx, last_zyx : tuple of int
        Canonical voxels (z, y, x) at two opposite corners; both belong to the box.
    axis : int
        Axis along which the box is one voxel thick: 0 for one drawn in an axial slice.
    label : int
        Label value of the structure.

    Raises
    ------
    ValueError
        If the corners are not in order, or the box is thicker than one voxel along `axis`.
    """

    first_zyx: tuple[int, int, int]
    last_zyx: tuple[int, int, int]
    axis: int
    label: int

    def __post_init__(self) -> None:
        if any(first > last for first, last in zip(self.first_zyx, self.last_zyx, strict=True)):
            raise ValueError(f"the corners {self.first_zyx} and {self.last_zyx} of a box are not in order")
        if self.first_zyx[self.axis] != self.last_zyx[self.axis]:
            raise ValueError(f"a box lies in one plane, this one in several along axis {self.axis}")

    @property
    def plane(self) -> int:
        """Index of the plane it lies in, along its axis."""
        return self.first_zyx[self.axis]

    @property
    def middle(self) -> Click:
        """The inside click that it stands for."""
        z, y, x = ((first + last) // 2 for first, last in zip(self.first_zyx, self.last_zyx, strict=True))
        return Click((z, y, x), inside=True, label=self.label)

    def holds(self, voxel_zyx: Sequence[int]) -> bool:
        """Whether a voxel lies in the box."""
        places = zip(self.first_zyx, voxel_zyx, self.last_zyx, strict=True)
        return all(first <= index <= last for first, index, last in places)

    def refuses(self, click: Click) -> bool:
        """Whether a click says that the structure is where the box says it is not."""
        here = click.label == self.label and click.voxel_zyx[self.axis] == self.plane
        return here and click.inside and not self.holds(click.voxel_zyx)


def confine(labels: NDArray[Any], boxes: Iterable[BoxPrompt], corner_zyx: Sequence[int] = (0, 0, 0)) -> None:
    """Take away, in place, what lies outside of boxes in their planes.

    Parameters
    ----------
    labels : ndarray of label values, (Z, Y, X)
        A mask, or a window of it.
    boxes : iterable of BoxPrompt
        Only their own label values are taken away.
    corner_zyx : sequence of int
        Voxel of the image at which the window begins.
    """
    for box in boxes:
        at = box.plane - corner_zyx[box.axis]
        if not 0 <= at < labels.shape[box.axis]:
            continue
        plane = labels[(slice(None),) * box.axis + (at,)]
        beyond = plane == box.label
        inner = [
            slice(max(first - begin, 0), max(last + 1 - begin, 0))
            for first, last, begin in zip(box.first_zyx, box.last_zyx, corner_zyx, strict=True)
        ]
        del inner[box.axis]
        beyond[tuple(inner)] = False
        plane[beyond] = 0

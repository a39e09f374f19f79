"""A click: a voxel that the user says lies inside or outside a structure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Click:
    """One click.

    Parameters
    ----------
    voxel_zyx : tuple of int
        Canonical voxel (z, y, x) of the image as stored, before any resampling.
    inside : bool
        True: this voxel belongs to the structure; False: it does not.
    label : int
        Label value of the structure the click speaks about.
    """

    voxel_zyx: tuple[int, int, int]
    inside: bool
    label: int

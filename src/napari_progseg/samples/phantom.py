"""What the generated patients share: a grid in mm, smooth random fields, soft edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..geometry import Geometry

Field = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Grid:
    """A grid of voxels centred on the origin.

    Parameters
    ----------
    shape_zyx : tuple of int
        Number of voxels.
    spacing_zyx_mm : tuple of float
        Distance between voxel centres.
    """

    shape_zyx: tuple[int, int, int]
    spacing_zyx_mm: tuple[float, float, float]

    def coordinates_mm(self) -> tuple[Field, Field, Field]:
        """Return z, y and x in mm, broadcastable to (Z, Y, X)."""
        axes = [
            (np.arange(n, dtype=np.float32) - (n - 1) / 2) * np.float32(step)
            for n, step in zip(self.shape_zyx, self.spacing_zyx_mm, strict=True)
        ]
        z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
        return z, y, x

    def geometry(self) -> Geometry:
        """Return the grid of a file stored as DICOM does: x to the Left, y to Posterior, z to Superior."""
        z, y, x = self.spacing_zyx_mm
        centre = [-(n - 1) / 2 * step for n, step in zip(self.shape_zyx, self.spacing_zyx_mm, strict=True)]
        affine = np.diag([x, y, z, 1.0])
        affine[:3, 3] = centre[::-1]
        depth, height, width = self.shape_zyx
        return Geometry((width, height, depth), affine)

    def smooth_noise(self, rng: np.random.Generator, width_mm: float) -> Field:
        """Draw a smooth random field (Z, Y, X) of mean 0 and standard deviation 1."""
        noise = rng.standard_normal(self.shape_zyx, dtype=np.float32)
        smooth = ndimage.gaussian_filter(noise, [width_mm / step for step in self.spacing_zyx_mm], mode="nearest")
        return np.asarray((smooth - smooth.mean()) / smooth.std(), dtype=np.float32)


def patient_rng(kind: int, seed: int, patient: int) -> np.random.Generator:
    """Return the generator of one patient of one kind of sample."""
    return np.random.default_rng([kind, seed, patient])


def cover(distance_mm: NDArray[Any], edge_mm: float) -> Field:
    """Turn signed distances (negative inside) into the share of each voxel that lies inside."""
    return np.clip(0.5 - distance_mm / edge_mm, 0, 1).astype(np.float32)


def paint(image: Field, share: NDArray[Any], value: NDArray[Any] | float) -> None:
    """Mix a material into the image where its share is above 0; in place."""
    image += share * (value - image)

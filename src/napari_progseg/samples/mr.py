"""A generated MR of a small curved structure of two parts, like the hippocampus, among tissue of its own brightness."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..volume import LabelMap, Volume
from .phantom import Field, Grid, cover, paint, patient_rng

ANTERIOR, POSTERIOR = 1, 2
_KIND = 2
_EDGE_MM = 1.2


def two_part_mr(
    patient: int, *, seed: int = 0, shape_zyx: tuple[int, int, int] = (36, 50, 35)
) -> tuple[Volume, LabelMap]:
    """Generate the MR of one patient.

    Parameters
    ----------
    patient : int
        Number of the patient, at least 0: shape, pose, contrast, bias field and noise follow from it and the seed.
    seed : int
        Another seed is another cohort.
    shape_zyx : tuple of int
        Number of voxels; the field of view stays about 36 × 50 × 35 mm.

    Returns
    -------
    volume : Volume
        Intensities without unit as int16, (Z, Y, X).
    labels : LabelMap
        1 is the anterior part (a thick head), 2 the posterior part (a thin body and tail).
    """
    rng = patient_rng(_KIND, seed, patient)
    spacing = tuple(mm / n for mm, n in zip((36.0, 50.0, 35.0), shape_zyx, strict=True))
    grid = Grid(shape_zyx, (spacing[0], spacing[1], spacing[2]))
    surface, along = _structure(grid, rng)
    image = _tissue(grid, rng, surface)
    labels = np.where(surface < 0, np.where(along < 0, ANTERIOR, POSTERIOR), 0).astype(np.uint8)
    geometry = grid.geometry()
    names = {ANTERIOR: "anterior", POSTERIOR: "posterior"}
    return Volume(_scanned(grid, rng, image), geometry, "mr"), LabelMap(labels, geometry, names)


def _structure(grid: Grid, rng: np.random.Generator) -> tuple[Field, Field]:
    """Return the distance to the surface (negative inside) and the place along it (negative in front of the border)."""
    z, y, x = _posed(grid, rng)
    length, bend = rng.uniform(30, 37), rng.uniform(4, 8)
    # s runs from 0 at the front to 1 at the back end
    s = (y / length + 0.5).astype(np.float32)
    centre_z = bend * ((s - 0.35) ** 2 - 0.1) * -3
    centre_x = rng.uniform(2, 6) * np.sin(np.pi * (s - 0.2)) - 2
    head, body = rng.uniform(6.0, 7.6), rng.uniform(3.7, 4.7)
    radius = body + (head - body) / (1 + np.exp((s - 0.38) * 14)) - 1.6 * np.clip(s - 0.6, 0, 1)
    across = np.hypot((z - centre_z) * rng.uniform(1.15, 1.35), x - centre_x)
    ends = np.maximum(-s, s - 1) * length
    wavy = 0.55 * grid.smooth_noise(rng, 3.5)
    rounded = np.hypot(across, np.maximum(ends + radius, 0)) - radius
    border = rng.uniform(0.4, 0.5) + 0.008 * (z - centre_z)
    return (rounded + wavy).astype(np.float32), (s - border).astype(np.float32)


def _posed(grid: Grid, rng: np.random.Generator) -> tuple[Field, Field, Field]:
    z, y, x = grid.coordinates_mm()
    shift = rng.uniform(-2.5, 2.5, 3)
    tilt, turn = np.radians(rng.uniform(-14, 14, 2))
    z, y, x = z - shift[0], y - shift[1], x - shift[2]
    z, y = np.cos(tilt) * z - np.sin(tilt) * y, np.sin(tilt) * z + np.cos(tilt) * y
    y, x = np.cos(turn) * y - np.sin(turn) * x, np.sin(turn) * y + np.cos(turn) * x
    return z, y, x


def _tissue(grid: Grid, rng: np.random.Generator, surface: Field) -> Field:
    """Paint white matter, folded cortex with fluid in its grooves, the structure, a fluid cleft and a look-alike."""
    white, grey, fluid = rng.uniform(680, 800), rng.uniform(480, 560), rng.uniform(110, 190)
    image = np.full(grid.shape_zyx, white, dtype=np.float32)
    fold = 3.2 * grid.smooth_noise(rng, 4.5) + 1.2
    # a sheath of white matter separates the structure from most of the cortex, but not everywhere
    sheath = rng.uniform(2.0, 3.0) - surface + 1.5 * grid.smooth_noise(rng, 5)
    cortex = np.maximum(fold, sheath)
    paint(image, cover(cortex, _EDGE_MM), grey)
    paint(image, cover(cortex + rng.uniform(2.6, 3.4), _EDGE_MM), fluid)
    _paint_neighbour(grid, rng, image, grey, surface)
    cleft = np.maximum(np.abs(surface - 1.2) - 0.8, 0.9 - grid.smooth_noise(rng, 6))
    paint(image, cover(cleft, _EDGE_MM), fluid)
    paint(image, cover(surface, _EDGE_MM), grey * rng.uniform(0.97, 1.05))
    layers = 12 * np.sin(2.2 * surface + grid.smooth_noise(rng, 4))
    image += cover(surface + 1, _EDGE_MM) * layers
    return image


def _paint_neighbour(grid: Grid, rng: np.random.Generator, image: Field, grey: float, surface: Field) -> None:
    """Paint a round nucleus in front of and above the head, as bright as the structure."""
    z, y, x = grid.coordinates_mm()
    centre, radius = rng.uniform((-13, -18, -3), (-9, -13, 3)), rng.uniform(5, 7)
    ball = np.sqrt((z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2) - radius
    ball = ball + 0.8 * grid.smooth_noise(rng, 4)
    paint(image, cover(np.maximum(ball, 1.2 - surface), _EDGE_MM), grey * rng.uniform(0.98, 1.08))


def _scanned(grid: Grid, rng: np.random.Generator, image: Field) -> NDArray[np.int16]:
    """Blur, multiply by the coil's bias field, add Rician noise and the scanner's arbitrary gain."""
    blurred = ndimage.gaussian_filter(image, 0.5)
    shaded = blurred * np.exp(rng.uniform(0.05, 0.14) * grid.smooth_noise(rng, 16))
    level = rng.uniform(22, 42)
    noise = level * rng.standard_normal((2, *image.shape), dtype=np.float32)
    magnitude = np.hypot(shaded + noise[0], noise[1]) * rng.uniform(0.6, 1.8)
    return np.asarray(np.rint(magnitude), dtype=np.int16)

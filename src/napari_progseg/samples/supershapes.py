"""Generated MR of supershapes: bodies with three known modes of variation, whose points correspond exactly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..shape.farthest import farthest_order
from ..shape.pose import Pose, Poses
from ..volume import LabelMap, Volume
from .phantom import Field, Grid, cover, paint, patient_rng

SHAPE = 1
POINTS = 512

Array = NDArray[np.float64]

_KIND = 4
_EDGE_MM = 2.5
_CANDIDATES = 4096
# of the smallest extent of the field of view: the mean body's radius
_SIZE = 0.2
_LOBES, _POWER, _PHASE = 3, 6.0, 0.35
_BLUNT, _TAPER = 2.6, 0.12
_WIDEST_SCORE = 2.2


@dataclass(frozen=True, eq=False)
class _Body:
    """One body of unit size, by a map of unit directions onto its surface that can be undone everywhere.

    Parameters
    ----------
    lobes : float
        How far the lobes stand out: the inverse of the first exponent of Gielis' superformula.
    length : float
        Stretch along z.
    bend : float
        How far the ends lie off along x.
    ripples : ndarray, (6,)
        Weights of what remains, in log radius.
    """

    lobes: float
    length: float
    bend: float
    ripples: Array

    def at(self, directions: Array) -> Array:
        """Carry unit directions, (N, 3) ordered (z, y, x), to points of the surface."""
        z, y, x = (directions * self._radius(directions)[:, None]).T
        width = self._width(np.arctan2(y, x)) * (1 + _TAPER * z)
        return np.stack([self.length * z, width * y, width * x + self._bow(z)], axis=1)

    def depth(self, points: Array) -> Array:
        """Return how far out points, (N, 3), lie: below 0 inside, 0 on the surface."""
        z = points[:, 0] / self.length
        y, x = points[:, 1], points[:, 2] - self._bow(z)
        # the taper must not turn inside out far beyond the ends
        width = self._width(np.arctan2(y, x)) * np.maximum(1 + _TAPER * z, 0.1)
        undone = np.stack([z, y / width, x / width], axis=1)
        radius = np.linalg.norm(undone, axis=1)
        directions = undone / np.maximum(radius, 1e-9)[:, None]
        return np.asarray(radius - self._radius(directions))

    def _width(self, longitude: Array) -> Array:
        return np.exp(-self.lobes * (_ripple(longitude) - _mean_ripple()))

    def _bow(self, z: Array) -> Array:
        return self.bend * (z**2 - 0.3)

    def _radius(self, directions: Array) -> Array:
        z, y, x = directions.T
        across = np.hypot(y, x)
        blunt = (np.abs(z) ** _BLUNT + across**_BLUNT) ** (-1 / _BLUNT)
        rest = np.stack([z * y, z * x, y * x, x**2 - y**2, z * (x**2 - y**2), z * y * x])
        return np.asarray(blunt * np.exp(self.ripples @ rest))


def supershape(
    patient: int,
    seed: int = 0,
    *,
    shape_zyx: tuple[int, int, int] = (32, 32, 32),
    spacing_zyx_mm: tuple[float, float, float] = (2, 2, 2),
) -> tuple[Volume, LabelMap, Array]:
    """Generate the MR of one patient with a body whose every point is known.

    The longitude of the body follows Gielis' superformula (Am. J. Bot. 90 (2003) 333-338) with three lobes, its
    latitude a superellipse. How far the lobes stand out, how long the body is and how much it is bent vary from
    patient to patient, each by a number from a normal distribution; so do, far less, six ripples.

    Parameters
    ----------
    patient : int
        Number of the patient, at least 0: shape, pose, contrast, bias field and noise follow from it and the seed.
    seed : int
        Another seed is another cohort.
    shape_zyx : tuple of int
        Number of voxels. The body fills about half of the smallest extent of the field, whatever the voxels.
    spacing_zyx_mm : tuple of float
        Distance between voxel centres.

    Returns
    -------
    volume : Volume
        Intensities without unit as int16, (Z, Y, X).
    labels : LabelMap
        1 inside the body, decided exactly at each voxel's centre.
    points : ndarray, (512, 3) float64
        Points of its surface in centred mm, ordered (z, y, x): the same points of the body in every patient, so that
        any first part of them is spread evenly over the mean body.
    """
    rng = patient_rng(_KIND, seed, patient)
    grid = Grid(shape_zyx, spacing_zyx_mm)
    size_mm = _SIZE * min(n * step for n, step in zip(shape_zyx, spacing_zyx_mm, strict=True))
    body = _drawn_body(rng)
    pose = _drawn_pose(rng, size_mm)
    depth_mm = _depth_mm(grid, body, pose)
    labels = (depth_mm < 0).astype(np.uint8)
    image = _scanned(grid, rng, _tissue(grid, rng, depth_mm))
    geometry = grid.geometry()
    points = pose.apply(body.at(_directions()))
    return Volume(image, geometry, "mr"), LabelMap(labels, geometry, {SHAPE: "supershape"}), points


def _drawn_body(rng: np.random.Generator) -> _Body:
    scores = np.clip(rng.standard_normal(3), -_WIDEST_SCORE, _WIDEST_SCORE)
    return _body(scores, 0.008 * rng.standard_normal(6))


def _body(scores: Array, ripples: Array) -> _Body:
    lobes, length, bend = scores
    return _Body(0.16 + 0.045 * lobes, 1.3 * float(np.exp(0.1 * length)), 0.3 + 0.17 * bend, ripples)


def _drawn_pose(rng: np.random.Generator, size_mm: float) -> Pose:
    """Draw a turn of up to 12°, up to 6 % of size and, in a field of 64 mm, up to 3 mm of shift along each axis."""
    axis = rng.standard_normal(3)
    turn = np.radians(rng.uniform(0, 12)) * axis / np.linalg.norm(axis)
    size = np.log(size_mm) + rng.uniform(-0.06, 0.06)
    shift = 0.23 * size_mm * rng.uniform(-1, 1, 3)
    return Poses.of([*turn, size, *shift])[0]


@cache
def _directions() -> Array:
    """Return the unit directions of the points, (512, 3): spread evenly over the mean body, first parts too."""
    turns = np.arange(_CANDIDATES) + 0.5
    height, angle = 1 - 2 * turns / _CANDIDATES, np.pi * (1 + np.sqrt(5)) * turns
    across = np.sqrt(1 - height**2)
    candidates = np.stack([height, across * np.sin(angle), across * np.cos(angle)], axis=1)
    chosen = candidates[farthest_order(_body(np.zeros(3), np.zeros(6)).at(candidates), POINTS)]
    chosen.flags.writeable = False
    return np.asarray(chosen)


def _ripple(longitude: Array) -> Array:
    """Return the logarithm of the sum in Gielis' superformula, with equal second and third exponents."""
    turn = _LOBES * (longitude - _PHASE) / 4
    return np.asarray(np.log(np.abs(np.cos(turn)) ** _POWER + np.abs(np.sin(turn)) ** _POWER))


@cache
def _mean_ripple() -> float:
    return float(_ripple(np.linspace(0, 2 * np.pi, 3600, endpoint=False)).mean())


def _depth_mm(grid: Grid, body: _Body, pose: Pose) -> Array:
    """Return roughly how far from the surface each voxel lies, (Z, Y, X) mm; the sign is exact, negative inside."""
    axes = [axis.astype(np.float64) for axis in grid.coordinates_mm()]
    voxels = np.stack(np.broadcast_arrays(*axes), axis=-1).reshape(-1, 3)
    return np.asarray(pose.scale * body.depth(pose.inverse(voxels)).reshape(grid.shape_zyx))


def _tissue(grid: Grid, rng: np.random.Generator, depth_mm: Array) -> Field:
    """Paint a blotched background, and the body a little brighter than its brightest blotches."""
    background, contrast = rng.uniform(300, 360), rng.uniform(190, 260)
    image = background + 45 * grid.smooth_noise(rng, 7) + 25 * grid.smooth_noise(rng, 3)
    inside = background + contrast + 20 * grid.smooth_noise(rng, 4)
    paint(image, cover(depth_mm, _EDGE_MM), inside)
    return np.asarray(image, dtype=np.float32)


def _scanned(grid: Grid, rng: np.random.Generator, image: Field) -> NDArray[np.int16]:
    """Blur, multiply by the coil's bias field, add Rician noise and the scanner's arbitrary gain."""
    blurred = ndimage.gaussian_filter(image, 0.4)
    shaded = blurred * np.exp(rng.uniform(0.05, 0.12) * grid.smooth_noise(rng, 20))
    noise = rng.uniform(20, 35) * rng.standard_normal((2, *image.shape), dtype=np.float32)
    magnitude = np.hypot(shaded + noise[0], noise[1]) * rng.uniform(0.7, 1.5)
    return np.asarray(np.rint(magnitude), dtype=np.int16)

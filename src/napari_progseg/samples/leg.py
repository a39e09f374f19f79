"""A generated CT of a right lower leg: a thick and a thin long bone in muscle, fat and skin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..volume import LabelMap, Volume
from .phantom import Field, Grid, cover, paint, patient_rng

BONE, LESION = 1, 2
_AIR_HU, _FAT_HU, _SKIN_HU, _COUCH_HU = -1000.0, -105.0, 20.0, 0.0
_SKIN_OVER_BONE_MM = 3.5
_KIND, _LESION_KIND = 1, 3


@dataclass(frozen=True, eq=False)
class _Scene:
    """One patient's grid, random numbers and place: `x`, `y` are mm from the leg's axis, turned into its pose.

    `t` runs from 0 (knee) to 1 (ankle); y grows to posterior, x to the left, which is medial in a right leg.
    """

    grid: Grid
    rng: np.random.Generator
    t: Field
    y: Field
    x: Field
    edge_mm: float


def leg_ct(
    patient: int, *, seed: int = 0, shape_zyx: tuple[int, int, int] = (40, 96, 96), lesions: bool = False
) -> tuple[Volume, LabelMap]:
    """Generate the CT of one patient's lower leg.

    Parameters
    ----------
    patient : int
        Number of the patient, at least 0: shape, pose, densities and noise follow from it and the seed.
    seed : int
        Another seed is another cohort.
    shape_zyx : tuple of int
        Number of voxels; the field of view stays about 20 × 12.5 × 12.5 cm.
    lesions : bool
        Add one to three small enhancing lesions to the muscles.

    Returns
    -------
    volume : Volume
        HU as int16, (Z, Y, X).
    labels : LabelMap
        1 is the thin bone (fibula) with its marrow, 2 a lesion. The thick bone (tibia) is just as dense and has no
        label.
    """
    scene = _scene(patient_rng(_KIND, seed, patient), shape_zyx)
    image, outline, depth = _soft_tissue(scene)
    _paint_vessels(scene, image)
    under_skin = outline + _SKIN_OVER_BONE_MM
    thick, thick_spongy = _tibia(scene)
    thin, thin_spongy = _fibula(scene)
    thick, thin = np.maximum(thick, under_skin), np.maximum(thin, under_skin)
    found = np.zeros(image.shape, dtype=bool)
    if lesions:
        # a generator of their own leaves the rest of the patient as it is without them
        found = _paint_lesions(scene, patient_rng(_LESION_KIND, seed, patient), image, depth)
    _paint_bone(scene, image, thick, thick_spongy, cortex_mm=(3.0, 5.0))
    _paint_bone(scene, image, thin, thin_spongy, cortex_mm=(1.8, 3.0))
    labels = np.where(thin < 0, BONE, np.where(found & (thick > 0), LESION, 0)).astype(np.uint8)
    geometry = scene.grid.geometry()
    names = {BONE: "fibula"} | ({LESION: "lesion"} if lesions else {})
    return Volume(_scanned(scene, image), geometry, "ct"), LabelMap(labels, geometry, names)


def _scene(rng: np.random.Generator, shape_zyx: tuple[int, int, int]) -> _Scene:
    extent_mm = (200.0, 125.0, 125.0)
    zoom = rng.uniform(0.94, 1.06, 2)
    depth, height, width = (mm / n for mm, n in zip(extent_mm, shape_zyx, strict=True))
    grid = Grid(shape_zyx, (depth * zoom[0], height * zoom[1], width * zoom[1]))
    z, y, x = grid.coordinates_mm()
    t = (z / (grid.spacing_zyx_mm[0] * shape_zyx[0]) + 0.5).astype(np.float32)
    tilt, shift = rng.uniform(-0.06, 0.06, 2), rng.uniform(-5, 5, 2)
    angle = np.radians(rng.uniform(-20, 20))
    y, x = y - shift[0] - tilt[0] * z, x - shift[1] - tilt[1] * z
    turned = (np.cos(angle) * y - np.sin(angle) * x, np.sin(angle) * y + np.cos(angle) * x)
    return _Scene(grid, rng, t, turned[0].astype(np.float32), turned[1].astype(np.float32), grid.spacing_zyx_mm[1])


def _soft_tissue(scene: _Scene) -> tuple[Field, Field, Field]:
    """Paint couch, skin, fat and muscles; also return the distances to skin and fascia in mm, negative inside."""
    rng, t = scene.rng, scene.t
    size, calf = rng.uniform(43, 49), rng.uniform(0.06, 0.14)
    radius = size * (1 + calf * np.exp(-(((t - 0.25) / 0.25) ** 2)) - 0.28 * t**1.5)
    outline = _outline(scene, 0.0, 0.0, radius, ((2, rng.uniform(0.02, 0.05)), (3, rng.uniform(0, 0.04))))
    fat_mm = rng.uniform(3, 8) * (1 + 0.25 * scene.grid.smooth_noise(rng, 25)) + 2
    depth = (outline + fat_mm).astype(np.float32)
    # the shin has hardly any fat between skin and bone
    depth -= (fat_mm * 0.6 * np.exp(-((scene.y + 40) ** 2 + (scene.x - 18) ** 2) / 500)).astype(np.float32)
    image = np.full(scene.grid.shape_zyx, _AIR_HU, dtype=np.float32)
    _paint_couch(scene, image)
    paint(image, cover(outline, scene.edge_mm), _SKIN_HU)
    paint(image, cover(outline + 1.8, scene.edge_mm), _FAT_HU)
    muscle = rng.uniform(48, 68) + 6 * scene.grid.smooth_noise(rng, 6)
    paint(image, cover(depth, scene.edge_mm), muscle)
    paint(image, cover(depth, scene.edge_mm) * _septa(scene), _FAT_HU)
    return image, outline, depth


def _septa(scene: _Scene) -> Field:
    """Return the share of fat between the muscles: the borders of a warped Voronoi diagram."""
    rng = scene.rng
    angles = np.arange(6) * (2 * np.pi / 6) + rng.uniform(-0.35, 0.35, 6)
    reach = rng.uniform(15, 28, 6)
    bend = [4 * scene.grid.smooth_noise(rng, 14) for _ in range(2)]
    distances = np.stack(
        [
            np.hypot(scene.y + bend[0] - r * np.sin(a), scene.x + bend[1] - r * np.cos(a))
            for a, r in zip(angles, reach, strict=True)
        ]
    )
    nearest = np.partition(distances, 1, axis=0)[:2]
    gap = nearest[1] - nearest[0] - rng.uniform(0.8, 1.8)
    return cover(gap, 2 * scene.edge_mm) * np.float32(rng.uniform(0.5, 0.9))


def _tibia(scene: _Scene) -> tuple[Field, Field]:
    rng, t = scene.rng, scene.t
    place = rng.uniform((-20, 8), (-15, 14))
    radius = rng.uniform(11.5, 14) * (1 + rng.uniform(0.55, 0.8) * np.exp(-t / 0.16) + 0.25 * np.exp((t - 1) / 0.1))
    y, x = place[0] + 5 * (t - 0.3), place[1] - 4 * t
    ridge = ((3, rng.uniform(0.12, 0.18)), (2, rng.uniform(0.02, 0.06)))
    return _outline(scene, y, x, radius, ridge, phase=-np.pi / 2), np.exp(-t / 0.25)


def _fibula(scene: _Scene) -> tuple[Field, Field]:
    rng, t = scene.rng, scene.t
    place, bow = rng.uniform((2, -27), (8, -21)), rng.uniform(-3, 3, 2)
    radius = rng.uniform(5.8, 7.4) * (1 + rng.uniform(0.4, 0.7) * np.exp(-t / 0.1) + 0.3 * np.exp((t - 1) / 0.08))
    y = place[0] + 4 * t + bow[0] * np.sin(np.pi * t)
    x = place[1] + 6 * t + bow[1] * np.sin(np.pi * t)
    edges = ((2, rng.uniform(0.05, 0.15)), (3, rng.uniform(0.05, 0.12)), (4, rng.uniform(0, 0.06)))
    return _outline(scene, y, x, radius, edges, phase=rng.uniform(-np.pi, np.pi)), np.exp(-t / 0.18)


def _outline(
    scene: _Scene,
    y_mm: Field | float,
    x_mm: Field | float,
    radius_mm: Field,
    waves: tuple[tuple[int, float], ...],
    phase: float = 0.0,
) -> Field:
    """Return the distance in mm, negative inside, to a tube whose cross-section is a wavy circle."""
    y, x = scene.y - y_mm, scene.x - x_mm
    angle = np.arctan2(y, x) - phase
    wavy = 1 + sum(share * np.cos(order * angle) for order, share in waves)
    return np.asarray(np.hypot(y, x) - radius_mm * wavy, dtype=np.float32)


def _paint_bone(scene: _Scene, image: Field, surface: Field, spongy: Field, *, cortex_mm: tuple[float, float]) -> None:
    """Paint cortex and marrow; `spongy` is the share of trabecular bone in the marrow along the shaft."""
    rng = scene.rng
    thickness = rng.uniform(*cortex_mm) * (1 - 0.6 * spongy)
    cortex = rng.uniform(950, 1350) * (1 - 0.3 * spongy) + 60 * scene.grid.smooth_noise(rng, 5)
    marrow = rng.uniform(-60, 0) + 330 * spongy + (20 + 60 * spongy) * scene.grid.smooth_noise(rng, 2.5)
    paint(image, cover(surface, scene.edge_mm), cortex)
    paint(image, cover(surface + thickness, scene.edge_mm), marrow)


def _paint_vessels(scene: _Scene, image: Field) -> None:
    """Paint contrast-filled arteries, one of them with a calcified wall as dense as thin bone."""
    rng, t = scene.rng, scene.t
    hu = rng.uniform(70, 240)
    for number, (y, x) in enumerate(rng.uniform((0, -8), (14, 12), (3, 2))):
        wave = 2 * np.sin(2 * np.pi * (t + rng.uniform()))
        tube = _outline(scene, y + wave, x - wave, np.full_like(t, rng.uniform(1.3, 2.2)), ())
        paint(image, cover(tube, scene.edge_mm), hu)
        if number == 0:
            spots = scene.grid.smooth_noise(rng, 6) > 1.0
            paint(image, cover(np.abs(tube), scene.edge_mm) * spots, rng.uniform(350, 700))


def _paint_lesions(scene: _Scene, rng: np.random.Generator, image: Field, depth: Field) -> NDArray[np.bool_]:
    """Paint small blobs with an enhancing rim into the muscles; return where, (Z, Y, X)."""
    found = np.zeros(scene.grid.shape_zyx, dtype=bool)
    z = (scene.t - 0.5) * scene.grid.spacing_zyx_mm[0] * scene.grid.shape_zyx[0]
    rough = scene.grid.smooth_noise(rng, 4)
    for _ in range(rng.integers(1, 4)):
        at, angle, radius = rng.uniform(-75, 75), rng.uniform(0.1, np.pi - 0.1), rng.uniform(4.5, 8)
        y, x = 25 * np.sin(angle), 25 * np.cos(angle)
        ball = np.sqrt((scene.y - y) ** 2 + (scene.x - x) ** 2 + ((z - at) / 1.3) ** 2) - radius * (1 + 0.12 * rough)
        ball = np.maximum(ball, depth + 1)
        paint(image, cover(ball, scene.edge_mm), rng.uniform(105, 135))
        paint(image, cover(ball + 2.2, scene.edge_mm), rng.uniform(70, 90))
        found |= ball < 0
    return found


def _paint_couch(scene: _Scene, image: Field) -> None:
    _, y, x = scene.grid.coordinates_mm()
    surface = np.abs(y - (55 - x**2 / 900) + scene.rng.uniform(-1, 1)) - 1.2
    paint(image, cover(surface, scene.edge_mm), _COUCH_HU)


def _scanned(scene: _Scene, image: Field) -> NDArray[np.int16]:
    """Blur by the scanner's resolution and add its noise."""
    rng = scene.rng
    blurred = ndimage.gaussian_filter(image, (0.3, 0.6, 0.6))
    grain = ndimage.gaussian_filter(rng.standard_normal(image.shape, dtype=np.float32), (0, 0.6, 0.6))
    noisy = blurred + grain / grain.std() * rng.uniform(14, 38)
    return np.asarray(np.clip(np.rint(noisy), -1024, 3071), dtype=np.int16)

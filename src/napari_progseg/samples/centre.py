"""Volumes as another centre would have acquired and contoured them: other contrast, noise, resolution, protocol."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion, gaussian_filter, zoom

from ..volume import LabelMap, Volume


@dataclass(frozen=True)
class CentreShift:
    """How the other centre differs.

    Parameters
    ----------
    power : float
        Exponent of the intensity curve between the percentiles 0.5 and 99.5 of a volume.
    noise : float
        Standard deviation of the noise, as a share of that range.
    blur : float
        Width of the blur in voxels.
    thickness : float
        How many times thicker its slices are; they are interpolated back to the same grid.
    contour : int
        Voxels by which its protocol draws contours wider (narrower, if negative).
    """

    power: float = 0.55
    noise: float = 0.04
    blur: float = 0.6
    thickness: float = 2.0
    contour: int = 0


def shifted(volume: Volume, labels: LabelMap, shift: CentreShift, seed: int) -> tuple[Volume, LabelMap]:
    """Return image and labels as the other centre would have them, on the same grid."""
    rng = np.random.default_rng(seed)
    image = volume.image.astype(np.float32)
    low, high = (float(value) for value in np.percentile(image, [0.5, 99.5]))
    span = max(high - low, 1e-6)
    changed = np.clip((image - low) / span, 0, 1.2) ** shift.power
    changed = _thicker(gaussian_filter(changed, shift.blur), shift.thickness)
    changed = changed + rng.normal(0, shift.noise, changed.shape).astype(np.float32)
    values = low + span * np.clip(changed, 0, None)
    if np.issubdtype(volume.image.dtype, np.integer):
        values = np.rint(values)
    drawn = _contoured(labels.labels, shift.contour)
    return (
        Volume(values.astype(volume.image.dtype), volume.geometry, volume.modality),
        LabelMap(drawn, labels.geometry, labels.names),
    )


def _thicker(image: NDArray[np.float32], thickness: float) -> NDArray[np.float32]:
    slices = len(image)
    fewer = max(1, round(slices / thickness))
    thick = zoom(image, (fewer / slices, 1, 1), order=1, mode="nearest", grid_mode=True)
    out: NDArray[np.float32] = zoom(thick, (slices / fewer, 1, 1), order=1, mode="nearest", grid_mode=True)
    return out


def _contoured(labels: NDArray[np.unsignedinteger], voxels: int) -> NDArray[np.unsignedinteger]:
    """Grow or shrink every structure; growing takes background only, the lower value first."""
    if voxels == 0:
        return labels.copy()
    out = np.zeros_like(labels)
    for value in np.unique(labels[labels > 0])[::-1]:
        mask = labels == value
        if voxels < 0:
            out[binary_erosion(mask, iterations=-voxels)] = value
        else:
            out[binary_dilation(mask, iterations=voxels) & ((labels == 0) | mask)] = value
    return out

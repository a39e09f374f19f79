"""The network's grid: how large a patch is, and how often the network halves it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..training.config import ModelConfig, RunConfig

Strides = tuple[tuple[int, ...], ...]
# how often networks of one shape halve every axis; deeplab takes any size
_HALVINGS = {"basic_unet": 4, "unetr": 4, "swin_unetr": 5, "deeplab": 0}
# DeepSSM's convolutions leave one voxel of 60 (algorithms 5.1)
SMALLEST_BASE = 60


def patch_and_strides(
    config: RunConfig, shape: Sequence[float], spacing: Sequence[float]
) -> tuple[tuple[int, ...], Strides]:
    """Fit the patch to the median shape within the budget, and halve each axis while voxels and spacing allow."""
    model = config.model
    wanted, most = config.patches.size, _most_voxels(config, len(shape))
    size = np.array(wanted if wanted is not None else _within(shape, most), dtype=float)
    strides = _strides(size, spacing, model)
    divisor = np.prod(strides, axis=0) if strides else np.ones(len(size))
    # the nearest size, of two the smaller: more steps in the same time are worth more than a whole structure at once
    blocks = np.maximum(np.ceil(np.round(size / divisor - 0.5, 6)), 1)
    while wanted is None and np.prod(blocks * divisor) > most and blocks.max() > 1:
        blocks[np.argmax(np.where(blocks > 1, blocks * divisor, 0))] -= 1
    patch = tuple(int(n) for n in blocks * divisor)
    if wanted is not None and patch != tuple(wanted):
        raise UserError(
            f"patches.size {tuple(wanted)} is not divisible by {tuple(int(d) for d in divisor)}, as the network asks; "
            f"nothing was started; {patch} would do"
        )
    return patch, strides


def whole_volumes(
    largest_mm: NDArray[np.float64], config: RunConfig, spacing: Sequence[float]
) -> tuple[tuple[float, float, float], tuple[int, ...], Strides]:
    """Coarsen the grid until the largest volume fits into the budget; the base backbone asks for 60 voxels an axis."""
    scale = np.array(spacing, dtype=float)
    base = config.shape.backbone == "base"
    most = max(config.patches.voxels, SMALLEST_BASE**3) if base else config.patches.voxels
    while np.prod(largest_mm / scale) > most and config.data.spacing is None:
        # the axes of the finest voxels first, so that they become alike
        scale[scale <= 1.05 * scale.min()] *= 1.02
    found = tuple(map(float, scale))
    strides = () if base else _strides(np.ceil(np.round(largest_mm / scale, 6)), found, config.model)
    patch = whole_patch(largest_mm, found, np.prod(strides, axis=0).tolist() if strides else (1, 1, 1))
    if base:
        patch = tuple(max(n, SMALLEST_BASE) for n in patch)
    return found, patch, strides  # type: ignore[return-value]


def whole_patch(largest_mm: NDArray[np.float64], spacing: Sequence[float], divisor: Sequence[int]) -> tuple[int, ...]:
    """Return the smallest patch (z, y, x) that a network takes and that holds a volume of such sides."""
    size = np.ceil(np.round(largest_mm / np.asarray(spacing), 6))
    return tuple(int(n) for n in np.ceil(size / divisor) * divisor)


def _most_voxels(config: RunConfig, dims: int) -> int:
    """Return the largest patch; of slices so small a one that enough of them fit into a batch."""
    patches = config.patches
    if dims == 3 or patches.batch_voxels is None or patches.least_batch is None:
        return patches.voxels
    return min(patches.voxels, max(64, patches.batch_voxels // patches.least_batch))


def _within(shape: Sequence[float], voxels: int) -> NDArray[np.float64]:
    size = np.ceil(np.asarray(shape, dtype=float))
    while np.prod(size) > voxels:
        size[np.argmax(size)] *= 0.95
    return np.asarray(np.maximum(np.floor(size), 1))


def _strides(size: NDArray[np.float64], spacing: Sequence[float], model: ModelConfig) -> Strides:
    """Halve an axis only while it keeps 4 voxels and its voxels are not yet twice as long as the shortest."""
    if model.architecture in _HALVINGS:
        return ((2,) * len(size),) * _HALVINGS[model.architecture]
    left, now, strides = size.copy(), np.asarray(spacing, dtype=float).copy(), []
    for _ in range(model.levels):
        halve = (left >= 8) & (now <= 2 * now.min())
        if not halve.any():
            break
        stride = np.where(halve, 2, 1)
        left, now = left / stride, now * stride
        strides.append(tuple(int(s) for s in stride))
    # DynUNet has at least three levels
    strides += [(1,) * len(size)] * (2 - len(strides))
    return tuple(strides)

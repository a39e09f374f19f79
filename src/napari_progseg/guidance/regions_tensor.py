"""Largest region and innermost point for a whole batch of tensors at once, without leaving the device."""

from __future__ import annotations

import torch
from torch import Tensor


def largest(kinds: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find the largest face-connected region of every sample over several kinds of region.

    Parameters
    ----------
    kinds : Tensor, (B, N, *S) bool
        N masks a sample, whose regions are kept apart.

    Returns
    -------
    region : Tensor, (B, *S) bool
        The largest region; of equal ones the first kind's, then the one whose first voxel in C order comes first.
    kind, area : Tensor, (B,) int64
        Its kind, 0 to N - 1, and its number of voxels, 0 where the sample has no region.
    """
    batch, n_kinds = kinds.shape[:2]
    roots = _roots(kinds.flatten(0, 1)).reshape(batch, -1)
    area, root = _first_maximum(_areas(roots, kinds.reshape(batch, -1)))
    start = torch.arange(batch, device=kinds.device) * roots.shape[1]
    chosen = (roots == (start + root)[:, None]) & kinds.reshape(batch, -1)
    return chosen.reshape(kinds.shape).any(1), root // (roots.shape[1] // n_kinds), area


def innermost(masks: Tensor) -> tuple[Tensor, Tensor]:
    """Find the voxel of every mask that lies farthest from everything outside it.

    Parameters
    ----------
    masks : Tensor, (B, *S) bool
        What lies beyond the border counts as outside.

    Returns
    -------
    points : Tensor, (B, D) int64
        Of equal ones the first in C order; 0 where the mask is empty.
    found : Tensor, (B,) bool
        False where the mask is empty.
    """
    depth, index = _first_maximum(squared_distances(masks).flatten(1))
    return unravelled(index, masks.shape[1:]), depth > 0


def at(masks: Tensor, starts: Tensor) -> Tensor:
    """Find the face-connected region of every mask that holds a voxel.

    Parameters
    ----------
    masks : Tensor, (B, *S) bool
        Masks.
    starts : Tensor, (B,) int64
        One voxel each, as an index in C order.

    Returns
    -------
    Tensor, (B, *S) bool
        Empty where the voxel is not in the mask.
    """
    roots = _roots(masks).flatten(1)
    held = masks.flatten(1)
    return ((roots == roots.gather(1, starts[:, None])) & held & held.gather(1, starts[:, None])).view(masks.shape)


def squared_distances(masks: Tensor) -> Tensor:
    """Measure the exact squared Euclidean distance of every voxel to the nearest one outside its mask.

    Parameters
    ----------
    masks : Tensor, (B, *S) bool
        What lies beyond the border counts as outside.

    Returns
    -------
    Tensor, (B, *S) int32
        Squared distances in voxels; 0 outside the mask.
    """
    dims = masks.ndim - 1
    padded = torch.nn.functional.pad(masks, (1, 1) * dims)
    depth = _depth_along_last(padded)
    # one wait for the device: values only fall, so the first axis bounds the steps of all others
    deepest = int(depth.max()) if depth.numel() else 0
    squared = depth.square()
    for axis in range(1, dims):
        squared = _lowered(squared, axis, min(deepest, squared.shape[axis] - 1))
    return squared[(slice(None), *(slice(1, -1),) * dims)]


def unravelled(index: Tensor, shape: torch.Size | tuple[int, ...]) -> Tensor:
    """Turn flat C-order indices, (B,), into coordinates, (B, D)."""
    return torch.stack(torch.unravel_index(index, tuple(shape)), dim=1)


def _first_maximum(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the greatest value of each row, (B,), and its first place, (B,); zeros have no place but 0."""
    n = values.shape[1]
    key = values.long() * n + torch.arange(n - 1, -1, -1, device=values.device)
    best = key.amax(1)
    return best // n, n - 1 - best % n


def _areas(roots: Tensor, mask: Tensor) -> Tensor:
    areas = torch.zeros(roots.numel(), dtype=torch.int32, device=roots.device)
    areas.scatter_add_(0, roots.reshape(-1), mask.reshape(-1).int())
    return areas.reshape(roots.shape)


def _roots(masks: Tensor) -> Tensor:
    """Label every voxel with the first voxel of its region, as flat indices into `masks`, (M, *S) int64.

    Parents are hooked onto smaller neighbouring parents and shortened (the FastSV algorithm): a handful of rounds
    for any region, where spreading labels voxel by voxel needs as many rounds as the longest winding path.
    """
    own = torch.arange(masks.numel(), device=masks.device)
    parent = own.clone()
    while True:
        grand = parent[parent]
        least = _least_neighbour(grand.reshape(masks.shape), masks).reshape(-1)
        # voxels outside all regions keep to themselves: their least neighbour is their own grandparent
        hooked = parent.scatter_reduce(0, parent, least, "amin")
        following = torch.minimum(torch.minimum(hooked, least), grand)
        if torch.equal(following, parent):
            return parent.reshape(masks.shape)
        parent = following


def _least_neighbour(labels: Tensor, masks: Tensor) -> Tensor:
    """Return the least label among each voxel and its face neighbours of the same region."""
    far = masks.numel()
    inside = torch.where(masks, labels, far)
    least = inside.clone()
    for axis in range(1, masks.ndim):
        n = masks.shape[axis]
        ahead, behind = inside.narrow(axis, 1, n - 1), inside.narrow(axis, 0, n - 1)
        torch.minimum(least.narrow(axis, 0, n - 1), ahead, out=least.narrow(axis, 0, n - 1))
        torch.minimum(least.narrow(axis, 1, n - 1), behind, out=least.narrow(axis, 1, n - 1))
    return torch.where(masks, least, labels)


def _depth_along_last(padded: Tensor) -> Tensor:
    n = padded.shape[-1]
    index = torch.arange(n, dtype=torch.int32, device=padded.device)
    before = torch.where(padded, 0, index).cummax(-1).values
    after = torch.where(padded, n - 1, index).flip(-1).cummin(-1).values.flip(-1)
    return torch.minimum(index - before, after - index)


def _lowered(squared: Tensor, axis: int, steps: int) -> Tensor:
    """Lower each value to the least of its line's values plus the squared distance, along one axis."""
    result, n = squared.clone(), squared.shape[axis]
    for step in range(1, steps + 1):
        raised = squared + step * step
        later, earlier = result.narrow(axis, step, n - step), result.narrow(axis, 0, n - step)
        torch.minimum(later, raised.narrow(axis, 0, n - step), out=later)
        torch.minimum(earlier, raised.narrow(axis, step, n - step), out=earlier)
    return result

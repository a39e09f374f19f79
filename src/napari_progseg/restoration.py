"""The distortions of restoration pretraining: drawn for a batch on the CPU, then applied on its device.

Limited-data paper, section 2.2, with the probabilities and sizes of Models Genesis (algorithms 4.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod

import torch
from torch import Tensor

from .training.config import RestorationConfig

SHORTEST_PAINTED = 14
MASKED_VALUE = 0.5
_FLIPS, _BOXES, _GOES_ON = 3, 5, 0.95
_COVERAGE = 1.87
_KNOTS, _TABLE = 1000, 1024


@dataclass(frozen=True, eq=False)
class Distortions:
    """What happens to one batch of B patches in D dimensions, axes ordered (z, y, x) or (y, x).

    Parameters
    ----------
    flips : Tensor of bool, (B, D)
        Axes that are turned, in input and target alike.
    windows : Tensor of int64, (W, 1 + 2 D)
        Windows of local shuffling: sample, first voxel and side along each axis; later windows win.
    curves : Tensor of float32, (B, 1024)
        Intensities that take the place of 0 to 1.
    painted : Tensor of int64, (B,)
        0 nothing, 1 in-painting, 2 out-painting.
    boxes : Tensor of int64, (B, 5, 2, D)
        Along the next to last axis the first voxel and the side of what is painted over, or kept; boxes with sides of
        0 are unused.
    blocks : Tensor of bool, (B, *blocks)
        Masked blocks.
    block : int
        Side of a block in voxels.
    seed : int
        Seeds the noise, and the order of the voxels in their windows.
    """

    flips: Tensor
    windows: Tensor
    curves: Tensor
    painted: Tensor
    boxes: Tensor
    blocks: Tensor
    block: int
    seed: int


@dataclass(frozen=True, eq=False)
class Distorted:
    """A distorted batch and what it should become.

    Parameters
    ----------
    images, targets : Tensor of float32, (B, 1, *patch)
        In [0, 1].
    weights : Tensor of float32, (B, 1, *patch)
        1 where the loss looks: everywhere, save outside the masked blocks of masked samples.
    """

    images: Tensor
    targets: Tensor
    weights: Tensor


def draw(settings: RestorationConfig, batch: int, patch: Sequence[int], generator: torch.Generator) -> Distortions:
    """Draw the distortions of a batch.

    Parameters
    ----------
    patch : sequence of int
        Patch size, (z, y, x) or (y, x). Painting takes an axis shorter than 14 voxels as a whole, and leaves out a
        patch that has no longer one.
    generator : torch.Generator
        On the CPU.
    """
    return Distortions(
        flips=_flips(settings.flip, batch, len(patch), generator),
        windows=_windows(_chance(settings.shuffle, batch, generator), patch, generator),
        curves=_curves(_chance(settings.curve, batch, generator), generator),
        **_painting(settings, batch, patch, generator),
        blocks=_blocks(settings, batch, patch, generator),
        block=settings.mask_block,
        seed=int(torch.randint(2**31 - 1, (1,), generator=generator)),
    )


def apply(images: Tensor, distortions: Distortions) -> Distorted:
    """Distort images (B, 1, *patch); intensities are clipped to [0, 1] first, and the images stay as they are."""
    targets = _turned(images.clamp(0, 1), distortions.flips)
    source = torch.Generator(images.device).manual_seed(distortions.seed)
    changed = _recoloured(_shuffled(targets, distortions.windows, source), distortions.curves)
    changed = _painted(changed, distortions, source)
    if not distortions.blocks.any():
        return Distorted(changed, targets, torch.ones_like(targets))
    masked = _masked_voxels(distortions, images.shape[2:]).to(images.device)
    looked_at = masked | ~masked.flatten(1).any(1).view(-1, *[1] * (images.ndim - 1))
    return Distorted(changed.masked_fill(masked, MASKED_VALUE), targets, looked_at.float())


def shuffle_windows(patch: Sequence[int]) -> int:
    """Return how many windows shuffle a patch.

    They cover it 1.87 times, as the published 10,000 do at 64x64x32; at 96x96 these are 689.
    """
    return round(_COVERAGE * prod(patch) / prod((1 + _widest(n)) / 2 for n in patch))


def _widest(n: int) -> int:
    return max(1, n // 10)


def _chance(probability: float, batch: int, generator: torch.Generator) -> Tensor:
    return torch.rand(batch, generator=generator) < probability


def _between(low: Tensor, high: Tensor, generator: torch.Generator) -> Tensor:
    """Draw whole numbers from `low` to `high`, both included."""
    return low + (torch.rand(low.shape, generator=generator) * (high - low + 1)).long()


def _flips(probability: float, batch: int, dims: int, generator: torch.Generator) -> Tensor:
    """Flip a random axis, up to three times, while the next draw allows it."""
    goes_on = (torch.rand(batch, _FLIPS, generator=generator) < probability).long().cumprod(1)
    axes = torch.randint(dims, (batch, _FLIPS), generator=generator)
    times = torch.zeros(batch, dims, dtype=torch.long).scatter_add_(1, axes, goes_on)
    return times % 2 == 1


def _windows(chosen: Tensor, patch: Sequence[int], generator: torch.Generator) -> Tensor:
    samples = chosen.nonzero()[:, 0].repeat_interleave(shuffle_windows(patch))
    size = torch.tensor(patch).expand(len(samples), -1)
    widest = torch.tensor([_widest(n) for n in patch]).expand_as(size)
    sides = _between(torch.ones_like(size), widest, generator)
    starts = _between(torch.zeros_like(size), size - sides, generator)
    return torch.cat([samples[:, None], starts, sides], dim=1)


def _curves(chosen: Tensor, generator: torch.Generator) -> Tensor:
    """Tabulate a cubic Bézier curve from (0, 0) to (1, 1) for each sample; half of them fall.

    Both coordinates of such a curve rise. The published rule sorts the one of a curve that runs from (1, 1) to (0, 0),
    or both: with one alone sorted, the curve falls.
    """
    batch = len(chosen)
    middle = torch.rand(batch, 2, 2, generator=generator)
    falling = _chance(0.5, batch, generator)
    t = torch.linspace(0, 1, _KNOTS)
    first, second, third = 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3
    x, y = (middle[:, 0, axis, None] * first + middle[:, 1, axis, None] * second + third for axis in (0, 1))
    y = torch.where(falling[:, None], y.flip(1), y)
    at = torch.linspace(0, 1, _TABLE)
    table = _interpolated(at.expand(batch, -1).contiguous(), x.contiguous(), y)
    return torch.where(chosen[:, None], table, at)


def _interpolated(at: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Read piecewise linear functions (B, N) with rising x at (B, M)."""
    upper = torch.searchsorted(x, at).clamp(1, x.shape[1] - 1)
    x0, x1, y0, y1 = x.gather(1, upper - 1), x.gather(1, upper), y.gather(1, upper - 1), y.gather(1, upper)
    share = ((at - x0) / (x1 - x0).clamp(min=1e-12)).clamp(0, 1)
    return y0 + (y1 - y0) * share


def _painting(
    settings: RestorationConfig, batch: int, patch: Sequence[int], generator: torch.Generator
) -> dict[str, Tensor]:
    """Draw up to five boxes: painted over with sides n/6 to n/3, or kept with sides n - 4n/7 to n - 3n/7."""
    inside = _chance(settings.inpaint, batch, generator)
    chosen = _chance(settings.paint, batch, generator) & (max(patch) >= SHORTEST_PAINTED)
    painted = torch.where(chosen, torch.where(inside, 1, 2), 0)
    goes_on = torch.rand(batch, _BOXES, generator=generator) < _GOES_ON
    goes_on[:, 0] |= ~inside
    used = goes_on.long().cumprod(1)
    size = torch.tensor(patch).expand(batch, _BOXES, -1)
    painted_sides = _between(size // 6, size // 3, generator)
    kept_sides = size - _between(3 * size // 7, 4 * size // 7, generator)
    sides = torch.where(inside[:, None, None], painted_sides, kept_sides)
    whole = size < SHORTEST_PAINTED
    starts = _between(torch.full_like(size, 3), (size - sides - 3).clamp(min=3), generator)
    sides, starts = torch.where(whole, size, sides), torch.where(whole, 0, starts)
    return {"painted": painted, "boxes": torch.stack([starts, sides * used[:, :, None]], dim=2)}


def _blocks(settings: RestorationConfig, batch: int, patch: Sequence[int], generator: torch.Generator) -> Tensor:
    shape = [ceil(n / settings.mask_block) for n in patch]
    scores = torch.rand(batch, prod(shape), generator=generator)
    count = min(round(settings.mask_share * prod(shape)), prod(shape) - 1)
    if count < 1:
        return torch.zeros(batch, *shape, dtype=torch.bool)
    masked = scores <= scores.kthvalue(count, dim=1, keepdim=True).values
    masked &= _chance(settings.mask, batch, generator)[:, None]
    return masked.view(batch, *shape)


def _turned(images: Tensor, flips: Tensor) -> Tensor:
    turned = images
    for axis in range(flips.shape[1]):
        rows = flips[:, axis].nonzero()[:, 0].to(images.device)
        if len(rows):
            turned = turned.index_copy(0, rows, turned[rows].flip(axis + 2))
    return turned


def _shuffled(images: Tensor, windows: Tensor, source: torch.Generator) -> Tensor:
    """Permute the voxels of every window; they are taken from the original image, and later windows win."""
    if not len(windows):
        return images
    window, voxel = _window_voxels(windows, images.shape[2:], images.device)
    keys = torch.randint(2**31 - 1, window.shape, generator=source, device=images.device)
    taken = voxel.index_select(0, torch.argsort((window << 31) | keys))
    order = torch.arange(len(window), device=images.device)
    last = torch.full((images.numel(),), -1, device=images.device).scatter_reduce_(0, voxel, order, "amax")
    values = images.flatten()
    changed = last >= 0
    moved = values.index_select(0, taken.index_select(0, last.clamp_(min=0)))
    return torch.where(changed, moved, values).view_as(images)


def _window_voxels(windows: Tensor, shape: Sequence[int], device: torch.device) -> tuple[Tensor, Tensor]:
    """List the voxels of all windows one after the other: the number of the window, the index in the flat batch."""
    dims = len(shape)
    sides = windows[:, 1 + dims :]
    widest, voxels = sides.amax(0).tolist(), int(sides.prod(1).sum())
    windows, sides = windows.to(device), sides.to(device)
    strides = torch.tensor([prod(shape[axis + 1 :]) for axis in range(dims)], device=device)
    offsets, first, steps = _offsets(widest, strides)
    kind = ((sides - 1) * steps).sum(1)
    counts = sides.prod(1)
    base = windows[:, 0] * prod(shape) + (windows[:, 1 : 1 + dims] * strides).sum(1)
    window = torch.arange(len(windows), device=device).repeat_interleave(counts, output_size=voxels)
    row = (first[kind] - (counts.cumsum(0) - counts)).index_select(0, window) + torch.arange(voxels, device=device)
    return window, base.index_select(0, window) + offsets.index_select(0, row)


def _offsets(widest: Sequence[int], strides: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """List the voxels of a window of every size up to the widest, counted from its first voxel.

    Returns
    -------
    offsets : Tensor
        All lists, one after the other.
    first : Tensor
        Where the list of each size begins.
    steps : Tensor
        ``((sides - 1) * steps).sum()`` is the number of a size.
    """
    kinds = torch.cartesian_prod(*(torch.arange(1, n + 1) for n in widest)).to(strides.device)
    counts = kinds.prod(1)
    first = counts.cumsum(0) - counts
    kind = torch.arange(len(kinds), device=strides.device).repeat_interleave(counts)
    rest = torch.arange(len(kind), device=strides.device) - first[kind]
    offsets = torch.zeros_like(rest)
    for axis in reversed(range(len(widest))):
        sides = kinds[kind, axis]
        offsets += rest % sides * strides[axis]
        rest = rest // sides
    steps = [prod(widest[axis + 1 :]) for axis in range(len(widest))]
    return offsets, first, torch.tensor(steps, device=strides.device)


def _recoloured(images: Tensor, curves: Tensor) -> Tensor:
    """Send intensities through a table for each sample; an image of one intensity stays as it is."""
    values = images.flatten(1)
    table = curves.to(images.device)
    at = values * (_TABLE - 1)
    lower = at.long().clamp_(max=_TABLE - 2)
    low, high = table.gather(1, lower), table.gather(1, lower + 1)
    constant = values.amin(1, keepdim=True) == values.amax(1, keepdim=True)
    return torch.where(constant, values, torch.lerp(low, high, at - lower)).view_as(images)


def _painted(images: Tensor, distortions: Distortions, source: torch.Generator) -> Tensor:
    """Put noise inside the boxes (in-painting) or outside of them (out-painting)."""
    rows = distortions.painted.nonzero()[:, 0]
    if not len(rows):
        return images
    inside = _boxes(distortions.boxes[rows], images.shape[2:]).to(images.device)
    inpainted = (distortions.painted[rows] == 1).to(images.device).view(-1, *[1] * (images.ndim - 1))
    rows = rows.to(images.device)
    noise = torch.rand((len(rows), *images.shape[1:]), generator=source, device=images.device)
    return images.index_copy(0, rows, torch.where(inside == inpainted, noise, images[rows]))


def _boxes(boxes: Tensor, shape: Sequence[int]) -> Tensor:
    """Mark the union of the boxes of each sample, (B, 1, *shape)."""
    union = torch.zeros(len(boxes), *shape, dtype=torch.bool)
    for number in range(boxes.shape[1]):
        box = torch.ones(len(boxes), *[1] * len(shape), dtype=torch.bool)
        for axis, n in enumerate(shape):
            start, side = boxes[:, number, :, axis, None].unbind(1)
            along = torch.arange(n)
            within = (along >= start) & (along < start + side)
            box = box & within.view(-1, *[n if a == axis else 1 for a in range(len(shape))])
        union |= box
    return union[:, None]


def _masked_voxels(distortions: Distortions, shape: Sequence[int]) -> Tensor:
    masked = distortions.blocks
    for axis, n in enumerate(shape, 1):
        masked = masked.repeat_interleave(distortions.block, dim=axis).narrow(axis, 0, n)
    return masked[:, None]

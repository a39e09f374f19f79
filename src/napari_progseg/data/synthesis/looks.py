"""From label maps to images: intensities, textures, faint borders, and what scanners do to them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from .draws import happens, log_uniform, one, per_sample, smooth_field, uniform
from .scenes import Scene

_CLEAN = 0.12
_NOISE = 0.6


def draw_image(generator: torch.Generator, scene: Scene) -> Tensor:
    """Give every region an intensity and a texture, then scan it; (B, 1, Z, Y, X), about [0, 1], not clipped."""
    image = _tissue(generator, scene)
    image = _blur(image, [one(generator, 0.2, 0.9) for _ in range(3)])
    if not happens(generator, _CLEAN):
        image = _scanned(generator, image)
    image = _saturated(generator, image, scene)
    return image[:, None]


def _tissue(generator: torch.Generator, scene: Scene) -> Tensor:
    batch, size = len(scene.labels), scene.labels.shape[-1]
    means = uniform(generator, (batch, scene.count))
    # one intensity a sample around which all others lie: from strong contrast to hardly any
    pivot = means[:, -1:]
    contrast = torch.where(uniform(generator, (batch, 1)) < 0.5, 1.0, log_uniform(generator, (batch, 1), 0.12, 1.0))
    means = pivot + (means - pivot) * contrast
    rows = torch.arange(batch, device=means.device).view(-1, 1, 1, 1)
    image = means[rows, scene.labels]
    image = image + _structured(generator, scene) * per_sample(contrast[:, 0].clamp(min=0.4), 4)
    grain = (uniform(generator, (batch, scene.count)) ** 2 * 0.2)[rows, scene.labels] * per_sample(contrast[:, 0], 4)
    return image + grain * smooth_field(generator, batch, 1, (size,) * 3, one(generator, 1.2, 5))[:, 0]


def _structured(generator: torch.Generator, scene: Scene) -> Tensor:
    """Draw what varies inside of regions: other parts of the target, and fine patterns everywhere."""
    batch, size = len(scene.labels), scene.labels.shape[-1]
    added = torch.zeros_like(scene.depth)
    if happens(generator, 0.45):
        kind, amount = one(generator), per_sample(uniform(generator, (batch,), -0.4, 0.4), 4)
        if kind < 0.5:
            part = smooth_field(generator, batch, 1, (size,) * 3, one(generator, 0.15, 0.5) * size)[:, 0] > 0.3
        elif kind < 0.75:
            part = scene.depth < one(generator, 0.4, 0.85)
        else:
            part = scene.depth > one(generator, 0.6, 0.9)
        added = added + torch.where(part & scene.target, amount, 0.0)
    if happens(generator, 0.5):
        fine = smooth_field(generator, batch, 3, (size,) * 3, one(generator, 0.06, 0.2) * size).argmax(1)
        added = added + one(generator, 0, 0.12) * (fine - 1)
    return added


def _scanned(generator: torch.Generator, image: Tensor) -> Tensor:
    """Thick slices, coarse voxels, a bias field, noise and a contrast curve."""
    batch, size = len(image), image.shape[-1]
    if happens(generator, 0.35):
        image = _coarser(image, tuple(one(generator, 1.2, 2.5) for _ in range(3)))
    thick = happens(generator, 0.4)
    factors = [1.0, 1.0, 1.0]
    if thick:
        factors[int(one(generator, 0, 3)) if happens(generator, 0.4) else 0] = one(generator, 1.5, 7)
    noise = torch.randn(image.shape, generator=generator, device=generator.device)
    if happens(generator, 0.5):
        noise = _blur(noise, [one(generator, 0.4, 1.0)] * 3)
        noise = noise / noise.std()
    # never so strong that nothing but noise is left
    spread = image.flatten(1).std(1)
    image = image + noise * per_sample(spread * uniform(generator, (batch,)) ** 2 * _NOISE, 4)
    if thick:
        image = _coarser(image, tuple(factors))
    if happens(generator, 0.5):
        field = smooth_field(generator, batch, 1, (size,) * 3, one(generator, 0.5, 1.3) * size)[:, 0]
        image = image * torch.exp(field * per_sample(uniform(generator, (batch,), 0, 0.3), 4))
    low = image.flatten(1).amin(1).view(-1, 1, 1, 1)
    return (image - low).clamp(min=1e-6) ** per_sample(log_uniform(generator, (batch,), 0.65, 1.5), 4)


def _saturated(generator: torch.Generator, image: Tensor, scene: Scene) -> Tensor:
    """Now and then show a narrow range around the target, as a CT is shown, or add something far brighter or darker."""
    batch = len(image)
    if happens(generator, 0.3):
        share = scene.target.flatten(1).float()
        middle = (image.flatten(1) * share).sum(1) / share.sum(1).clamp(min=1)
        width = uniform(generator, (batch,), 0.15, 0.6)
        low, high = (per_sample(middle + sign * width, 4) for sign in (-1, 1))
        return torch.minimum(torch.maximum(image, low), high)
    if happens(generator, 0.15):
        extreme = scene.labels == int(one(generator, 0, scene.count - 1))
        return torch.where(extreme & ~scene.target, one(generator, -1.0, 2.5), image)
    return image


def _coarser(image: Tensor, factors: tuple[float, ...]) -> Tensor:
    """Average over larger voxels and interpolate back."""
    size = image.shape[1:]
    coarse = [max(3, round(n / factor)) for n, factor in zip(size, factors, strict=True)]
    small = functional.interpolate(image[:, None], coarse, mode="area")
    return functional.interpolate(small, size, mode="trilinear")[:, 0]


def _blur(image: Tensor, sigmas: list[float]) -> Tensor:
    """Blur images (B, Z, Y, X) by a Gaussian of so many voxels along each axis."""
    out = image[:, None]
    for axis, sigma in enumerate(sigmas):
        radius = max(1, round(3 * sigma))
        offsets = torch.arange(-radius, radius + 1, device=image.device, dtype=torch.float32)
        weights = torch.exp(-0.5 * (offsets / sigma) ** 2)
        kernel = (weights / weights.sum()).view([1, 1] + [-1 if other == axis else 1 for other in range(3)])
        pads = [radius if other == axis else 0 for other in (2, 2, 1, 1, 0, 0)]
        out = functional.conv3d(functional.pad(out, pads, mode="replicate"), kernel)
    return out[:, 0]

"""Bodies as level functions: below 1 inside, about the relative distance from the middle; many families."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from .draws import happens, log_uniform, one, per_sample, rotations, uniform

_THINNEST = 0.03


@dataclass(frozen=True, eq=False)
class Frame:
    """Where the voxels of each window lie, seen from a body.

    Parameters
    ----------
    points : Tensor, (B, 3, Z, Y, X)
        Positions relative to the middle of the body, in its own directions; a window is 1 wide.
    half : Tensor, (B,)
        Half of the longest side of the body, as a share of the window.
    """

    points: Tensor
    half: Tensor


@dataclass(frozen=True, eq=False)
class Body:
    """A body in each window.

    Parameters
    ----------
    level : Tensor, (B, Z, Y, X)
        Below 1 inside; about the relative distance from the middle.
    hollow : Tensor, (B, Z, Y, X), or None
        The level of what it encloses, such as the blood in a heart.
    """

    level: Tensor
    hollow: Tensor | None = None

    @property
    def whole(self) -> Tensor:
        """The level of the body with what it encloses."""
        return self.level if self.hollow is None else torch.minimum(self.level, self.hollow)


def frame(generator: torch.Generator, places: Tensor, middle: Tensor, half: Tensor) -> Frame:
    """Turn positions in the windows, (B, 3, Z, Y, X), into those seen from bodies in random directions.

    Parameters
    ----------
    middle : Tensor, (B, 3)
        Middle of each body, in windows.
    half : Tensor, (B,)
        Half of its longest side.
    """
    turned = torch.einsum("bij,bjzyx->bizyx", rotations(generator, len(places)), places - per_sample(middle, 5))
    return Frame(turned, half)


def superellipsoid(generator: torch.Generator, at: Frame) -> Body:
    """Draw something between a box, an egg and an octahedron, with axes of up to 1 : 4."""
    batch = len(at.half)
    axes = at.half[:, None] * torch.cat(
        [torch.ones((batch, 1), device=at.half.device), log_uniform(generator, (batch, 2), 0.3, 1.0)], dim=1
    )
    exponent = per_sample(uniform(generator, (batch,), 1.4, 4.0), 4)
    ratio = (at.points / per_sample(axes, 5)).abs().clamp(min=1e-4)
    return Body((ratio ** exponent[:, None]).sum(1) ** (1 / exponent))


def lobes(generator: torch.Generator, at: Frame) -> Body:
    """Draw several eggs that overlap, as tumours grow."""
    batch, level = len(at.half), None
    for _ in range(int(one(generator, 2, 6))):
        radius = per_sample(at.half[:, None] * log_uniform(generator, (batch, 3), 0.25, 0.75), 5)
        centre = per_sample(at.half[:, None] * uniform(generator, (batch, 3), -0.5, 0.5), 5)
        next_level = (((at.points - centre) / radius) ** 2).sum(1).sqrt()
        level = next_level if level is None else torch.minimum(level, next_level)
    assert level is not None
    return Body(level)


def tube(generator: torch.Generator, at: Frame) -> Body:
    """Draw a winding tube, such as a vessel, bowel or a long bone."""
    batch, device = len(at.half), at.half.device
    along = torch.linspace(-1, 1, 20, device=device)
    wave = uniform(generator, (batch, 2, 3, 1), -0.35, 0.35)
    phase = uniform(generator, (batch, 1, 3, 1), 0, 6.28)
    turns = torch.tensor([1.5, 3.0, 5.0], device=device).view(1, 1, 3, 1)
    sideways = (wave / turns.sqrt() * 1.3 * torch.sin(turns * along + phase)).sum(2)
    curve = torch.cat([along.expand(batch, 1, -1), sideways * one(generator, 0.0, 1.5)], dim=1) * per_sample(at.half, 3)
    thick = per_sample(at.half * log_uniform(generator, (batch,), 0.1, 0.4), 4)
    nearest = None
    for point in curve.unbind(2):
        distance = ((at.points - per_sample(point, 5)) ** 2).sum(1)
        nearest = distance if nearest is None else torch.minimum(nearest, distance)
    assert nearest is not None
    return Body(nearest.sqrt() / thick)


def sheet(generator: torch.Generator, at: Frame) -> Body:
    """Draw a bent plate, such as a muscle, a rib's blade or a lining."""
    batch = len(at.half)
    unit = at.points / per_sample(at.half, 5)
    bend = per_sample(uniform(generator, (batch, 3), -0.6, 0.6), 5)
    off = (
        unit[:, 2] - bend[:, 0] * unit[:, 0] ** 2 - bend[:, 1] * unit[:, 1] ** 2 - bend[:, 2] * unit[:, 0] * unit[:, 1]
    )
    thick = per_sample(log_uniform(generator, (batch,), 0.1, 0.3), 4)
    wide = per_sample(log_uniform(generator, (batch,), 0.4, 1.0), 4)
    return Body((unit[:, 0] ** 4 + (unit[:, 1] / wide) ** 4 + (off / thick).abs() ** 4) ** 0.25)


def wall(generator: torch.Generator, at: Frame) -> Body:
    """Draw a hollow body, often open at one end, such as the muscle of the heart."""
    batch = len(at.half)
    axes = at.half[:, None] * torch.cat(
        [log_uniform(generator, (batch, 2), 0.5, 1.0), torch.ones((batch, 1), device=at.half.device)], dim=1
    )
    radius = ((at.points / per_sample(axes, 5)).abs().clamp(min=1e-4) ** 2.2).sum(1) ** (1 / 2.2)
    thick = log_uniform(generator, (batch,), 0.08, 0.5)
    thick = per_sample(torch.maximum(thick, _THINNEST / at.half).clamp(max=0.7), 4)
    level = ((radius - 1 + thick / 2) / (thick / 2)).abs()
    hollow = radius / (1 - thick)
    if happens(generator, 0.6):
        cut = per_sample(at.half * uniform(generator, (batch,), 0.1, 0.8), 4)
        level, hollow = (torch.maximum(each, at.points[:, 2] / cut) for each in (level, hollow))
    return Body(level, hollow)


def banked(generator: torch.Generator, at: Frame, bank: Tensor) -> Body:
    """Take masks of real organs, (N, S, S, S) float in [0, 1], each filling its cube."""
    chosen = torch.randint(len(bank), (len(at.half),), generator=generator, device=generator.device)
    unit = (at.points / per_sample(at.half, 5)).movedim(1, -1)
    inside = functional.grid_sample(bank[chosen][:, None], unit, align_corners=False)[:, 0]
    return Body(2 - 2 * inside)


Family = Callable[[torch.Generator, Frame], Body]
FAMILIES: tuple[tuple[Family, float], ...] = (
    (superellipsoid, 0.28),
    (lobes, 0.2),
    (tube, 0.18),
    (sheet, 0.1),
    (wall, 0.24),
)
"""Ways to make a body, and how often."""


def draw_family(generator: torch.Generator, bank: Tensor | None) -> Family:
    """Choose a family for a batch; with a bank every third body is one of its masks."""
    if bank is not None and happens(generator, 0.33):
        return lambda g, at: banked(g, at, bank)
    chosen = one(generator, 0, sum(share for _, share in FAMILIES))
    for family, share in FAMILIES:
        chosen -= share
        if chosen < 0:
            return family
    return superellipsoid

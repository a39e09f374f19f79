"""Label maps of a target among other things, before anything has an intensity."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ...guidance.simulate import largest_error
from .bank import ShapeBank
from .bodies import Body, draw_family, frame
from .draws import happens, log_uniform, one, per_sample, rotations, smooth_field, uniform


@dataclass(frozen=True, eq=False)
class Scene:
    """What is where in B windows.

    Parameters
    ----------
    labels : Tensor of int64, (B, Z, Y, X)
        Regions, from 0.
    count : int
        Number of regions.
    target : Tensor of bool, (B, Z, Y, X)
        What a click is about.
    depth : Tensor, (B, Z, Y, X)
        About 0 in the middle of the target and 1 at its border.
    """

    labels: Tensor
    count: int
    target: Tensor
    depth: Tensor


def draw_scene(generator: torch.Generator, batch: int, size: int, bank: ShapeBank | None = None) -> Scene:
    """Draw a target, of a size between an eighth and twice the window, among regions and other bodies.

    Parameters
    ----------
    size : int
        Voxels along each side of a window.
    bank : ShapeBank or None
        Also use shapes of real anatomy.
    """
    half, middle = _target_place(generator, batch)
    if bank is not None and happens(generator, 0.15):
        return _from_heads(generator, batch, size, bank)
    places = _places(generator, batch, size)
    labels, count = _regions(generator, batch, size)
    if happens(generator, 0.12):
        return _region_as_target(generator, labels, count)
    organs = None if bank is None else bank.organs
    for _ in range(int(one(generator, 0, 5))):
        others = frame(
            generator, places, uniform(generator, (batch, 3), -0.5, 0.5), log_uniform(generator, (batch,), 0.06, 0.45)
        )
        labels, count = _insert(labels, count, draw_family(generator, organs)(generator, others))
    body = draw_family(generator, organs)(generator, frame(generator, places, middle, half))
    labels, count = _insert(labels, count, body)
    depth = body.level
    if body.hollow is not None and happens(generator, 0.4):
        # the contents, or the whole of wall and contents
        depth = body.hollow if happens(generator, 0.6) else body.whole
    target = depth < 1
    if happens(generator, 0.35):
        labels, count, target = _cover(generator, labels, count, target, places, organs)
    return Scene(labels, count, _largest_piece(target), depth)


def _target_place(generator: torch.Generator, batch: int) -> tuple[Tensor, Tensor]:
    """Draw half of the longest side and the middle of targets, in windows."""
    kind = uniform(generator, (batch,))
    usual = uniform(generator, (batch,), 0.35, 0.95)
    small, large = (log_uniform(generator, (batch,), *span) for span in ((0.12, 0.35), (0.95, 1.9)))
    half = torch.where(kind < 0.72, usual, torch.where(kind < 0.84, small, large)) / 2
    reach = torch.maximum(0.7 * half, torch.full_like(half, 0.12))
    return half, uniform(generator, (batch, 3), -1, 1) * reach[:, None]


def _places(generator: torch.Generator, batch: int, size: int) -> Tensor:
    """Return positions of voxels, (B, 3, Z, Y, X), a window 1 wide, bent smoothly."""
    axis = (torch.arange(size, device=generator.device, dtype=torch.float32) + 0.5) / size - 0.5
    places = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij")).expand(batch, -1, -1, -1, -1)
    for scale, most in ((one(generator, 0.35, 0.7), 0.06), (one(generator, 0.12, 0.3), 0.02)):
        strength = per_sample(uniform(generator, (batch,), 0, most), 5)
        places = places + strength * smooth_field(generator, batch, 3, (size,) * 3, scale * size)
    return places


def _regions(generator: torch.Generator, batch: int, size: int) -> tuple[Tensor, int]:
    """Draw regions that tile the window, coarse ones with rough borders."""
    count, scale = int(one(generator, 2, 10)), one(generator, 0.15, 0.7) * size
    fields = smooth_field(generator, batch, count, (size,) * 3, scale)
    fields = fields + one(generator, 0, 0.6) * smooth_field(generator, batch, count, (size,) * 3, scale / 2.5)
    return fields.argmax(1), count


def _insert(labels: Tensor, count: int, body: Body) -> tuple[Tensor, int]:
    """Put a body, and what it encloses, in front of all else."""
    if body.hollow is not None:
        labels, count = torch.where(body.hollow < 1, count, labels), count + 1
    return torch.where(body.level < 1, count, labels), count + 1


def _cover(
    generator: torch.Generator, labels: Tensor, count: int, target: Tensor, places: Tensor, organs: Tensor | None
) -> tuple[Tensor, int, Tensor]:
    """Let other bodies bite into the target."""
    batch = len(labels)
    for _ in range(int(one(generator, 1, 3))):
        middle = uniform(generator, (batch, 3), -0.5, 0.5)
        near = frame(generator, places, middle, log_uniform(generator, (batch,), 0.06, 0.3))
        body = draw_family(generator, organs)(generator, near)
        labels, count = _insert(labels, count, body)
        target = target & (body.whole >= 1)
    return labels, count, target


def _region_as_target(generator: torch.Generator, labels: Tensor, count: int) -> Scene:
    """Let a region of the surroundings be the target."""
    size, rows = labels.shape[-1], torch.arange(len(labels), device=labels.device)
    at = torch.randint(size // 4, size - size // 4, (3, len(labels)), generator=generator, device=generator.device)
    target = _largest_piece(labels == labels[rows, at[0], at[1], at[2]].view(-1, 1, 1, 1))
    return Scene(labels, count, target, target.float())


def _from_heads(generator: torch.Generator, batch: int, size: int, bank: ShapeBank) -> Scene:
    """Cut windows round structures out of label maps of heads, turned, scaled and bent."""
    half, middle = _target_place(generator, batch)
    rows = torch.randint(len(bank.structures), (batch,), generator=generator, device=generator.device)
    head, value, *_ = bank.structures[rows].unbind(1)
    centre, side = bank.structures[rows, 2:5], bank.structures[rows, 5]
    places = _places(generator, batch, size) - per_sample(middle, 5)
    turned = torch.einsum("bij,bjzyx->bizyx", rotations(generator, batch), places)
    voxels = turned * per_sample(side / (2 * half), 5) + per_sample(centre, 5)
    limits = torch.tensor(bank.heads.shape[1:], device=voxels.device).view(1, 3, 1, 1, 1)
    inside = ((voxels >= 0) & (voxels <= limits - 1)).all(1)
    z, y, x = torch.minimum(voxels.round().clamp(min=0).long(), limits - 1).unbind(1)
    values = bank.heads[head.long().view(-1, 1, 1, 1), z, y, x].long() * inside
    target = _largest_piece(values == value.long().view(-1, 1, 1, 1))
    # few regions, so that intensities repeat: neighbours of the same tissue look alike
    count = int(one(generator, 8, 64))
    return Scene(torch.where(target, count, values % count), count + 1, target, target.float())


def _largest_piece(masks: Tensor) -> Tensor:
    return largest_error(torch.zeros_like(masks), masks)[0]

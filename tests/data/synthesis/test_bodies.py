"""Families of bodies: each gives what its name says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from napari_progseg.data.synthesis import bodies
from napari_progseg.data.synthesis.bodies import Body, Frame, banked, draw_family, frame

SIZE, HALF = 40, 0.35
AXIS = (torch.arange(SIZE, dtype=torch.float32) + 0.5) / SIZE - 0.5
PLACES = torch.stack(torch.meshgrid(AXIS, AXIS, AXIS, indexing="ij"))


def upright(batch: int, half: float = HALF) -> Frame:
    """Look at bodies from their own directions, in the middle of their windows."""
    return Frame(PLACES.expand(batch, -1, -1, -1, -1), torch.full((batch,), half))


def drawn(family: Callable[[torch.Generator, Frame], Body], seeds: int = 4, batch: int = 3) -> list[Tensor]:
    """Draw masks, (Z, Y, X) bool."""
    bodies = (family(torch.Generator().manual_seed(seed), upright(batch)) for seed in range(seeds))
    return [mask for body in bodies for mask in (body.level < 1)]


def sides(mask: Tensor) -> list[float]:
    """Return the length of a mask along each axis, in windows."""
    (found,) = ndimage.find_objects(mask.numpy().astype(np.uint8))
    return [(part.stop - part.start) / SIZE for part in found]


@pytest.mark.parametrize("family", [family for family, _ in bodies.FAMILIES])
def test_a_family_gives_bodies_that_are_neither_empty_nor_beyond_their_size(
    family: Callable[[torch.Generator, Frame], Body],
) -> None:
    for mask in drawn(family):
        assert mask.any()
        assert max(sides(mask)) <= 2 * 1.45 * HALF


def test_the_families_make_up_all_bodies() -> None:
    assert sum(share for _, share in bodies.FAMILIES) == pytest.approx(1)


def test_a_superellipsoid_is_as_long_as_it_was_asked_and_alike_on_both_sides() -> None:
    for mask in drawn(bodies.superellipsoid):
        assert max(sides(mask)) == pytest.approx(2 * HALF, abs=3 / SIZE)
        assert torch.equal(mask, mask.flip((0, 1, 2)))


def test_lobes_are_not_convex() -> None:
    def hollows(mask: Tensor) -> float:
        """Return the share of midpoints between voxels of a mask that lie outside of it."""
        voxels = mask.nonzero()
        draws = torch.Generator().manual_seed(0)
        pairs = voxels[torch.randint(len(voxels), (2, 2000), generator=draws)]
        return 1 - float(mask[(pairs.sum(0) // 2).unbind(1)].float().mean())

    assert max(map(hollows, drawn(bodies.lobes))) > 0.03


def test_a_tube_is_long_and_thin() -> None:
    for mask in drawn(bodies.tube):
        depth = ndimage.distance_transform_edt(np.pad(mask.numpy(), 1)).max() / SIZE
        assert sides(mask)[0] > 1.8 * HALF
        assert depth <= 0.4 * HALF + 1.5 / SIZE


def test_a_sheet_is_thin_everywhere_and_wide() -> None:
    for mask in drawn(bodies.sheet):
        depth = ndimage.distance_transform_edt(np.pad(mask.numpy(), 1)).max() / SIZE
        assert depth <= 0.3 * HALF + 1.5 / SIZE
        assert sides(mask)[0] >= 1.5 * HALF


def test_a_wall_encloses_its_hollow_and_shares_no_voxel_with_it() -> None:
    for seed in range(6):
        body = bodies.wall(torch.Generator().manual_seed(seed), upright(2))
        assert body.hollow is not None
        wall, hollow = body.level < 1, body.hollow < 1
        assert torch.equal(wall | hollow, body.whole < 1)
        assert hollow.flatten(1).any(1).all()
        assert not (wall & hollow).any()
        for each, inner in zip(wall, hollow, strict=True):
            beside = ndimage.binary_dilation(inner.numpy()) & ~inner.numpy()
            assert (beside & each.numpy()).sum() > 0.5 * beside.sum()


def test_a_body_from_the_bank_is_the_mask_that_lies_there() -> None:
    bank = torch.zeros((1, 32, 32, 32))
    bank[0, :, :, :16] = 1
    body = banked(torch.Generator().manual_seed(0), upright(1, half=0.25), bank)
    mask = body.level[0] < 1
    assert sides(mask) == pytest.approx([0.25, 0.5, 0.5], abs=2.5 / SIZE)


def test_bodies_are_turned_and_lie_at_their_middle() -> None:
    places = PLACES.expand(2, -1, -1, -1, -1)
    middle = torch.tensor([[0.1, -0.2, 0.0], [0.0, 0.0, 0.2]])
    seen = frame(torch.Generator().manual_seed(0), places, middle, torch.full((2,), 0.2))
    distance, nearest = (seen.points**2).sum(1).flatten(1).min(1)
    assert (distance < (1 / SIZE) ** 2).all()
    at = torch.stack([axis.expand(SIZE, SIZE, SIZE).flatten()[nearest] for axis in PLACES], dim=1)
    torch.testing.assert_close(at, middle, atol=1 / SIZE, rtol=0)
    assert not torch.allclose(seen.points[0], places[0] - middle[0].view(3, 1, 1, 1))


def test_with_a_bank_about_every_third_body_comes_from_it() -> None:
    generator = torch.Generator().manual_seed(0)
    known = {family for family, _ in bodies.FAMILIES}
    from_bank = sum(draw_family(generator, torch.ones((1, 32, 32, 32))) not in known for _ in range(300))
    assert 0.25 < from_bank / 300 < 0.42
    assert all(draw_family(generator, None) in known for _ in range(30))

"""Label maps of a target among other things."""

from __future__ import annotations

import torch
from scipy import ndimage

from napari_progseg.data.synthesis.bank import ShapeBank
from napari_progseg.data.synthesis.scenes import Scene, _from_heads, draw_scene

SIZE = 24


def scenes(number: int) -> list[Scene]:
    generator = torch.Generator().manual_seed(0)
    return [draw_scene(generator, 2, SIZE) for _ in range(number)]


def test_every_region_has_a_number_below_the_count() -> None:
    for scene in scenes(12):
        assert scene.labels.shape == scene.target.shape == scene.depth.shape == (2, SIZE, SIZE, SIZE)
        assert scene.labels.min() >= 0
        assert scene.labels.max() < scene.count


def test_targets_are_in_one_piece() -> None:
    for scene in scenes(12):
        assert all(ndimage.label(target.numpy())[1] <= 1 for target in scene.target)


def test_targets_differ_from_hardly_anything_to_much_of_the_window() -> None:
    shares = torch.cat([scene.target.flatten(1).float().mean(1) for scene in scenes(30)])
    assert shares.max() > 0.3
    assert ((shares > 0) & (shares < 0.03)).any()


def test_a_head_gives_one_of_its_structures_as_target_and_its_neighbours_as_regions() -> None:
    heads = torch.zeros((1, 20, 20, 20), dtype=torch.int16)
    heads[0, 5:15, 5:15, 5:15] = 3
    heads[0, 5:15, 5:15, 15:18] = 4
    bank = ShapeBank(torch.ones((1, 32, 32, 32)), heads, torch.tensor([[0.0, 3.0, 9.5, 9.5, 9.5, 10.0]]))
    scene = _from_heads(torch.Generator().manual_seed(0), 6, SIZE, bank)
    assert scene.target.flatten(1).any(1).all()
    assert torch.equal(scene.labels == scene.count - 1, scene.target)
    assert {0, 4} <= set(scene.labels[~scene.target].tolist())

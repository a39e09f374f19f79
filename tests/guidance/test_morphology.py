"""Masks grown and shrunk."""

from __future__ import annotations

import pytest
import torch

from napari_progseg.guidance.morphology import dilated, eroded


@pytest.mark.parametrize("dims", [2, 3])
def test_a_mask_grows_and_shrinks_by_one_voxel_all_round(dims: int) -> None:
    masks = torch.zeros(2, *[9] * dims) > 0
    masks[(0, *[slice(3, 6)] * dims)] = True
    grown, shrunk = dilated(masks), eroded(masks)
    assert grown[(0, *[slice(2, 7)] * dims)].all()
    assert int(grown[0].sum()) == 5**dims
    assert shrunk[(0, *[4] * dims)]
    assert int(shrunk[0].sum()) == 1
    assert not grown[1].any(), "samples do not touch"


def test_what_lies_beyond_the_patch_counts_as_inside() -> None:
    assert eroded(torch.ones(1, 4, 4) > 0).all()

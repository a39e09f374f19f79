import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_progseg.guidance import maps
from napari_progseg.guidance.maps import ClickTensor, click_maps, sigma_in_voxels


def clicks_at(*positions, inside=True):
    """One sample with clicks at the given voxels."""
    kinds = torch.full((1, len(positions)), inside)
    return ClickTensor(torch.tensor([positions], dtype=torch.float32), kinds, torch.ones_like(kinds))


def random_clicks(batch, slots, shape, seed=0):
    generator = torch.Generator().manual_seed(seed)
    # some of them outside the patch, some between voxels
    positions = (torch.rand((batch, slots, len(shape)), generator=generator) * 1.4 - 0.2) * torch.tensor(shape)
    positions[:, ::2] = positions[:, ::2].round()
    draw = torch.rand((2, batch, slots), generator=generator)
    return ClickTensor(positions, draw[0] < 0.5, draw[1] < 0.8)


@pytest.mark.parametrize("combine", ["max", "sum"])
def test_without_clicks_the_maps_are_zero_and_never_nan(combine):
    none = ClickTensor.empty(2, 2, "cpu")
    invalid = ClickTensor(torch.zeros(2, 3, 2), torch.ones(2, 3, dtype=torch.bool), torch.zeros(2, 3, dtype=torch.bool))
    for clicks in (none, invalid):
        drawn = click_maps(clicks, (9, 11), (2.0, 2.0), combine)
        assert drawn.shape == (2, 2, 9, 11)
        assert (drawn == 0).all()


@pytest.mark.parametrize("combine", ["max", "sum"])
@pytest.mark.parametrize("shape", [(40, 30), (16, 40, 24)])
def test_a_click_is_a_gaussian_with_peak_one_in_its_own_channel(combine, shape):
    voxel = (8, 21, 13)[: len(shape)]
    sigma = (1.0, 3.0, 2.0)[: len(shape)]
    drawn = click_maps(clicks_at(voxel, inside=False), shape, sigma, combine)[0]
    assert (drawn[0] == 0).all()
    squared = sum(
        ((np.arange(n) - v) / s).reshape([-1 if a == axis else 1 for a in range(len(shape))]) ** 2
        for axis, (n, v, s) in enumerate(zip(shape, voxel, sigma, strict=True))
    )
    near = squared < 16
    np.testing.assert_allclose(drawn[1].numpy()[near], np.exp(-squared / 2)[near], atol=1e-3)
    assert drawn[1][voxel] == 1
    assert drawn[1].amin() == 0


def test_sum_is_scipys_filter_of_the_clicked_voxels_scaled_to_one():
    clicked = np.zeros((48, 48), dtype=np.float64)
    voxels = [(20, 20), (20, 23), (24, 21), (30, 28)]
    for voxel in voxels:
        clicked[voxel] = 1
    expected = ndimage.gaussian_filter(clicked, 2.0, truncate=4.0)
    expected /= expected.max()
    # the repeated click is the same voxel and counts once
    drawn = click_maps(clicks_at(*voxels, (20, 20)), (48, 48), (2.0, 2.0), "sum")
    np.testing.assert_allclose(drawn[0, 0].numpy(), expected, atol=1e-5)


def test_a_lone_click_beside_three_others_keeps_its_peak_only_with_max():
    lone, group = (10, 10), [(40, 40), (40, 42), (42, 40)]
    clicks = clicks_at(lone, *group)
    assert click_maps(clicks, (64, 64), (2.0, 2.0), "max")[0, 0][lone] == 1
    assert click_maps(clicks, (64, 64), (2.0, 2.0), "sum")[0, 0][lone] == pytest.approx(0.43, abs=0.01)


@pytest.mark.parametrize("shape", [(64, 64), (20, 24, 28)])
def test_boxes_and_whole_maps_are_equal(shape):
    clicks, sigma = random_clicks(4, 6, shape), (1.3, 2.0, 2.6)[: len(shape)]
    boxes = maps._joined_by_boxes(clicks, shape, sigma)
    torch.testing.assert_close(boxes, maps._joined_whole(clicks, shape, sigma), rtol=0, atol=1e-6)
    assert (boxes[:, 0] != boxes[:, 1]).any()


@pytest.mark.parametrize(
    ("whole", "start", "patch"), [((80, 70), (30, 7), (32, 40)), ((30, 40, 50), (3, 9, 20), (16,) * 3)]
)
def test_the_map_of_a_patch_is_the_patch_of_the_map(whole, start, patch):
    clicks = random_clicks(2, 8, whole)
    clicks = ClickTensor(clicks.positions.round(), clicks.inside, clicks.valid)
    shifted = ClickTensor(clicks.positions - torch.tensor(start), clicks.inside, clicks.valid)
    sigma = (3.0,) * len(whole)
    cut = click_maps(clicks, whole, sigma)[(..., *(slice(s, s + n) for s, n in zip(start, patch, strict=True)))]
    torch.testing.assert_close(click_maps(shifted, patch, sigma), cut, rtol=0, atol=1e-6)
    assert cut.amax() > 0.5


def test_appending_leaves_the_former_clicks_as_they_were():
    empty = ClickTensor.empty(2, 3)
    one = empty.appended(torch.tensor([[1, 2, 3], [4, 5, 6]]), torch.tensor([True, False]), torch.tensor([True, True]))
    two = one.appended(torch.zeros(2, 3), torch.tensor([True, True]), torch.tensor([False, True]))
    assert empty.positions.shape == (2, 0, 3)
    assert one.positions.dtype == torch.float32
    assert one.positions[1, 0].tolist() == [4, 5, 6]
    assert two.inside.tolist() == [[True, True], [False, True]]
    assert two.valid.tolist() == [[True, False], [True, True]]


def test_sigma_follows_the_spacing():
    assert sigma_in_voxels(3.0, (3.0, 1.0, 0.5)) == (1.0, 3.0, 6.0)


def test_dimensions_that_disagree_are_refused():
    with pytest.raises(ValueError, match="dimensions"):
        click_maps(clicks_at((1, 2)), (8, 8, 8), (2.0, 2.0, 2.0))

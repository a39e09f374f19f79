"""What the starter sees of a window."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from napari_progseg.data.click_windows import (
    CHANNELS,
    click_inputs,
    clicked_intensities,
    normalise_windows,
    scale_windows,
    window_ranges,
)
from napari_progseg.guidance.maps import ClickTensor

SHAPE = (16, 16, 16)
IMAGE, INSIDE, OUTSIDE, PREVIOUS, UNLIKE_INSIDE, UNLIKE_OUTSIDE, REACH = range(7)
NOTHING = torch.zeros((1, *SHAPE))


def clicks(*given: tuple[tuple[float, float, float], bool]) -> ClickTensor:
    """Put clicks on a single window."""
    places = torch.tensor([[place for place, _ in given]], dtype=torch.float32)
    inside = torch.tensor([[kind for _, kind in given]])
    return ClickTensor(places, inside, torch.ones_like(inside))


def two_halves() -> Tensor:
    """Show 0.2 below the middle of the first axis, and 0.7 from there on."""
    image = torch.full((1, 1, *SHAPE), 0.2)
    image[:, :, 8:] = 0.7
    return image


def inputs(image: Tensor, given: ClickTensor, reach: float = 0.0, previous: Tensor = NOTHING) -> Tensor:
    intensities = clicked_intensities(image, given)
    return click_inputs(image, given, previous, intensities, torch.tensor([reach]))[0]


def test_windows_are_brought_to_0_and_1_one_by_one_whatever_their_unit() -> None:
    noise = torch.rand((2, 1, *SHAPE), generator=torch.Generator().manual_seed(0))
    windows = noise * torch.tensor([1.0, 3000.0]).view(2, 1, 1, 1, 1) - 1000
    normalised = normalise_windows(windows)
    torch.testing.assert_close(normalised.flatten(1).amin(1), torch.zeros(2))
    torch.testing.assert_close(normalised.flatten(1).amax(1), torch.ones(2))
    torch.testing.assert_close(normalised[0, 0], ((noise[0, 0] - 0.005) / 0.99).clamp(0, 1), atol=0.01, rtol=0)


def test_single_extremes_do_not_set_the_range() -> None:
    window = torch.rand((1, 1, *SHAPE), generator=torch.Generator().manual_seed(0))
    window[0, 0, 3, 3, 3] = 1e6
    _, high = window_ranges(window)
    assert high.item() < 1.01


def test_a_window_of_one_intensity_is_no_division_by_zero() -> None:
    assert torch.equal(normalise_windows(torch.full((1, 1, *SHAPE), 5.0)), torch.zeros((1, 1, *SHAPE)))


def test_intensities_beyond_a_range_go_to_its_ends() -> None:
    low, high = torch.tensor(10.0), torch.tensor(20.0)
    assert scale_windows(torch.tensor([0.0, 10.0, 15.0, 99.0]), low, high).tolist() == [0.0, 0.0, 0.5, 1.0]


def test_a_click_reads_the_mean_of_its_27_voxels() -> None:
    image = torch.zeros((1, 1, *SHAPE))
    image[0, 0, 5, 6, 7] = 1
    given = clicks(((5.0, 6.0, 7.0), True), ((6.0, 7.0, 8.0), False), ((8.0, 6.0, 7.0), True))
    torch.testing.assert_close(clicked_intensities(image, given), torch.tensor([[1 / 27, 1 / 27, 0.0]]))


def test_a_click_beyond_the_window_reads_its_nearest_voxels() -> None:
    torch.testing.assert_close(
        clicked_intensities(two_halves(), clicks(((-30.0, 4.0, 4.0), True), ((90.0, 4.0, 4.0), True))),
        torch.tensor([[0.2, 0.7]]),
    )


def test_slots_without_a_click_are_marked() -> None:
    given = clicks(((4.0, 4.0, 4.0), True), ((4.0, 4.0, 4.0), True))
    given = ClickTensor(given.positions, given.inside, torch.tensor([[True, False]]))
    torch.testing.assert_close(clicked_intensities(two_halves(), given), torch.tensor([[0.2, -1.0]]))
    assert clicked_intensities(two_halves(), ClickTensor.empty(1, 3)).shape == (1, 0)


def test_there_is_a_channel_for_each_name() -> None:
    assert inputs(two_halves(), clicks(((4.0, 8.0, 8.0), True))).shape == (len(CHANNELS), *SHAPE)


def test_image_and_previous_mask_are_handed_on() -> None:
    previous = torch.rand((1, *SHAPE), generator=torch.Generator().manual_seed(0))
    shown = inputs(two_halves(), clicks(((4.0, 8.0, 8.0), True)), previous=previous)
    assert torch.equal(shown[IMAGE], two_halves()[0, 0])
    assert torch.equal(shown[PREVIOUS], previous[0])


def test_clicks_are_gaussians_of_two_voxels_each_on_its_own_side() -> None:
    shown = inputs(two_halves(), clicks(((4.0, 8.0, 8.0), True), ((12.0, 8.0, 8.0), False)))
    for channel, z in ((INSIDE, 4), (OUTSIDE, 12)):
        assert shown[channel, z, 8, 8].item() == pytest.approx(1)
        assert shown[channel, z, 8, 10].item() == pytest.approx(0.6065, abs=1e-4)
    assert shown[INSIDE, 14, 8, 8] == 0


def test_unlike_is_the_distance_to_the_nearest_intensity_that_was_clicked_on_that_side() -> None:
    image = two_halves()
    image[0, 0, :, :, 15] = 0.4
    shown = inputs(image, clicks(((3.0, 8.0, 8.0), True), ((12.0, 8.0, 8.0), False)))
    assert shown[UNLIKE_INSIDE, 0, 0, 0].item() == pytest.approx(0, abs=1e-6)
    assert shown[UNLIKE_INSIDE, 0, 0, 15].item() == pytest.approx(0.2 / 0.4)
    assert shown[UNLIKE_INSIDE, 15, 0, 0].item() == pytest.approx(1)
    assert shown[UNLIKE_OUTSIDE, 15, 0, 0].item() == pytest.approx(0, abs=1e-6)
    assert shown[UNLIKE_OUTSIDE, 0, 0, 15].item() == pytest.approx(0.3 / 0.4)


def test_everything_is_unlike_where_nothing_was_clicked() -> None:
    shown = inputs(two_halves(), clicks(((4.0, 8.0, 8.0), True)))
    assert (shown[UNLIKE_OUTSIDE] == 1).all()


def test_of_several_clicks_the_nearest_intensity_counts() -> None:
    shown = inputs(two_halves(), clicks(((4.0, 8.0, 8.0), True), ((12.0, 8.0, 8.0), True)))
    assert shown[UNLIKE_INSIDE].max() < 1e-5


def test_reach_falls_from_1_at_the_first_click_to_a_half_where_the_object_ends() -> None:
    shown = inputs(two_halves(), clicks(((8.0, 8.0, 8.0), True), ((2.0, 2.0, 2.0), True)), reach=4.0)
    along = shown[REACH, 8, 8]
    assert along[8].item() == pytest.approx(1)
    assert along[12].item() == pytest.approx(0.5)
    assert along[0].item() == pytest.approx(0)
    assert shown[REACH, 2, 2, 2].item() == pytest.approx(0)


def test_a_window_whose_object_is_of_unknown_size_has_no_reach_beside_one_that_has() -> None:
    image = two_halves().expand(2, -1, -1, -1, -1)
    given = ClickTensor(torch.full((2, 1, 3), 8.0), torch.ones((2, 1), dtype=torch.bool), torch.ones((2, 1)).bool())
    intensities = clicked_intensities(image, given)
    shown = click_inputs(image, given, torch.zeros((2, *SHAPE)), intensities, torch.tensor([0.0, 4.0]))
    assert not shown[0, REACH].any()
    assert shown[1, REACH, 8, 8, 8] == 1


def test_a_window_without_clicks_is_shown_as_it_is() -> None:
    shown = inputs(two_halves(), ClickTensor.empty(1, 3), reach=0.0)
    assert not shown[[INSIDE, OUTSIDE, PREVIOUS, REACH]].any()
    assert (shown[[UNLIKE_INSIDE, UNLIKE_OUTSIDE]] == 1).all()

"""Training of the starter on a network that is small enough for a test."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from napari_progseg.networks.click_unet import ClickUnet
from napari_progseg.training.starter import StarterRecipe, StarterStep, averaged, starter_loss, train_starter

STEPS = 24


def clock_of(steps: int) -> Callable[[], float]:
    """Let one minute pass in so many steps."""
    ticks: Iterator[float] = iter(60 * step / steps for step in range(10**6))
    return lambda: next(ticks)


def small() -> ClickUnet:
    torch.manual_seed(0)
    return ClickUnet(widths=(6, 8, 8, 8), fine=4)


def trained(steps: int = STEPS, seed: int = 0, **settings: Any) -> tuple[ClickUnet, nn.Module, list[StarterStep]]:
    network = small()
    average = averaged(network)
    recipe = StarterRecipe(**{"minutes": 1.0, "sizes": ((16, 4),), "rate": 0.02, "pool": 2, **settings})
    generator = torch.Generator().manual_seed(seed)
    done = list(train_starter(network, average, recipe, generator, clock=clock_of(steps)))
    return network, average, done


@pytest.fixture(scope="module")
def run() -> tuple[ClickUnet, nn.Module, list[StarterStep]]:
    return trained()


def test_training_ends_when_its_minutes_are_over(run: tuple[ClickUnet, nn.Module, list[StarterStep]]) -> None:
    steps = run[2]
    assert [done.step for done in steps] == list(range(1, STEPS + 1))
    assert [done.samples for done in steps] == list(range(4, 4 * STEPS + 1, 4))
    assert steps[-1].progress == pytest.approx(1)


def test_the_loss_falls(run: tuple[ClickUnet, nn.Module, list[StarterStep]]) -> None:
    losses = [done.loss for done in run[2]]
    assert sum(losses[-6:]) < 0.85 * sum(losses[:6])


def test_one_seed_gives_one_training(run: tuple[ClickUnet, nn.Module, list[StarterStep]]) -> None:
    again, other = trained(4), trained(4, seed=1)
    assert [done.loss for done in again[2]][:1] == [done.loss for done in run[2]][:1]
    assert [done.loss for done in again[2]] == [done.loss for done in trained(4)[2]]
    assert [done.loss for done in again[2]] != [done.loss for done in other[2]]


def test_the_average_follows_the_weights_and_lags_behind(run: tuple[ClickUnet, nn.Module, list[StarterStep]]) -> None:
    network, average, _ = run
    begin, end, mean = (module.mask.weight for module in (small(), network, average))
    assert not torch.equal(mean, begin)
    assert not torch.equal(mean, end)
    assert all(not weight.requires_grad for weight in average.parameters())


def test_an_average_that_forgets_at_once_is_the_network() -> None:
    network, average, _ = trained(2, average=0.0)
    for mean, weight in zip(average.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(mean, weight.detach())


def test_an_average_is_a_copy_of_its_own() -> None:
    network = small()
    average = averaged(network)
    before = copy.deepcopy(average.state_dict())
    with torch.no_grad():
        network.mask.weight.add_(1)
    assert all(torch.equal(before[name], tensor) for name, tensor in average.state_dict().items())


def test_larger_windows_come_after_the_early_share_of_the_time() -> None:
    *_, done = trained(8, sizes=((16, 4), (32, 1)), early=0.5)
    windows = [after - before for before, after in pairwise([0, *(step.samples for step in done)])]
    assert windows[:4] == [4] * 4
    assert 1 in windows[4:]


def loss_of(logits: Tensor, targets: Tensor, clicked: Tensor, fit: float = 0.0) -> float:
    return float(starter_loss(logits[None, None], torch.tensor([fit]), targets[None], clicked[None]))


def test_a_wrong_voxel_that_was_clicked_costs_more_than_one_that_was_not() -> None:
    targets, unclicked = torch.zeros((4, 4, 4), dtype=torch.bool), torch.zeros((4, 4, 4))
    targets[1:3, 1:3, 1:3] = True
    logits = torch.where(targets, 6.0, -6.0)
    logits[1, 1, 1] = -6.0
    clicked = unclicked.clone()
    clicked[1, 1, 1] = 1
    right = unclicked.clone()
    right[0, 0, 0] = 1
    assert loss_of(logits, targets, clicked) > loss_of(logits, targets, unclicked) + 0.5
    assert loss_of(logits, targets, right) == pytest.approx(loss_of(logits, targets, unclicked), abs=0.01)


def test_the_fit_is_to_be_high_for_a_right_mask_and_lower_for_an_object_that_leaves_its_window() -> None:
    whole, cut = torch.zeros((2, 4, 4, 4), dtype=torch.bool)
    whole[1:3, 1:3, 1:3] = True
    cut[:] = True
    clicked = torch.zeros((4, 4, 4))
    for targets, best in ((whole, 6.0), (cut, -1.4)):
        logits = torch.where(targets, 12.0, -12.0)
        costs = {fit: loss_of(logits, targets, clicked, fit) for fit in (-6.0, -1.4, 0.0, 6.0)}
        assert min(costs, key=costs.__getitem__) == best

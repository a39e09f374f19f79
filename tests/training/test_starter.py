"""Training of the starter on a network that is small enough for a test."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from napari_progseg.data.synthesis import Task
from napari_progseg.networks.click_unet import ClickUnet
from napari_progseg.training import starter
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


def bright_balls(generator: torch.Generator, batch: int, size: int, bank: object) -> Task:
    """Draw tasks that are learned at once: a bright ball each."""
    axis = torch.arange(size)
    middle = torch.rand((batch, 3, 1, 1, 1), generator=generator) * size / 2 + size / 4
    places = torch.stack(torch.meshgrid(axis, axis, axis, indexing="ij"))
    balls = ((places - middle) ** 2).sum(1) < (size / 4) ** 2
    return Task(balls[:, None].float(), balls)


@pytest.fixture(scope="module")
def run() -> tuple[ClickUnet, nn.Module, list[StarterStep]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(starter, "draw_tasks", bright_balls)
        return trained()


def test_training_ends_when_its_minutes_are_over(run: tuple[ClickUnet, nn.Module, list[StarterStep]]) -> None:
    steps = run[2]
    assert [done.step for done in steps] == list(range(1, STEPS + 1))
    assert [done.samples for done in steps] == list(range(4, 4 * STEPS + 1, 4))
    assert steps[-1].progress == pytest.approx(1)


def test_the_loss_falls(run: tuple[ClickUnet, nn.Module, list[StarterStep]]) -> None:
    losses = [done.loss for done in run[2]]
    assert sum(losses[-6:]) < 0.6 * sum(losses[:6])


def test_one_seed_gives_one_training() -> None:
    first, again, other = ([done.loss for done in trained(3, seed=seed)[2]] for seed in (0, 0, 1))
    assert first == again
    assert first != other


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


def loss_of(logits: Tensor, targets: Tensor, clicked: Tensor, fit: float = 0.0, *, guessed: bool = False) -> float:
    told = starter_loss(logits[None, None], torch.tensor([fit]), targets[None], clicked[None], torch.tensor([guessed]))
    return float(told)


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


def test_a_mask_of_a_guessed_reach_teaches_nothing_but_how_well_it_fits() -> None:
    targets, clicked = torch.zeros((4, 4, 4), dtype=torch.bool), torch.zeros((4, 4, 4))
    targets[1:3, 1:3, 1:3] = True
    logits = torch.where(targets, -6.0, 6.0).requires_grad_()
    fit = torch.zeros(1, requires_grad=True)
    starter_loss(logits[None, None], fit, targets[None], clicked[None], torch.tensor([True])).backward()
    assert logits.grad is None or not logits.grad.any()
    assert fit.grad is not None
    assert fit.grad.item() > 0
    assert loss_of(logits, targets, clicked) > loss_of(logits, targets, clicked, guessed=True) + 1

"""Windows of accepted patients, and a copy of the starter that learns from them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from napari_progseg.data.click_windows import click_inputs, clicked_intensities
from napari_progseg.guidance.maps import ClickTensor
from napari_progseg.networks.click_unet import ClickUnet
from napari_progseg.training import accepted
from napari_progseg.training.accepted import AcceptedRecipe, AcceptedStructure, cut_windows, learn_accepted

from .accepting import BALL, QUICK, ball_at, learn_in_small_windows, patient, small_starter


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    learn_in_small_windows(monkeypatch)


def cut(name: str = "a", y: float = 18, count: int = 6, seed: int = 0) -> AcceptedStructure:
    case = patient(name, y)
    mask = case.labels().labels == BALL.value
    return cut_windows(case.volume(), mask, name, count, np.random.default_rng(seed))


def taught(starter: nn.Module, patients: list[AcceptedStructure], recipe: AcceptedRecipe, seed: int = 0) -> Any:
    """Return the copy and the fractions that were told."""
    learning = learn_accepted(starter, patients, recipe, torch.Generator().manual_seed(seed))
    told: list[float] = []
    while True:
        try:
            told.append(next(learning))
        except StopIteration as finished:
            return finished.value, told


def test_windows_show_the_whole_structure_at_several_sizes() -> None:
    windows = cut(count=12)
    assert windows.images.shape == (12, 1, 48, 48, 48)
    assert windows.targets.shape == (12, 48, 48, 48)
    assert windows.longest_mm == 18
    sides = [int(mask.any(0).any(0).sum()) for mask in windows.targets]
    assert 18 <= min(sides) < 30 < max(sides) <= 47
    assert float(windows.images.min()) >= 0
    assert float(windows.images.max()) <= 1


def test_targets_lie_on_what_the_images_show() -> None:
    windows = cut()
    for image, target in zip(windows.images[:, 0].float(), windows.targets, strict=True):
        assert float(image[target].mean()) > float(image[~target].mean()) + 0.4


def test_a_ct_is_shown_around_the_structure() -> None:
    case = patient("a")
    case.volume().image[:, :, :12] = -1000
    case.volume().image[:, :, 28:] = 3000
    windows = cut_windows(case.volume(), ball_at(18), "a", 4, np.random.default_rng(0))
    inner = windows.images[:, 0].float()[windows.targets]
    assert 0.4 < float(inner.median()) < 0.6, "bone and air are cut to 300 HU above and below the structure"


def test_a_copy_learns_and_the_starter_stays(small_windows: None) -> None:
    starter = small_starter().network
    before = copy.deepcopy(starter.state_dict())
    network, told = taught(starter, [cut()], QUICK)
    assert told == [0.5, 1.0]
    assert all(torch.equal(before[name], tensor) for name, tensor in starter.state_dict().items())
    assert any(not torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert not network.training
    assert not any(weight.requires_grad for weight in network.parameters())


def test_the_same_patients_teach_the_same(small_windows: None) -> None:
    starter, patients = small_starter().network, [cut()]
    first, again, other = (taught(starter, patients, QUICK, seed)[0].stem.weight for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_what_was_learned_marks_another_patient_better(small_windows: None) -> None:
    torch.manual_seed(0)
    starter = ClickUnet(widths=(6, 8, 8, 8), fine=4)
    recipe = AcceptedRecipe(steps=40, rate=0.02, pool=2)
    network, _ = taught(starter, [cut("a", 18), cut("b", 22, seed=1)], recipe)
    new = cut("c", 15, seed=2)
    assert dice(network, new) > dice(starter, new) + 0.3


def test_a_mirrored_window_is_mirrored_with_its_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepted, "_GAMMA", 0.0)
    monkeypatch.setattr(accepted, "_GAIN", 0.0)
    targets = torch.zeros((40, 4, 4, 4), dtype=torch.bool)
    targets[:, 1, 2, 0] = True
    task = accepted._varied(accepted.Task(targets[:, None].float(), targets), torch.Generator().manual_seed(0))
    assert torch.equal(task.images[:, 0] > 0.5, task.targets)
    assert 5 < int(task.targets[:, 1, 2, 3].sum()) < 35


def dice(network: nn.Module, windows: AcceptedStructure) -> float:
    """Click in the middle of the ball in each window."""
    middles = torch.stack([mask.nonzero().float().mean(0) for mask in windows.targets])[:, None]
    count = len(middles)
    clicks = ClickTensor(middles, torch.ones((count, 1), dtype=torch.bool), torch.ones((count, 1), dtype=torch.bool))
    images = windows.images.float()
    inputs = click_inputs(
        images, clicks, torch.zeros_like(images[:, 0]), clicked_intensities(images, clicks), torch.zeros(count)
    )
    with torch.no_grad():
        marked = network(inputs)[0][:, 0] > 0
    return float(2 * (marked & windows.targets).sum() / (marked.sum() + windows.targets.sum()))

"""Models loaded from runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from napari_progseg.data.plan import Plan
from napari_progseg.errors import UserError
from napari_progseg.inference.model import choose_device, forward, load_trained, load_weights
from napari_progseg.networks import build_network
from napari_progseg.training.config import BudgetConfig, preset_config
from napari_progseg.training.fit import Trainee
from napari_progseg.training.keeper import CheckpointKeeper

CONFIG = preset_config("tiny", "segmentation", budget=BudgetConfig(steps=9))


@pytest.fixture
def saved(tmp_path: Path, plan_of: Callable[..., Plan]) -> Callable[..., Path]:
    keeper = CheckpointKeeper(tmp_path, plan_of(), CONFIG)

    def save(step: int, dice: float | None) -> Path:
        trainee = Trainee.new(build_network(plan_of(), seed=step), CONFIG.optimiser)
        trainee.step = step
        keeper.save(trainee, 1.0, dice)
        return tmp_path / "checkpoints" / f"step-{step:06d}"

    return save


def test_the_best_checkpoint_is_loaded_with_its_plan(tmp_path: Path, saved: Any, plan_of: Any) -> None:
    for step, dice in ((1, 0.5), (2, 0.8), (3, 0.7), (4, None)):
        saved(step, dice)
    model = load_trained(tmp_path, "cpu")
    assert (model.step, model.dice, model.name) == (2, 0.8, tmp_path.name)
    assert model.plan == plan_of()
    assert model.config == CONFIG
    assert not model.network.training
    expected = build_network(plan_of(), seed=2).state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in model.network.state_dict().items())


def test_without_validation_the_newest_is_loaded(tmp_path: Path, saved: Any) -> None:
    saved(1, None)
    saved(2, None)
    assert load_trained(tmp_path, "cpu").step == 2


def test_a_damaged_best_gives_way_to_the_newest_intact(tmp_path: Path, saved: Any) -> None:
    best = saved(1, 0.9)
    saved(2, 0.5)
    (best / "average.safetensors").write_bytes(b"nothing")
    assert load_trained(tmp_path, "cpu").step == 2


def test_a_run_without_checkpoints_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no checkpoint yet"):
        load_trained(tmp_path, "cpu")


def test_a_restoration_network_is_no_model_to_segment_with_but_gives_its_weights(
    tmp_path: Path, plan_of: Callable[..., Plan]
) -> None:
    plan = plan_of(task="restoration")
    config = preset_config("tiny", "restoration", budget=BudgetConfig(steps=9))
    keeper = CheckpointKeeper(tmp_path, plan, config)
    trainee = Trainee.new(build_network(plan, seed=1), config.optimiser)
    for step in (3, 7):
        trainee.step = step
        keeper.save(trainee, 1.0)
    with pytest.raises(UserError, match="has learned to restore images and knows no structure") as refused:
        load_trained(tmp_path, "cpu")
    assert "--init" in str(refused.value)
    weights = load_weights(tmp_path)
    assert (weights.step, weights.dice, weights.plan) == (7, None, plan)
    assert all(torch.equal(weights.tensors[name], each) for name, each in trainee.average.state_dict().items())


def test_devices_that_are_not_there_are_refused() -> None:
    assert choose_device("cpu").type == "cpu"
    with pytest.raises(UserError, match="is no device"):
        choose_device("warp")
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="no cuda device"):
            choose_device("cuda")
        assert choose_device("auto").type == "cpu"


@pytest.mark.parametrize("shape", [(1, 1, 4, 4), (1, 1, 4, 4, 4), (3, 1, 4, 4, 4)])
def test_a_lone_sample_is_answered_alone(shape: tuple[int, ...]) -> None:
    inputs = torch.rand(shape)
    assert torch.equal(forward(nn.Identity(), inputs), inputs)

"""Distorted in, original out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from napari_progseg.data.plan import Plan
from napari_progseg.data.sampler import Batch
from napari_progseg.restoration import Distorted
from napari_progseg.tasks import build_task
from napari_progseg.tasks.restoration import Restoration
from napari_progseg.training.config import RestorationConfig, preset_config

IMAGES = torch.rand(6, 1, 20, 24, generator=torch.Generator().manual_seed(5))
LABELS = torch.zeros(6, 20, 24, dtype=torch.uint8)


def prepared(seed: int = 0, labels: torch.Tensor = LABELS, **settings: Any) -> tuple[torch.Tensor, Distorted]:
    task = Restoration(RestorationConfig(**settings))
    return task.prepare(Batch(IMAGES, labels), nn.Identity(), 0.0, torch.Generator().manual_seed(seed))


def compared(restored: float | torch.Tensor, targets: torch.Tensor, weights: torch.Tensor, loss: Any) -> float:
    logits = torch.logit(torch.as_tensor(restored).expand_as(targets))
    return float(Restoration(RestorationConfig(loss=loss)).loss(logits, Distorted(targets, targets, weights)))


def test_inputs_are_distorted_and_targets_are_the_images() -> None:
    inputs, targets = prepared(flip=0.0)
    assert inputs is targets.images
    assert torch.equal(targets.targets, IMAGES)
    assert not torch.equal(inputs, IMAGES)


def test_a_batch_follows_from_the_generator_and_not_from_the_labels() -> None:
    first, again = prepared(3)[0], prepared(3, labels=LABELS + 1)[0]
    assert torch.equal(first, again)
    assert not torch.equal(first, prepared(4)[0])


@pytest.mark.parametrize(("loss", "expected"), [("l1", 0.3), ("mse", 0.09)])
def test_the_loss_is_the_mean_error_of_the_restored_image(loss: str, expected: float) -> None:
    targets = torch.full((2, 1, 4, 4), 0.2)
    assert compared(0.5, targets, torch.ones_like(targets), loss) == pytest.approx(expected, abs=1e-5)
    assert compared(0.2, targets, torch.ones_like(targets), loss) == pytest.approx(0, abs=1e-5)


def test_of_masked_samples_the_loss_reads_the_masked_voxels_alone() -> None:
    _, targets = prepared(mask=1.0, mask_block=4)
    logits = torch.zeros_like(targets.targets).requires_grad_()
    loss = Restoration(RestorationConfig()).loss(logits, targets)
    expected = (targets.targets - 0.5).abs()[targets.weights > 0].mean()
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad != 0, targets.weights > 0)


def test_a_run_of_task_restoration_learns_it(plan_of: Callable[..., Plan]) -> None:
    config = preset_config("tiny", "restoration", restoration={"loss": "mse"}, budget={"steps": 1})
    assert build_task(config, plan_of(task="restoration")) == Restoration(RestorationConfig(loss="mse"))

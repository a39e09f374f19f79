"""Distorted in, original out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from napari_progseg.data.plan import Plan
from napari_progseg.data.sampler import Batch
from napari_progseg.restoration import Distorted
from napari_progseg.tasks import build_task
from napari_progseg.tasks.restoration import Pretraining, Restoration
from napari_progseg.training.config import RestorationConfig, preset_config

TaskOf = Callable[..., Restoration]
IMAGES = torch.rand(6, 1, 20, 24, generator=torch.Generator().manual_seed(5))
LABELS = torch.zeros(6, 20, 24, dtype=torch.uint8)


@pytest.fixture
def task_of(plan_of: Callable[..., Plan]) -> Callable[..., Restoration]:
    """Build the task from settings of restoration."""

    def build(click_tasks: float = 0.0, clicks: dict[str, Any] | None = None, **settings: Any) -> Restoration:
        plan = plan_of(clicks, task="restoration", patch=(20, 24), click_tasks=click_tasks > 0)
        return Restoration(RestorationConfig(click_tasks=click_tasks, **settings), plan)

    return build


def prepared(task: Restoration, seed: int = 0, labels: Tensor = LABELS, images: Tensor = IMAGES) -> Any:
    return task.prepare(Batch(images, labels), nn.Identity(), 0.0, torch.Generator().manual_seed(seed))


def compared(task: Restoration, restored: float | Tensor, targets: Tensor, weights: Tensor) -> float:
    logits = torch.logit(torch.as_tensor(restored).expand_as(targets))
    return float(task.loss(logits, Pretraining(Distorted(targets, targets, weights), None)))


def test_inputs_are_distorted_and_targets_are_the_images(task_of: TaskOf) -> None:
    inputs, targets = prepared(task_of(flip=0.0))
    assert torch.equal(inputs, targets.restored.images)
    assert torch.equal(targets.restored.targets, IMAGES)
    assert targets.clicked is None
    assert not torch.equal(inputs, IMAGES)


@pytest.mark.parametrize("click_tasks", [0.0, 0.5])
def test_a_batch_follows_from_the_generator_and_not_from_the_labels(task_of: TaskOf, click_tasks: float) -> None:
    task = task_of(click_tasks)
    first, again = prepared(task, 3)[0], prepared(task, 3, labels=LABELS + 1)[0]
    assert torch.equal(first, again)
    assert not torch.equal(first, prepared(task, 4)[0])


@pytest.mark.parametrize(("loss", "expected"), [("l1", 0.3), ("mse", 0.09)])
def test_the_loss_is_the_mean_error_of_the_restored_image(task_of: TaskOf, loss: str, expected: float) -> None:
    task, targets = task_of(loss=loss), torch.full((2, 1, 4, 4), 0.2)
    assert compared(task, 0.5, targets, torch.ones_like(targets)) == pytest.approx(expected, abs=1e-5)
    assert compared(task, 0.2, targets, torch.ones_like(targets)) == pytest.approx(0, abs=1e-5)


def test_of_masked_samples_the_loss_reads_the_masked_voxels_alone(task_of: TaskOf) -> None:
    task = task_of(mask=1.0, mask_block=4)
    _, targets = prepared(task)
    restored = targets.restored
    logits = torch.zeros_like(restored.targets).requires_grad_()
    loss = task.loss(logits, targets)
    expected = (restored.targets - 0.5).abs()[restored.weights > 0].mean()
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert logits.grad is not None
    assert torch.equal(logits.grad != 0, restored.weights > 0)


def test_a_share_of_the_samples_are_click_tasks(task_of: TaskOf) -> None:
    inputs, targets = prepared(task_of(0.5))
    assert inputs.shape == (6, 4, 20, 24)
    assert len(targets.restored.images) == 3
    assert torch.equal(inputs[:3, :1], targets.restored.images)
    assert not inputs[:3, 1:].any(), "nothing is clicked where an image is restored"
    assert targets.clicked.masks.shape == (3, 1, 20, 24)
    assert inputs[3:, 1:3].flatten(1).amax(1) == pytest.approx(1)


def test_small_batches_have_click_tasks_now_and_then(task_of: TaskOf) -> None:
    task = task_of(0.25)
    counts = [2 - len(prepared(task, seed, LABELS[:2], IMAGES[:2])[1].restored.images) for seed in range(60)]
    assert set(counts) == {0, 1}
    assert sum(counts) / 120 == pytest.approx(0.25, abs=0.08)


def test_clicks_name_the_target_and_masks_before_them_are_drawn(task_of: TaskOf) -> None:
    task = task_of(0.9, {"background": 0.0, "bent": 0.0})
    found = []
    for seed in range(10):
        inputs, targets = prepared(task, seed)
        clicked = targets.clicked
        assert (clicked.masks.flatten(1).sum(1) < 0.5 * 480).all()
        first = inputs[len(targets.restored.images) :, 1] * clicked.masks[:, 0]
        found += [*(first.flatten(1).amax(1) > 0.99).tolist()]
        assert clicked.read.all()
    assert sum(found) / len(found) > 0.9


def test_each_output_learns_its_own_samples(task_of: TaskOf) -> None:
    task = task_of(0.5)
    _, targets = prepared(task)
    logits = torch.zeros(6, 2, 20, 24, requires_grad=True)
    loss = task.loss(logits, targets)
    loss.backward()
    assert logits.grad is not None
    assert logits.grad[:3, 0].any()
    assert logits.grad[3:, 1].flatten(1).any(1).all()
    assert not logits.grad[:3, 1].any()
    assert not logits.grad[3:, 0].any()
    restored = (targets.restored.targets - 0.5).abs().mean()
    expected = (restored + task.clicks.loss(torch.zeros(3, 1, 20, 24), targets.clicked)) / 2
    torch.testing.assert_close(loss.detach(), expected)


def test_click_tasks_alone_have_a_loss(task_of: TaskOf) -> None:
    task = task_of(0.9)
    inputs, targets = prepared(task, 0, LABELS[:1], IMAGES[:1])
    assert len(targets.restored.images) == 0
    assert bool(task.loss(torch.zeros(len(inputs), 2, 20, 24), targets).isfinite())


def test_a_run_of_task_restoration_learns_it(plan_of: Callable[..., Plan]) -> None:
    config = preset_config("tiny", "restoration", restoration={"loss": "mse"}, budget={"steps": 1})
    plan = plan_of(task="restoration")
    assert build_task(config, plan) == Restoration(RestorationConfig(loss="mse"), plan)

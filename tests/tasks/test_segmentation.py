"""Masks, cross entropy and Dice."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from napari_progseg.data.augment import IGNORED
from napari_progseg.data.sampler import Batch
from napari_progseg.tasks.segmentation import Segmentation, Targets, masks_of, segmentation_loss

LABELS = torch.tensor([[[0, 1], [2, 2]], [[0, 0], [0, 1]]], dtype=torch.uint8)


def targets_of(masks: Tensor, read: Tensor) -> Targets:
    return Targets(masks, read, torch.ones_like(masks[:, :1]))


def logits_of(masks: Tensor, strength: float = 20.0) -> Tensor:
    return (masks * 2 - 1) * strength


def test_each_class_has_its_mask_and_background_none() -> None:
    masks = masks_of(LABELS, 2)
    assert masks[0].tolist() == [[[0, 1], [0, 0]], [[0, 0], [1, 1]]]
    assert masks[1, 1].sum() == 0


def test_every_channel_is_read() -> None:
    images = torch.rand(2, 1, 2, 2)
    inputs, targets = Segmentation(2).prepare(Batch(images, LABELS), nn.Identity(), 0.0, torch.Generator())
    assert inputs is images
    assert targets.read.tolist() == [[1, 1], [1, 1]]


@pytest.mark.parametrize("dice", [True, False])
def test_a_right_answer_costs_nothing_and_a_wrong_one_much(dice: bool) -> None:
    masks = masks_of(LABELS, 2)
    targets = targets_of(masks, torch.ones(2, 2))
    assert segmentation_loss(logits_of(masks), targets, dice=dice) < 1e-3
    assert segmentation_loss(logits_of(1 - masks), targets, dice=dice) > 10


@pytest.mark.parametrize("dice", [True, False])
def test_channels_that_are_not_read_have_no_influence_and_no_gradient(dice: bool) -> None:
    masks = masks_of(LABELS, 2)
    read = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    logits = torch.randn(2, 2, 2, 2, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = segmentation_loss(logits, targets_of(masks, read), dice=dice)
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad.flatten(2).abs().amax(2) > 0).tolist() == [[True, False], [False, True]]
    with torch.no_grad():
        changed = logits + 5 * (1 - read)[:, :, None, None]
        assert segmentation_loss(changed, targets_of(masks, read), dice=dice) == pytest.approx(float(loss), abs=1e-6)


def test_reading_one_channel_is_the_loss_of_that_channel() -> None:
    masks, logits = masks_of(LABELS, 2), torch.randn(2, 2, 2, 2)
    partial = segmentation_loss(logits, targets_of(masks, torch.tensor([[1.0, 0.0]] * 2)), dice=True)
    alone = segmentation_loss(logits[:, :1], targets_of(masks[:, :1], torch.ones(2, 1)), dice=True)
    torch.testing.assert_close(partial, alone)


def test_patches_without_the_structure_do_no_harm() -> None:
    masks = torch.zeros(3, 1, 8, 8)
    assert segmentation_loss(logits_of(masks), targets_of(masks, torch.ones(3, 1)), dice=True) < 1e-3
    nothing_read = segmentation_loss(logits_of(masks), targets_of(masks, torch.zeros(3, 1)), dice=True)
    assert nothing_read == 0


@pytest.mark.parametrize("dice", [True, False])
def test_ignored_voxels_have_no_influence(dice: bool) -> None:
    labels = LABELS.clone()
    labels[0, 0] = IGNORED
    _, targets = Segmentation(2, dice).prepare(
        Batch(torch.rand(2, 1, 2, 2), labels), nn.Identity(), 0.0, torch.Generator()
    )
    logits = torch.randn(2, 2, 2, 2, generator=torch.Generator().manual_seed(0))
    changed = logits.clone()
    changed[0, :, 0] = 99.0
    one, other = (segmentation_loss(each, targets, dice=dice) for each in (logits, changed))
    assert one == pytest.approx(float(other))
    changed[0, :, 1] = 99.0
    assert segmentation_loss(changed, targets, dice=dice) != pytest.approx(float(one))

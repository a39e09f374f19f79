"""Patches of a step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from napari_progseg.data.plan import Plan
from napari_progseg.data.sampler import Batch, PatchSampler
from napari_progseg.data.store import TrainingCase
from napari_progseg.schedules.course import Stage
from napari_progseg.training.config import PatchConfig

PlanOf = Callable[..., Plan]


def case(name: str, shape: tuple[int, int, int] = (7, 40, 44), code: int = 0) -> TrainingCase:
    """Every slice has its own intensity, slice / 64 + code / 4; one small cube is labelled."""
    image = np.broadcast_to((np.arange(shape[0]) / 64 + code / 4).reshape(-1, 1, 1), shape).astype(np.float16)
    labels = np.zeros(shape, np.uint8)
    labels[2:4, 5:8, 30:33] = 1
    return TrainingCase(name, image, labels, (np.argwhere(labels == 1).astype(np.int32),))


class Drawing(PatchSampler):
    """A sampler that draws from all its cases at the plan's patch, unless a stage says otherwise."""

    def __init__(self, cases: tuple[TrainingCase, ...], plan: Plan, patches: PatchConfig, margin: float) -> None:
        super().__init__(cases, plan, patches, margin)
        self.plan = plan

    def at(self, step: int, seed: int, rank: int = 0, **stage: Any) -> Batch:
        units = sum(self.units.values())
        samples = step * self.plan.batch
        usual = {
            "patch": self.plan.patch,
            "batch": self.plan.batch,
            "cases": tuple(self.units),
            "epoch": samples // units,
            "offset": samples % units,
        }
        return self.draw(Stage(**{**usual, **stage}), step, seed, rank)


def sampler(plan: Plan, *cases: TrainingCase, margin: float = 1.0, **patches: Any) -> Drawing:
    return Drawing(cases or (case("a"), case("b", code=1)), plan, PatchConfig(**patches), margin)


@pytest.mark.parametrize("without_repetition", [False, True])
def test_a_batch_follows_from_seed_and_step_alone(plan_of: PlanOf, without_repetition: bool) -> None:
    one, other = (sampler(plan_of(), without_repetition=without_repetition) for _ in range(2))
    for step in (0, 1, 5):
        other.at(step + 9, 3)
    first, again = one.at(5, 3), other.at(5, 3)
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.labels, again.labels)


@pytest.mark.parametrize("change", [{"step": 6, "seed": 3}, {"step": 5, "seed": 4}, {"step": 5, "seed": 3, "rank": 1}])
def test_other_steps_seeds_and_ranks_differ(plan_of: PlanOf, change: dict[str, int]) -> None:
    one = sampler(plan_of(batch=32))
    assert not torch.equal(one.at(5, 3).images, one.at(**change).images)


@pytest.mark.parametrize(("patch", "shape"), [((16, 12), (4, 1, 16, 12)), ((4, 8, 6), (4, 1, 4, 8, 6))])
def test_batches_have_the_shape_of_the_patch(plan_of: PlanOf, patch: tuple[int, ...], shape: tuple[int, ...]) -> None:
    batch = sampler(plan_of(patch=patch)).at(0, 0)
    assert tuple(batch.images.shape) == shape
    assert tuple(batch.labels.shape) == (4, *patch)
    assert (batch.images.dtype, batch.labels.dtype) == (torch.float32, torch.uint8)


def test_boxes_are_larger_than_the_patch_where_augmentation_needs_room(plan_of: PlanOf) -> None:
    assert sampler(plan_of(patch=(16, 10)), margin=1.4).box((16, 10)) == (1, 23, 14)


@pytest.mark.parametrize(("share", "low", "high"), [(1.0, 1.0, 1.0), (0.5, 0.4, 0.7), (0.0, 0.0, 0.2)])
def test_the_share_of_patches_with_foreground(plan_of: PlanOf, share: float, low: float, high: float) -> None:
    labels = sampler(plan_of(batch=400, patch=(8, 8)), foreground=share).at(0, 0).labels
    assert low <= float(labels.flatten(1).any(1).float().mean()) <= high


def test_every_class_is_looked_for_alike(plan_of: PlanOf) -> None:
    labels = np.ones((7, 40, 44), np.uint8)
    labels[0, 0, 0] = 2
    voxels = (np.argwhere(labels == 1).astype(np.int32), np.array([[0, 0, 0]], np.int32))
    rare = TrainingCase("a", np.zeros(labels.shape, np.float16), labels, voxels)
    found = sampler(plan_of(batch=200), rare, foreground=1.0).at(0, 0).labels
    assert 0.35 < float((found == 2).flatten(1).any(1).float().mean()) < 0.65


def test_without_repetition_every_slice_comes_once_an_epoch(plan_of: PlanOf) -> None:
    one = sampler(plan_of(batch=3), without_repetition=True, foreground=0.0)
    seen: list[float] = []
    epochs: list[int] = []
    for step in range(14):
        batch = one.at(step, 0)
        seen += batch.images.flatten(1).amax(1).tolist()
        epochs.append(batch.epoch)
    orders = [seen[first : first + 14] for first in (0, 14, 28)]
    assert [set(Counter(order).values()) for order in orders] == [{1}] * 3
    assert [len(order) for order in orders] == [14] * 3
    assert orders[0] != orders[1]
    assert epochs == [step * 3 // 14 for step in range(14)]


def test_patches_stay_inside_images_that_hold_them(plan_of: PlanOf) -> None:
    full = TrainingCase("a", np.ones((7, 40, 44), np.float16), np.ones((7, 40, 44), np.uint8), ())
    assert sampler(plan_of(batch=200), full).at(0, 0).labels.all()


def test_images_smaller_than_the_patch_are_centred_in_zeros(plan_of: PlanOf) -> None:
    small = TrainingCase("a", np.ones((1, 4, 6), np.float16), np.ones((1, 4, 6), np.uint8), ())
    batch = sampler(plan_of(), small).at(0, 0)
    assert batch.labels.sum((1, 2)).tolist() == [24] * 4
    rows, columns = batch.labels[0].any(1).nonzero(), batch.labels[0].any(0).nonzero()
    assert (int(rows[0]), int(columns[0])) == (6, 5)


def test_images_and_labels_are_cut_at_the_same_place(plan_of: PlanOf) -> None:
    labels = (np.random.default_rng(0).random((7, 40, 44)) > 0.5).astype(np.uint8)
    twin = TrainingCase("a", labels.astype(np.float16), labels, (np.argwhere(labels).astype(np.int32),))
    for margin in (1.0, 1.4):
        batch = sampler(plan_of(patch=(4, 8, 6)), twin, margin=margin).at(1, 1)
        assert torch.equal(batch.images[:, 0], batch.labels.float())


def test_only_active_cases_are_drawn_from(plan_of: PlanOf) -> None:
    for without_repetition in (False, True):
        one = sampler(plan_of(batch=50), without_repetition=without_repetition)
        images = one.at(0, 0, cases=("b",)).images
        assert float(images.flatten(1).amax(1).min()) >= 0.25


def test_patch_and_batch_are_those_of_the_stage(plan_of: PlanOf) -> None:
    batch = sampler(plan_of(), margin=1.4).at(0, 0, patch=(8, 4), batch=9)
    assert tuple(batch.images.shape) == (9, 1, 12, 6)


def test_growing_patches_come_from_few_cases_of_which_every_other_gives_foreground(plan_of: PlanOf) -> None:
    one = sampler(plan_of(batch=2, patch=(8, 8, 8)), schedule="performance")
    for step in range(20):
        batch = one.at(step, 0, patch=(2, 8, 8), batch=7)
        has = batch.labels.flatten(1).any(1)
        assert has[4:].all(), "the second case gives foreground"
        codes = (batch.images.flatten(1).amax(1) >= 0.25).tolist()
        assert len(set(codes[:4])) == len(set(codes[4:])) == 1

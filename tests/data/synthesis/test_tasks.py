"""Tasks: generated images with one object each."""

from __future__ import annotations

import pytest
import torch
from scipy import ndimage

from napari_progseg.data.synthesis import Task, draw_tasks

SIZE, BATCH = 24, 4


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    generator = torch.Generator().manual_seed(0)
    return [draw_tasks(generator, BATCH, SIZE) for _ in range(10)]


def test_one_seed_gives_one_set_of_tasks_and_another_one_others() -> None:
    first, again, other = (draw_tasks(torch.Generator().manual_seed(seed), BATCH, SIZE) for seed in (3, 3, 4))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.targets, again.targets)
    assert first.images.shape != other.images.shape or not torch.equal(first.images, other.images)


def test_images_fill_the_range_from_0_to_1(tasks: list[Task]) -> None:
    for task in tasks:
        assert task.images.dtype == torch.float32
        assert task.images.shape[1:] == (1, SIZE, SIZE, SIZE)
        assert task.images.min() >= 0
        assert task.images.max() <= 1
        assert (task.images.flatten(1).amax(1) > 0.9).all()
        assert (task.images.flatten(1).amin(1) < 0.1).all()


def test_targets_are_in_one_piece_and_neither_specks_nor_nearly_all(tasks: list[Task]) -> None:
    targets = torch.cat([task.targets for task in tasks])
    assert targets.dtype == torch.bool
    voxels = targets.flatten(1).sum(1)
    assert voxels.min() >= 40
    assert voxels.max() <= 0.75 * SIZE**3
    assert all(ndimage.label(target.numpy())[1] == 1 for target in targets)


def test_most_of_what_is_drawn_is_of_use(tasks: list[Task]) -> None:
    assert sum(len(task.images) for task in tasks) > 0.7 * 10 * BATCH

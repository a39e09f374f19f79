"""Task shape: images that follow their points, and a loss that reads the scales it is told to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from napari_progseg.data.plan import Plan, ShapeHeads
from napari_progseg.data.sampler import Batch
from napari_progseg.data.shape_cases import ShapeTable
from napari_progseg.networks.build import build_network
from napari_progseg.networks.shape import ShapeNetwork, ShapeOutput
from napari_progseg.shape.distances import distances_to
from napari_progseg.shape.mesh import surface_of
from napari_progseg.shape.model import ShapeModel
from napari_progseg.tasks.shape import ShapeLearning, ShapeTargets
from napari_progseg.training.config import ShapeConfig

SPACING = (1.0, 1.0, 1.0)
CASES = ("p0", "p3", "p5", "p3")


@pytest.fixture
def network(plan_of: Callable[..., Plan], shape_model: ShapeModel) -> ShapeNetwork:
    modes = tuple(len(level.modes) for level in shape_model.levels)
    heads = ShapeHeads(
        backbone="unet", scales=shape_model.scales, modes=modes, previous="latent", detach_previous=False
    )
    network = build_network(plan_of(task="shape", patch=(32, 32, 32), heads=heads), seed=0)
    assert isinstance(network, ShapeNetwork)
    network.begin_as(shape_model, torch.zeros(1, 1, 8, 8, 8))
    return network


def batch_of(model: ShapeModel) -> Batch:
    """Masks of the ellipsoids, brighter than what is around them."""
    grid = np.stack(np.meshgrid(*[np.arange(32) - 15.5] * 3, indexing="ij"), axis=-1)
    masks = []
    for case in CASES:
        row = model.cases.index(case)
        points = model.poses[row].apply(model.points[row])
        axes = np.abs(points - points.mean(0)).max(0)
        masks.append((((grid - points.mean(0)) / axes) ** 2).sum(-1) < 1)
    labels = torch.from_numpy(np.array(masks).astype(np.uint8))
    return Batch(0.2 + 0.5 * labels[:, None].float(), labels, CASES)


def learning(model: ShapeModel, **settings: Any) -> ShapeLearning:
    table = ShapeTable.of(model, {case: np.ones(3) for case in model.cases}, "kde", seed=0)
    return ShapeLearning(ShapeConfig(**settings), table, SPACING)


def prepared(
    model: ShapeModel, network: ShapeNetwork, progress: float = 0.5, **settings: Any
) -> tuple[Tensor, ShapeTargets]:
    task = learning(model, **settings)
    return task.prepare(batch_of(model), network, progress, torch.Generator().manual_seed(0))


def perfect(targets: ShapeTargets, scales: tuple[int, ...]) -> ShapeOutput:
    shapes = targets.shapes
    return ShapeOutput(
        tuple(shapes.local[:, :count] for count in scales),
        tuple(shapes.points[:, :count] for count in scales),
        targets.scores,
        shapes.pose,
        40 * targets.mask - 20,
    )


@pytest.mark.parametrize("warped", [0.0, 1.0])
def test_points_lie_on_the_mask_also_after_a_warp(
    shape_model: ShapeModel, network: ShapeNetwork, warped: float
) -> None:
    images, targets = prepared(shape_model, network, warped=warped)
    for image, mask, points in zip(images, targets.mask, targets.shapes.points, strict=True):
        surface, _ = surface_of(mask[0].numpy() > 0, SPACING)
        assert distances_to(points.numpy().astype(float), surface).mean() < 0.5
        assert ((image[0] > 0.45) == (mask[0] > 0)).float().mean() > 0.99


def test_unwarped_samples_are_the_volumes_themselves(shape_model: ShapeModel, network: ShapeNetwork) -> None:
    images, _ = prepared(shape_model, network, warped=0.0)
    assert torch.equal(images, batch_of(shape_model).images)


def test_a_generator_decides_a_batch(shape_model: ShapeModel, network: ShapeNetwork) -> None:
    one, again = (prepared(shape_model, network) for _ in range(2))
    assert torch.equal(one[0], again[0])
    assert torch.equal(one[1].shapes.points, again[1].shapes.points)


def test_a_perfect_answer_costs_nothing(shape_model: ShapeModel, network: ShapeNetwork) -> None:
    _, targets = prepared(shape_model, network, progress=1.0)
    loss = learning(shape_model).loss(perfect(targets, shape_model.scales), targets)
    assert loss < 1e-3


@pytest.mark.parametrize(("supervision", "read"), [("deep", [0, 1]), ("shallow", [1])])
def test_the_loss_reads_the_scales_of_its_supervision(
    shape_model: ShapeModel, network: ShapeNetwork, supervision: str, read: list[int]
) -> None:
    _, targets = prepared(shape_model, network, progress=0.5, supervision=supervision)
    task, said = learning(shape_model), perfect(targets, shape_model.scales)
    usual = task.loss(said, targets)
    for scale in range(3):
        points = tuple(each + 5.0 * (number == scale) for number, each in enumerate(said.points))
        moved = ShapeOutput(said.local, points, said.scores, said.pose, said.mask)
        assert bool(task.loss(moved, targets) > usual + 0.1) is (scale in read)


def test_gradients_reach_the_coarsest_scale(shape_model: ShapeModel, network: ShapeNetwork) -> None:
    images, targets = prepared(shape_model, network, progress=1.0, mask=0.0, latent=0.0, supervision="shallow")
    learning(shape_model, mask=0.0, latent=0.0).loss(network(images), targets).backward()  # type: ignore[no-untyped-call]
    assert network.scores[0].weight.grad.abs().sum() > 0  # type: ignore[union-attr, operator]


def test_the_focal_loss_leaves_out_what_is_small(shape_model: ShapeModel, network: ShapeNetwork) -> None:
    _, targets = prepared(shape_model, network, progress=1.0)
    said = perfect(targets, shape_model.scales)
    for off, counts in ((0.2, 0.01), (3.0, 1.0)):
        unit = learning(shape_model)._unit
        points = tuple(each + off * unit for each in said.points)
        moved = ShapeOutput(said.local, points, said.scores, said.pose, said.mask)
        focal, usual = (learning(shape_model, loss=kind, latent=0.0).loss(moved, targets) for kind in ("focal", "mse"))
        assert focal / usual == pytest.approx(counts, abs=0.01)


@pytest.mark.parametrize(("progress", "learn"), [(0.79, False), (0.8, True)])
def test_decoders_are_released_late(
    shape_model: ShapeModel, network: ShapeNetwork, progress: float, learn: bool
) -> None:
    prepared(shape_model, network, progress=progress, release=0.8)
    assert network.decoders_learn is learn


def test_mirrored_cases_are_shown_mirrored(shape_model: ShapeModel, network: ShapeNetwork) -> None:
    task = learning(shape_model, warped=0.0)
    task._table = ShapeTable(**{**vars(task._table), "mirrored": torch.ones(6, dtype=torch.bool)})
    batch = batch_of(shape_model)
    images, targets = task.prepare(batch, network, 0.5, torch.Generator().manual_seed(0))
    assert torch.equal(images, batch.images.flip(-1))
    assert torch.equal(targets.mask[:, 0] > 0, batch.labels.flip(-1) > 0)

"""Shapes found in volumes, and how far they are from labels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from napari_progseg.data.plan import Plan, ShapeHeads
from napari_progseg.geometry import Geometry
from napari_progseg.inference.cases import ReferenceCase
from napari_progseg.inference.shape_evaluation import evaluate_shape, surface_through, to_json
from napari_progseg.inference.shapes import TrainedShapes, predict_shape
from napari_progseg.networks.build import build_network
from napari_progseg.networks.shape import ShapeNetwork
from napari_progseg.shape.distances import surface_distance
from napari_progseg.shape.model import ShapeModel
from napari_progseg.training.config import preset_config
from napari_progseg.volume import LabelMap, Volume

SPACING = (1.0, 1.0, 1.0)
FLIP = np.array([1.0, 1.0, -1.0])


@pytest.fixture
def trained(plan_of: Callable[..., Plan], shape_model: ShapeModel) -> TrainedShapes:
    """A network that has learned nothing: it says mean pose and mean shape."""
    modes = tuple(len(level.modes) for level in shape_model.levels)
    heads = ShapeHeads(
        backbone="unet", scales=shape_model.scales, modes=modes, previous="latent", detach_previous=False
    )
    plan = plan_of(task="shape", patch=(24, 24, 24), heads=heads)
    network = build_network(plan, seed=0).eval()
    assert isinstance(network, ShapeNetwork)
    network.begin_as(shape_model, torch.zeros(2, 1, 24, 24, 24))
    for head in network.scores:
        torch.nn.init.zeros_(head.weight)  # type: ignore[arg-type]
    config = preset_config("tiny", "shape", budget={"steps": 1})
    return TrainedShapes(network, plan, config, shape_model, torch.device("cpu"), "run", 0)


def volume(shape: tuple[int, int, int] = (24, 24, 24), spacing: tuple[float, float, float] = SPACING) -> Volume:
    image = np.random.default_rng(0).normal(50, 20, shape).astype(np.float32)
    return Volume(image, Geometry.from_spacing(shape, spacing))


def mean_in_place(model: ShapeModel) -> np.ndarray:
    vectors = model.poses.vectors.mean(0)
    return type(model.poses).of(vectors[None])[0].apply(model.points.mean(0))


def test_an_untaught_network_says_the_mean_shape_at_every_scale(trained: TrainedShapes) -> None:
    found = predict_shape(trained, volume())
    for points, count in zip(found.points, trained.model.scales, strict=True):
        assert np.abs(points - mean_in_place(trained.model)[:count]).max() < 1e-3
    assert [len(each) for each in found.scores] == [len(level.modes) for level in trained.model.levels]
    assert np.abs(found.placed(trained.model.surface).vertices - found.surface.vertices).max() < 1e-3


def test_the_mask_lies_on_the_volumes_own_grid(trained: TrainedShapes) -> None:
    found = predict_shape(trained, volume((30, 12, 18), (0.8, 2.0, 1.0)))
    assert found.mask is not None
    assert found.mask.shape == (30, 12, 18)
    assert found.mask.dtype == np.uint8


def test_a_mirrored_volume_gives_the_mirrored_shape(trained: TrainedShapes) -> None:
    scan = volume()
    mirrored = Volume(np.ascontiguousarray(scan.image[:, :, ::-1]), scan.geometry)
    one, other = predict_shape(trained, scan), predict_shape(trained, mirrored, mirrored=True)
    assert np.abs(one.points[-1] * FLIP - other.points[-1]).max() < 1e-4
    assert np.abs(one.surface.vertices * FLIP - other.surface.vertices).max() < 1e-3
    assert one.mask is not None
    assert other.mask is not None
    assert np.array_equal(one.mask[:, :, ::-1], other.mask)
    assert other.surface.volume_mm3 == pytest.approx(one.surface.volume_mm3, rel=1e-3)


def test_points_are_mm_of_the_volume_where_the_networks_voxels_are_not_whole_parts(trained: TrainedShapes) -> None:
    # 23 mm in 24 voxels: the grid has 23 voxels of 1.002 mm
    found = predict_shape(trained, volume((24, 24, 24), (0.9604, 0.9604, 0.9604)))
    factor = 23 / (24 * 0.9604)
    assert np.abs(found.points[-1] * factor - mean_in_place(trained.model)).max() < 1e-3


def test_a_much_larger_volume_is_said_to_be_read_in_its_middle(trained: TrainedShapes) -> None:
    assert predict_shape(trained, volume()).notes == ()
    (note,) = predict_shape(trained, volume((24, 24, 40))).notes
    assert "only its middle was looked at" in note


def test_errors_are_distances_to_the_labelled_surface(trained: TrainedShapes) -> None:
    grid = np.stack(np.meshgrid(*[np.arange(24) - 11.5] * 3, indexing="ij"), axis=-1)
    labels = LabelMap(((grid / (9, 7, 6)) ** 2).sum(-1).__lt__(1).astype(np.uint8), volume().geometry)
    found = evaluate_shape(trained, ReferenceCase("p9", volume, lambda: labels))
    assert found.scales == (16, 32, 64)
    assert all(each.mean_mm < each.hausdorff_mm for each in found.surfaces)
    assert found.surfaces[-1].mean_mm < 2
    assert all(0 < each < 4 for each in found.points_rmse)
    document = to_json(trained, (found,))
    assert document["cases"][0]["surfaces"][2]["mean_mm"] == found.surfaces[2].mean_mm


def test_a_surface_goes_through_its_points(shape_model: ShapeModel) -> None:
    points = shape_model.poses[2].apply(shape_model.points[2])
    whole = surface_through(shape_model, points)
    mirrored = surface_through(shape_model, points * FLIP, mirrored=True)
    assert surface_distance(whole, type(whole)(mirrored.vertices * FLIP, whole.faces)).mean_mm < 1e-6

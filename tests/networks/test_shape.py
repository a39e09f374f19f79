"""Heads that say a shape: mean and modes at first, each scale told of the one before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_progseg.data.plan import ShapeHeads
from napari_progseg.networks.backbones import BaseBackbone
from napari_progseg.networks.shape import ShapeNetwork, ShapeOutput, posed, rotations
from napari_progseg.shape.model import ShapeModel
from napari_progseg.shape.pose import Poses


class Features(nn.Module):
    """Stands for a backbone: takes features as they are."""

    size = 12

    def forward(self, features: Tensor) -> tuple[Tensor, None]:
        return features, None


def network_of(model: ShapeModel, **wiring: Any) -> ShapeNetwork:
    plain = {"backbone": "base", "previous": "latent", "detach_previous": False}
    modes = tuple(len(level.modes) for level in model.levels)
    heads = ShapeHeads(scales=model.scales, modes=modes, **{**plain, **wiring})  # type: ignore[arg-type]
    torch.manual_seed(0)
    network = ShapeNetwork(Features(), heads)  # type: ignore[arg-type]
    network.begin_as(model, torch.zeros(1, 1, 4, 4, 4))
    return network


def said_by(network: ShapeNetwork, batch: int = 4) -> ShapeOutput:
    said = network(torch.randn(batch, 12, generator=torch.Generator().manual_seed(1)))
    assert isinstance(said, ShapeOutput)
    return said


def test_without_scores_a_decoder_gives_the_mean(shape_model: ShapeModel) -> None:
    network = network_of(shape_model)
    for number, level in enumerate(shape_model.levels):
        found = network.decoded(number, torch.zeros(1, len(level.modes)))
        assert torch.equal(found[0], torch.from_numpy(level.mean).float())


def test_true_scores_give_the_training_shapes(shape_model: ShapeModel) -> None:
    network = network_of(shape_model)
    for number, level in enumerate(shape_model.levels):
        shapes = shape_model.points[:, : shape_model.scales[number]]
        found = network.decoded(number, torch.from_numpy(level.scores(shapes)).float())
        assert np.abs(found.detach().numpy() - shapes).max() < 1e-4


def test_at_first_the_pose_is_the_mean_of_the_training_poses(shape_model: ShapeModel) -> None:
    said = said_by(network_of(shape_model))
    assert not said.pose.any()
    mean = Poses.of(shape_model.poses.vectors.mean(0)[None])[0]
    for local, points in zip(said.local, said.points, strict=True):
        assert np.abs(mean.apply(local[0].detach().numpy()) - points[0].detach().numpy()).max() < 1e-3


@pytest.mark.parametrize("previous", ["latent", "points"])
def test_the_finest_scale_teaches_the_coarsest(shape_model: ShapeModel, previous: str) -> None:
    network = network_of(shape_model, previous=previous)
    said_by(network).points[-1].square().sum().backward()
    assert network.scores[0].weight.grad.abs().sum() > 0  # type: ignore[union-attr, operator]


def test_detached_scales_teach_themselves_alone(shape_model: ShapeModel) -> None:
    network = network_of(shape_model, detach_previous=True)
    said_by(network).points[-1].square().sum().backward()
    assert network.scores[0].weight.grad is None
    assert network.scores[-1].weight.grad.abs().sum() > 0  # type: ignore[union-attr, operator]


@pytest.mark.parametrize("learn", [False, True])
def test_decoders_stay_mean_and_modes_until_they_are_released(shape_model: ShapeModel, learn: bool) -> None:
    network = network_of(shape_model)
    network.decoders_learn = learn
    said_by(network).points[-1].square().sum().backward()
    assert (network.decoders[-1].weight.grad is not None) is learn


def test_rotations_are_those_of_scipy_and_smooth_at_zero() -> None:
    vectors = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    known = Poses.of(np.hstack([vectors.numpy(), np.zeros((5, 4))])).rotations
    assert np.abs(rotations(vectors).numpy() - known).max() < 1e-5
    zero = torch.zeros(1, 3, requires_grad=True)
    rotations(zero)[0, 0, 1].backward()  # type: ignore[no-untyped-call]
    assert zero.grad is not None
    assert zero.grad.abs().max() == 1


def test_a_pose_turns_scales_and_shifts() -> None:
    vectors = torch.tensor([[0.0, 0.0, np.pi / 2, np.log(2.0), 1.0, 2.0, 3.0]])
    found = posed(torch.tensor([[[1.0, 0.0, 0.0]]]), vectors.float())
    assert torch.allclose(found, torch.tensor([[[1.0, 4.0, 3.0]]]), atol=1e-5)


def test_rows_of_an_output_are_samples(shape_model: ShapeModel) -> None:
    said = said_by(network_of(shape_model))[:1]
    assert [len(each) for each in (*said.local, *said.points, *said.scores, said.pose)] == [1] * 10
    assert said.mask is None


def test_the_same_shape_is_said_in_any_batch(shape_model: ShapeModel) -> None:
    heads = ShapeHeads(backbone="base", scales=(64,), modes=(2,), previous="latent", detach_previous=False)
    network = ShapeNetwork(BaseBackbone((60, 60, 60)), heads).eval()
    images = torch.rand(2, 1, 60, 60, 60, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        both, one = network(images), network(images[:1])
    assert torch.allclose(both.points[0][0], one.points[0][0], atol=1e-4)

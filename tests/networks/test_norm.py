"""Instance normalisation down to one voxel."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_progseg.networks.norm import PatientInstanceNorm, replace_instance_norms


@pytest.mark.parametrize("spatial", [(1, 1), (1, 1, 1)])
def test_one_voxel_passes_the_bias_in_training_too(spatial: tuple[int, ...]) -> None:
    norm = PatientInstanceNorm(3).train()
    norm.bias.data = torch.tensor([1.0, -2.0, 0.5])
    out = norm(torch.randn(2, 3, *spatial))
    assert out.shape == (2, 3, *spatial)
    assert out.flatten(1).tolist() == [[1.0, -2.0, 0.5]] * 2
    out.sum().backward()
    assert norm.bias.grad is not None


@pytest.mark.parametrize(("spatial", "kind"), [((5, 4), nn.InstanceNorm2d), ((2, 3, 4), nn.InstanceNorm3d)])
def test_more_voxels_are_normalised_as_pytorch_does(spatial: tuple[int, ...], kind: type[nn.Module]) -> None:
    ours, theirs = PatientInstanceNorm(3), kind(3, affine=True)
    features = torch.randn(2, 3, *spatial)
    torch.testing.assert_close(ours(features), theirs(features))


def test_every_instance_norm_is_replaced_wherever_it_stands() -> None:
    network = nn.Sequential(nn.InstanceNorm2d(2, affine=True), nn.Sequential(nn.InstanceNorm3d(4, affine=True)))
    replace_instance_norms(network)
    norms = [module for module in network.modules() if not isinstance(module, nn.Sequential)]
    assert [type(norm) for norm in norms] == [PatientInstanceNorm] * 2

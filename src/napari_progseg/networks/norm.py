"""Instance normalisation that survives a bottleneck of one voxel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class PatientInstanceNorm(nn.Module):
    """Instance normalisation with affine weights; where one voxel is left, its bias passes.

    A single voxel minus its own mean is 0, so only the bias remains: PyTorch refuses that case in training, the
    authors of PGPS switch the check off (algorithms 2.9). One class serves 2D and 3D.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.eps = eps

    def forward(self, features: Tensor) -> Tensor:
        """Normalise features of shape (B, C, *spatial)."""
        if features[0, 0].numel() == 1:
            # a copy: activations change features in place
            return self.bias.view(1, -1, *[1] * (features.ndim - 2)).expand_as(features).clone()
        return functional.instance_norm(features, weight=self.weight, bias=self.bias, eps=self.eps)


def replace_instance_norms(network: nn.Module) -> None:
    """Put `PatientInstanceNorm` in the place of every affine ``nn.InstanceNorm``."""
    for parent in network.modules():
        for name, child in parent.named_children():
            if isinstance(child, nn.InstanceNorm1d | nn.InstanceNorm2d | nn.InstanceNorm3d):
                setattr(parent, name, PatientInstanceNorm(child.num_features, child.eps))

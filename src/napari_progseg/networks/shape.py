"""From image to shape, scale by scale: backbone, pose, and one head a scale that hears from the one before.

Progressive DeepSSM, in our reading of what is known of it (algorithms 5.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..data.plan import ShapeHeads
from ..shape.model import ShapeModel
from .backbones import BaseBackbone, UnetBackbone

# rotation vector, logarithm of the scale, translation
POSE = 7
# poses that all training cases share are still told apart by so much: radians, logarithm of size, mm
LEAST_DEVIATION = torch.tensor([0.02] * 3 + [0.01] + [0.5] * 3)


@dataclass(frozen=True, eq=False)
class ShapeOutput:
    """What a shape network says of a batch.

    Parameters
    ----------
    local : tuple of Tensor, each (B, P_s, 3)
        Points of every scale in the frame of the shape model, mm, ordered (z, y, x).
    points : tuple of Tensor, each (B, P_s, 3)
        The same points in centred mm: the pose applied.
    scores : tuple of Tensor, each (B, K_s)
        Scores of the modes of every scale, in standard deviations.
    pose : Tensor, (B, 7)
        In standard deviations of the training poses, from their mean.
    mask : Tensor, (B, 1, Z, Y, X), or None
        Logits of the mask head.
    """

    local: tuple[Tensor, ...]
    points: tuple[Tensor, ...]
    scores: tuple[Tensor, ...]
    pose: Tensor
    mask: Tensor | None

    def __getitem__(self, rows: slice) -> ShapeOutput:
        """Return some samples of the batch."""
        return ShapeOutput(
            tuple(each[rows] for each in self.local),
            tuple(each[rows] for each in self.points),
            tuple(each[rows] for each in self.scores),
            self.pose[rows],
            None if self.mask is None else self.mask[rows],
        )


class ShapeNetwork(nn.Module):
    """Reads an image, and says a pose and the points of every scale, each from the features and the scale before.

    Parameters
    ----------
    backbone : nn.Module
        Maps images (B, 1, Z, Y, X) to features (B, size) and logits of a mask, or None.
    heads : ShapeHeads
        Points and modes of each scale, and what a scale hears of the one before.

    Attributes
    ----------
    decoders_learn : bool
        Whether gradients reach the decoders, which begin as mean and modes.
    """

    pose_mean: Tensor
    pose_deviation: Tensor

    def __init__(self, backbone: BaseBackbone | UnetBackbone, heads: ShapeHeads) -> None:
        super().__init__()
        self.backbone = backbone
        self.heads = heads
        self.pose = nn.Linear(backbone.size, POSE)
        nn.init.zeros_(self.pose.weight)
        nn.init.zeros_(self.pose.bias)
        told = [
            0,
            *(k if heads.previous == "latent" else 3 * p for k, p in zip(heads.modes, heads.scales, strict=True)),
        ]
        self.scores = nn.ModuleList(_score_head(backbone.size + n, k) for n, k in zip(told, heads.modes, strict=False))
        self.decoders = nn.ModuleList(nn.Linear(k, 3 * p) for k, p in zip(heads.modes, heads.scales, strict=True))
        self.register_buffer("pose_mean", torch.zeros(POSE))
        self.register_buffer("pose_deviation", torch.ones(POSE))
        # mean points and one number for their spread a scale, by which points are told to the next scale
        for number, points in enumerate(heads.scales):
            self.register_buffer(f"mean_{number}", torch.zeros(3 * points))
            self.register_buffer(f"spread_{number}", torch.ones(()))
        self.decoders_learn = True

    @torch.no_grad()
    def begin_as(self, model: ShapeModel, masks: Tensor) -> None:
        """Let the decoders be mean and modes of `model`, and tell poses, and masks, by how they differ.

        Parameters
        ----------
        masks : Tensor of float32, (N, 1, Z, Y, X)
            Of training cases, on the network's grid.
        """
        if isinstance(self.backbone, UnetBackbone):
            self.backbone.standardise(masks)
        for number, (decoder, level) in enumerate(zip(self.decoders, model.levels, strict=True)):
            assert isinstance(decoder, nn.Linear)
            mean, modes = (torch.from_numpy(np.ascontiguousarray(each)).float() for each in (level.mean, level.modes))
            decoder.bias.copy_(mean.flatten())
            decoder.weight.copy_(modes.flatten(1).T)
            self.get_buffer(f"mean_{number}").copy_(mean.flatten())
            self.get_buffer(f"spread_{number}").copy_(modes.square().sum(0).mean().sqrt().clamp(min=1e-6))
        vectors = torch.from_numpy(model.poses.vectors).float()
        self.pose_mean.copy_(vectors.mean(0))
        self.pose_deviation.copy_(vectors.std(0).maximum(LEAST_DEVIATION))

    def forward(self, images: Tensor) -> ShapeOutput:
        """Read images (B, 1, Z, Y, X)."""
        features, mask = self.backbone(images)
        with torch.autocast(images.device.type, enabled=False):
            features = features.float()
            pose = self.pose(features)
            local, scores = [], []
            told: tuple[Tensor, ...] = ()
            for number in range(len(self.decoders)):
                scores.append(self.scores[number](torch.cat([features, *told], dim=1)))
                local.append(self.decoded(number, scores[-1]))
                told = (self._told(number, scores[-1], local[-1]),)
            posed = tuple(self.posed(each, pose) for each in local)
        return ShapeOutput(tuple(local), posed, tuple(scores), pose, mask)

    @property
    def unet(self) -> nn.Module:
        """The U-Net of the backbone, which can begin with what another run has learned."""
        assert isinstance(self.backbone, UnetBackbone), "settings refuse another backbone"
        return self.backbone.unet

    def decoded(self, scale: int, scores: Tensor) -> Tensor:
        """Turn scores (B, K) of a scale, counted from 0, into local points (B, P, 3) in mm."""
        decoder = self.decoders[scale]
        assert isinstance(decoder, nn.Linear)
        weight: Tensor = decoder.weight if self.decoders_learn else decoder.weight.detach()
        bias: Tensor = decoder.bias if self.decoders_learn else decoder.bias.detach()
        return functional.linear(scores, weight, bias).view(len(scores), -1, 3)

    def posed(self, local: Tensor, pose: Tensor) -> Tensor:
        """Carry local points (B, P, 3) to centred mm by poses (B, 7) in standard deviations."""
        return posed(local, self.pose_mean + self.pose_deviation * pose)

    def _told(self, scale: int, scores: Tensor, local: Tensor) -> Tensor:
        """Return what the next scale hears of this one."""
        told = scores
        if self.heads.previous == "points":
            told = (local.flatten(1) - self.get_buffer(f"mean_{scale}")) / self.get_buffer(f"spread_{scale}")
        return told.detach() if self.heads.detach_previous else told


def _score_head(inputs: int, modes: int) -> nn.Linear:
    """Begin near the mean shape."""
    head = nn.Linear(inputs, modes)
    nn.init.xavier_normal_(head.weight, gain=0.3)
    nn.init.zeros_(head.bias)
    return head


def posed(local: Tensor, vectors: Tensor) -> Tensor:
    """Apply poses (B, 7), rotation vector (radians), log scale, translation (mm), to local points (B, P, 3)."""
    moved = local @ rotations(vectors[:, :3]).transpose(1, 2)
    return vectors[:, 3, None, None].exp() * moved + vectors[:, None, 4:]


def rotations(vectors: Tensor) -> Tensor:
    """Turn rotation vectors (B, 3) in radians into matrices (B, 3, 3), smooth at 0."""
    a, b, c = vectors.unbind(1)
    zero = torch.zeros_like(a)
    skew = torch.stack([zero, -c, b, c, zero, -a, -b, a, zero], dim=1).view(-1, 3, 3)
    matrices: Tensor = torch.linalg.matrix_exp(skew)
    return matrices

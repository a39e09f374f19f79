"""From image to shape: whole volumes, warped to shapes and poses that are drawn, and the points of every scale.

Progressive DeepSSM (algorithms 5.2): deep supervision reads every scale that is active, shallow the finest of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..data.sampler import Batch
from ..data.shape_cases import Shapes, ShapeTable
from ..data.warp import splines, warp
from ..networks.shape import ShapeNetwork, ShapeOutput
from ..schedules.scales import scale_weights
from ..training.config import ShapeConfig
from .segmentation import Targets, segmentation_loss

# landmarks of a warp; more bend the image along with the errors of single points
_LANDMARKS = 64


@dataclass(frozen=True, eq=False)
class ShapeTargets:
    """What the loss of a batch compares with.

    Parameters
    ----------
    shapes : Shapes
        Points of the finest scale, of which coarser ones are the first, and poses.
    scores : tuple of Tensor, each (B, K_s)
        Scores of every scale.
    mask : Tensor of float32, (B, 1, Z, Y, X)
        The structure.
    weights : tuple of float
        Of every scale's loss.
    """

    shapes: Shapes
    scores: tuple[Tensor, ...]
    mask: Tensor
    weights: tuple[float, ...]


class ShapeLearning:
    """Task ``shape`` of a run.

    Parameters
    ----------
    settings : ShapeConfig
        Schedule, supervision, losses, and how many samples are warped.
    table : ShapeTable
        Shapes of the training cases.
    spacing_zyx_mm : tuple of float
        Voxel size of the network's grid.
    """

    def __init__(self, settings: ShapeConfig, table: ShapeTable, spacing_zyx_mm: tuple[float, float, float]) -> None:
        self._settings, self._table, self._spacing = settings, table, spacing_zyx_mm
        self._unit = table.unit_mm
        self._means = [torch.from_numpy(level.mean).float() for level in table.levels]
        self._modes = [torch.from_numpy(level.modes).float().flatten(1) for level in table.levels]

    def prepare(
        self, batch: Batch, network: nn.Module, progress: float, generator: torch.Generator
    ) -> tuple[Tensor, ShapeTargets]:
        """Warp a share of the samples, and look up or draw what the network shall say of them."""
        assert isinstance(network, ShapeNetwork)
        network.decoders_learn = progress >= self._settings.release
        rows = torch.tensor([self._table.rows[case] for case in batch.cases])
        warped = torch.rand(len(rows), generator=generator) < self._settings.warped
        real, drawn = self._table.real(rows), self._table.drawn(rows, generator)
        wanted = _either(warped, drawn, real)
        values = torch.cat([batch.images, (batch.labels == 1)[:, None].float()], dim=1)
        mirrored = self._table.mirrored[rows].to(values.device)
        values = torch.where(mirrored.view(-1, 1, 1, 1, 1), values.flip(-1), values)
        values = self._bent(values, warped, wanted.points, real.points)
        weights = scale_weights(
            self._settings.schedule, len(self._means), progress, deep=self._settings.supervision == "deep"
        )
        return values[:, :1], self._targets(wanted, (values[:, 1:] > 0.5).float(), weights)

    def _bent(self, values: Tensor, chosen: Tensor, wanted: Tensor, real: Tensor) -> Tensor:
        """Warp the chosen samples of values (B, C, Z, Y, X), so that their real points come to lie where wanted."""
        if not chosen.any():
            return values
        rows = chosen.to(values.device)
        goal, begin = (each[chosen, :_LANDMARKS].to(values.device) for each in (wanted, real))
        back = splines(goal, begin)
        bent = values.clone()
        bent[rows] = warp(values[rows], back, self._spacing)
        return bent

    def _targets(self, shapes: Shapes, mask: Tensor, weights: tuple[float, ...]) -> ShapeTargets:
        scores = []
        for mean, modes in zip(self._means, self._modes, strict=True):
            offsets = (shapes.local[:, : len(mean)] - mean).flatten(1)
            scores.append((offsets @ modes.T / modes.square().sum(1).clamp(min=1e-12)).to(mask.device))
        there = Shapes(*(each.to(mask.device) for each in (shapes.local, shapes.pose, shapes.points)))
        return ShapeTargets(there, tuple(scores), mask, weights)

    def loss(self, said: ShapeOutput, targets: ShapeTargets) -> Tensor:
        """Add the errors of the scales that count, of scores and pose, and of the mask, each times its weight."""
        weigh = self._settings.latent
        total = weigh * functional.mse_loss(said.pose, targets.shapes.pose)
        scales = zip(said.points, said.scores, targets.scores, targets.weights, strict=True)
        for points, scores, known, weight in scales:
            if weight:
                error = (points - targets.shapes.points[:, : points.shape[1]]) / self._unit
                total = total + weight * (self._error(error) + weigh * functional.mse_loss(scores, known))
        if said.mask is not None and self._settings.mask:
            ones = torch.ones_like(targets.mask)
            compared = Targets(targets.mask, ones[:, :, 0, 0, 0], ones)
            total = total + self._settings.mask * segmentation_loss(said.mask, compared, dice=True)
        return total

    def _error(self, error: Tensor) -> Tensor:
        """Return the mean squared error, or the focal one, which leaves out what is small (algorithms 5.1)."""
        if self._settings.loss == "mse":
            return error.square().mean()
        # the share that counts, 1 / (1 + exp(a (c - l))), without an overflow
        counts = torch.sigmoid(self._settings.sharpness * (error.abs() - self._settings.tolerated))
        return (error.square() * counts).mean()


def _either(chosen: Tensor, first: Shapes, second: Shapes) -> Shapes:
    return Shapes(
        torch.where(chosen.view(-1, 1, 1), first.local, second.local),
        torch.where(chosen.view(-1, 1), first.pose, second.pose),
        torch.where(chosen.view(-1, 1, 1), first.points, second.points),
    )

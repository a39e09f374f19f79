"""The shapes of a run's training cases as tensors, and the shapes and poses that warped samples take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..networks.shape import LEAST_DEVIATION, posed
from ..shape.model import Level, ShapeModel
from ..shape.scores import SampleKind, ScoreSampler

# how many shapes are drawn once for a whole run (DeepSSM paper: 4,960 by KDE; algorithms 5.1)
_DRAWN = 4960


@dataclass(frozen=True, eq=False)
class Shapes:
    """Shapes of a batch of B samples.

    Parameters
    ----------
    local : Tensor, (B, P, 3)
        Points in the frame of the model, mm.
    pose : Tensor, (B, 7)
        In standard deviations from the mean pose.
    points : Tensor, (B, P, 3)
        Points in mm of the network's grid, its middle the origin.
    """

    local: Tensor
    pose: Tensor
    points: Tensor


@dataclass(frozen=True, eq=False)
class ShapeTable:
    """Every training case's shape and pose, with what is needed to draw others.

    Parameters
    ----------
    rows : mapping of str to int
        Where a case stands.
    local : Tensor, (N, P, 3)
        Local mm.
    vectors : Tensor, (N, 7)
        Poses: rotation vector, log scale, translation.
    factors : Tensor, (N, 3)
        What turns centred mm of a case into mm of the network's grid, whose voxels are whole parts of a volume and
        therefore not quite as large as the plan says.
    mirrored : Tensor of bool, (N,)
        Whose points are of the image mirrored left to right.
    offsets : Tensor, (4960, K)
        Scores that were drawn, less those of the case they were drawn about.
    about : tuple of Tensor
        For each case the numbers of the draws about it.
    modes : Tensor, (K, P, 3)
        Displacements of one standard deviation each.
    levels : tuple of Level
        One a scale.
    """

    rows: Mapping[str, int]
    local: Tensor
    vectors: Tensor
    factors: Tensor
    mirrored: Tensor
    offsets: Tensor
    about: tuple[Tensor, ...]
    modes: Tensor
    levels: tuple[Level, ...]

    @classmethod
    def of(
        cls, model: ShapeModel, factors: Mapping[str, NDArray[np.float64]], kind: SampleKind, seed: int
    ) -> ShapeTable:
        """Build from a model and the factors of its cases; the draws come from `seed` alone."""
        level = model.levels[-1]
        count = model.scales[-1]
        scores = level.scores(model.points[:, :count])
        drawn, of = ScoreSampler(scores, kind).draw(_DRAWN, np.random.default_rng([seed, 5]))
        return cls(
            rows={case: row for row, case in enumerate(model.cases)},
            local=_tensor(model.points[:, :count]),
            vectors=_tensor(model.poses.vectors),
            factors=_tensor(np.stack([factors.get(case, np.ones(3)) for case in model.cases])),
            mirrored=torch.from_numpy(np.asarray(model.mirrored, dtype=bool)),
            offsets=_tensor(drawn - scores[of]),
            about=tuple(torch.from_numpy(np.flatnonzero(of == row)) for row in range(len(model.cases))),
            modes=_tensor(level.modes),
            levels=model.levels,
        )

    @property
    def unit_mm(self) -> float:
        """Standard deviation of a coordinate of the points in centred mm, by which errors are measured in the loss."""
        points = self.real(torch.arange(len(self.local))).points
        return float((points - points.mean(0)).square().mean().sqrt().clamp(min=1e-6))

    def real(self, rows: Tensor) -> Shapes:
        """Return the shapes of cases as they are."""
        return self._placed(self.local[rows], self._standard(self.vectors[rows]), rows)

    def drawn(self, rows: Tensor, generator: torch.Generator) -> Shapes:
        """Draw another shape about each case, and a pose like those of all cases."""
        moved = torch.stack([self._offset(int(row), generator) for row in rows])
        local = self.local[rows] + torch.tensordot(moved, self.modes, dims=1)
        return self._placed(local, torch.randn(len(rows), 7, generator=generator), rows)

    def _offset(self, row: int, generator: torch.Generator) -> Tensor:
        draws = self.about[row]
        if not len(draws):
            return torch.zeros(len(self.modes))
        return self.offsets[draws[int(torch.randint(len(draws), (1,), generator=generator))]]

    def _placed(self, local: Tensor, pose: Tensor, rows: Tensor) -> Shapes:
        mean, deviation = self._poses
        return Shapes(local, pose, posed(local, mean + deviation * pose) * self.factors[rows][:, None])

    def _standard(self, vectors: Tensor) -> Tensor:
        mean, deviation = self._poses
        return (vectors - mean) / deviation

    @property
    def _poses(self) -> tuple[Tensor, Tensor]:
        return self.vectors.mean(0), self.vectors.std(0).maximum(LEAST_DEVIATION)


def _tensor(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(np.array(values, dtype=np.float32))

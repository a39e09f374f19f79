"""Shapes that were never seen, drawn in the space of whitened scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Scores = NDArray[np.float64]
SampleKind = Literal["kde", "gaussian", "mixture"]

_MOST_COMPONENTS = 4
_ROUNDS = 60
_LEAST_VARIANCE = 0.05


@dataclass(frozen=True, eq=False)
class ScoreSampler:
    """Draws scores like those of real subjects (DeepSSM; algorithms 5.1).

    Parameters
    ----------
    scores : ndarray, (N, K)
        Of the real subjects, in standard deviations.
    kind : {"kde", "gaussian", "mixture"}
        ``kde`` adds noise to a real subject, ``gaussian`` draws around the mean, ``mixture`` from as few Gaussians of
        axis-parallel spread as the Bayesian information criterion asks for.
    """

    scores: Scores
    kind: SampleKind = "kde"

    @property
    def published_bandwidth(self) -> float:
        """Mean distance to the nearest subject, which the reference adds to every mode as it is.

        It grows with the number of modes: among 40 Gaussian subjects it is 0.35 with 2 modes, 1.3 with 5 and 3.2 with
        13, so that a drawn shape has next to nothing of the subject whose image is warped to it.
        """
        return float(cKDTree(self.scores).query(self.scores, k=2)[0][:, 1].mean())

    @property
    def bandwidth(self) -> float:
        """Standard deviation of the noise of each mode: the same distance, shared among the modes (our choice).

        Among 40 Gaussian subjects it is 0.25 with 2 modes, 0.6 with 5 and 0.9 with 13.
        """
        return self.published_bandwidth / float(np.sqrt(self.scores.shape[1]))

    def draw(self, count: int, rng: np.random.Generator) -> tuple[Scores, NDArray[np.intp]]:
        """Draw shapes.

        Returns
        -------
        scores : ndarray, (count, K)
            In standard deviations.
        of : ndarray of int, (count,)
            The real subject of each, whose image is to be warped: the one that noise was added to, else the nearest.
        """
        subjects, modes = self.scores.shape
        if self.kind == "kde":
            of = rng.integers(subjects, size=count)
            return self.scores[of] + self.bandwidth * rng.standard_normal((count, modes)), of
        if self.kind == "gaussian":
            drawn = rng.standard_normal((count, modes))
        else:
            drawn = _Mixture.fitted(self.scores).draw(count, rng)
        return drawn, np.asarray(cKDTree(self.scores).query(drawn)[1], dtype=np.intp)


@dataclass(frozen=True, eq=False)
class _Mixture:
    """Gaussians with spreads along the modes."""

    weights: Scores
    means: Scores
    variances: Scores

    @classmethod
    def fitted(cls, scores: Scores) -> _Mixture:
        """Fit one Gaussian, two, and so on, and keep the number with the smallest information criterion."""
        most = max(1, min(_MOST_COMPONENTS, len(scores) // (2 * scores.shape[1])))
        found = [cls.of_count(scores, count) for count in range(1, most + 1)]
        return min(found, key=lambda mixture: mixture.criterion(scores))

    @classmethod
    def of_count(cls, scores: Scores, count: int) -> _Mixture:
        """Fit so many Gaussians by expectation maximisation, from equal parts along the first mode."""
        parts = np.array_split(np.argsort(scores[:, 0], kind="stable"), count)
        shares = np.zeros((len(scores), count))
        for number, part in enumerate(parts):
            shares[part, number] = 1
        for _ in range(_ROUNDS):
            mixture = cls._maximised(scores, shares)
            logs = mixture.logs_of(scores)
            shares = np.exp(logs - np.logaddexp.reduce(logs, axis=1, keepdims=True))
        return mixture

    @classmethod
    def _maximised(cls, scores: Scores, shares: Scores) -> _Mixture:
        mass = shares.sum(axis=0) + 1e-9
        means = shares.T @ scores / mass[:, None]
        variances = shares.T @ scores**2 / mass[:, None] - means**2
        return cls(mass / mass.sum(), means, np.maximum(variances, _LEAST_VARIANCE))

    def logs_of(self, scores: Scores) -> Scores:
        """Return the logarithm of weight times density, (N, components)."""
        off = (scores[:, None] - self.means) ** 2 / self.variances
        each = -0.5 * (off + np.log(2 * np.pi * self.variances)).sum(axis=2)
        return np.asarray(each + np.log(self.weights))

    def criterion(self, scores: Scores) -> float:
        """Return the Bayesian information criterion; smaller is better."""
        free = len(self.weights) - 1 + 2 * self.means.size
        return float(free * np.log(len(scores)) - 2 * np.logaddexp.reduce(self.logs_of(scores), axis=1).sum())

    def draw(self, count: int, rng: np.random.Generator) -> Scores:
        """Draw scores, (count, K)."""
        of = rng.choice(len(self.weights), size=count, p=self.weights)
        noise = rng.standard_normal((count, self.means.shape[1]))
        return np.asarray(self.means[of] + noise * np.sqrt(self.variances[of]))

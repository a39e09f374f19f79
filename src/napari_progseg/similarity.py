"""How alike images are, and which of many is most like the rest.

PDL paper; definitions and defaults as in algorithms 1.2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, uniform_filter, zoom

from .errors import UserError

Metric = Literal["mse", "psnr", "ssim", "uqi"]
METRICS: tuple[Metric, ...] = ("mse", "psnr", "ssim", "uqi")
GRID_3D, GRID_2D = (64, 64, 64), (128, 128)
MOST_PSNR = 100.0
_C1, _C2 = 0.01**2, 0.03**2
_SIGMA, _RADIUS, _WIDE = 1.5, 5, 8
Image = NDArray[np.float32]


@dataclass(frozen=True)
class Ranking:
    """Cases by how much they are like the others.

    Parameters
    ----------
    cases : tuple of str
        Most similar first.
    scores : dict of str to dict
        Mean similarity of each case to all others, by metric.
    version : int
        Of the definitions.
    """

    cases: tuple[str, ...]
    scores: dict[str, dict[str, float]]
    version: int = 1


def rank(images: Mapping[str, Image], metrics: Sequence[Metric] = ("mse", "psnr", "ssim")) -> Ranking:
    """Rank images by their mean similarity to all others.

    Parameters
    ----------
    images : dict of case to ndarray of float32
        Intensities in [0, 1], all on one grid, see `on_grid`.
    metrics : sequence of {"mse", "psnr", "ssim", "uqi"}
        The final order is by the mean of the ranks in each; cases with equal ranks are ordered by name.

    Raises
    ------
    UserError
        If an image holds values that are no numbers.
    """
    cases = sorted(images)
    if wrong := [case for case in cases if not np.isfinite(images[case]).all()]:
        raise UserError(
            f"{', '.join(wrong)} hold voxels that are no numbers, so they cannot be compared; nothing was started; "
            "leave them out or repair the files"
        )
    seen = [_Seen(np.asarray(images[case], np.float32)) for case in cases]
    means = {metric: _mean_of_others(_table(seen, metric)) for metric in metrics}
    places = np.mean([_places(values) for values in means.values()], axis=0)
    order = sorted(range(len(cases)), key=lambda number: (round(float(places[number]), 9), cases[number]))
    scores: dict[str, dict[str, float]] = {
        case: {m: float(means[m][number]) for m in metrics} for number, case in enumerate(cases)
    }
    return Ranking(tuple(cases[number] for number in order), scores)


def similarity(first: Image, second: Image, metric: Metric) -> float:
    """Return the similarity of two images; for ``"mse"`` it is the negative error, so that more is more alike."""
    return _MEASURES[metric](_Seen(first), _Seen(second))


def similarities(
    images: Sequence[Image], metric: Metric = "ssim", tick: Callable[[], None] = lambda: None
) -> NDArray[np.float64]:
    """Compare each image with each.

    Parameters
    ----------
    images : sequence of ndarray of float32
        Intensities in [0, 1], all on one grid, see `on_grid`.
    metric : {"mse", "psnr", "ssim", "uqi"}
        More is more alike, also for ``"mse"``, which is the negative error.
    tick : callable
        Called before each row; what it raises ends the work.

    Returns
    -------
    ndarray, (N, N)
        Symmetric; the diagonal is not compared and holds 0.
    """
    return _table([_Seen(np.asarray(image, np.float32)) for image in images], metric, tick)


def on_grid(image: Image, grid: Sequence[int] | None = None) -> Image:
    """Resample a normalised image, (Z, Y, X) or (Y, X), to a small common grid, linearly."""
    grid = grid or (GRID_3D if image.ndim == 3 else GRID_2D)
    factors = [n / m for n, m in zip(grid, image.shape, strict=True)]
    smoothed = gaussian_filter(image.astype(np.float32), [max(0.0, 0.5 / f - 0.5) for f in factors], mode="nearest")
    small: Image = zoom(smoothed, factors, order=1, mode="nearest", grid_mode=True)
    return np.clip(small, 0, 1)


@dataclass(frozen=True, eq=False)
class _Seen:
    """An image and what each comparison needs of it alone."""

    image: Image

    @cached_property
    def ssim_parts(self) -> tuple[Image, Image]:
        return _moments(self.image, _gaussian)

    @cached_property
    def uqi_parts(self) -> tuple[Image, Image]:
        return _moments(self.image, _uniform)


def _moments(image: Image, smooth: Callable[[Image], Image]) -> tuple[Image, Image]:
    mean = smooth(image)
    return mean, np.maximum(smooth(image * image) - mean * mean, 0)


def _gaussian(image: Image) -> Image:
    out: Image = gaussian_filter(image, _SIGMA, radius=_RADIUS, mode="reflect")
    return out[(slice(_RADIUS, -_RADIUS),) * image.ndim]


def _uniform(image: Image) -> Image:
    out: Image = uniform_filter(image, _WIDE, mode="reflect")
    return out[(slice(_WIDE // 2, -(_WIDE // 2 - 1)),) * image.ndim]


def _mse(a: _Seen, b: _Seen) -> float:
    return -float(np.mean((a.image - b.image) ** 2, dtype=np.float64))


def _psnr(a: _Seen, b: _Seen) -> float:
    error = -_mse(a, b)
    return MOST_PSNR if error == 0 else min(MOST_PSNR, float(-10 * np.log10(error)))


def _ssim(a: _Seen, b: _Seen) -> float:
    return _structure(a.ssim_parts, b.ssim_parts, _gaussian(a.image * b.image), _C1, _C2)


def _uqi(a: _Seen, b: _Seen) -> float:
    return _structure(a.uqi_parts, b.uqi_parts, _uniform(a.image * b.image), 0.0, 0.0)


def _structure(a: tuple[Image, Image], b: tuple[Image, Image], product: Image, c1: float, c2: float) -> float:
    """Compare means, variances and covariance of every window; 0/0 counts as equal."""
    (mean_a, var_a), (mean_b, var_b) = a, b
    covariance = product - mean_a * mean_b
    above = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    below = (mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)
    tiny = below <= 1e-12
    return float(np.where(tiny, 1.0, above / np.where(tiny, 1.0, below)).mean(dtype=np.float64))


_MEASURES: dict[Metric, Callable[[_Seen, _Seen], float]] = {"mse": _mse, "psnr": _psnr, "ssim": _ssim, "uqi": _uqi}


def _table(seen: Sequence[_Seen], metric: Metric, tick: Callable[[], None] = lambda: None) -> NDArray[np.float64]:
    measure, count = _MEASURES[metric], len(seen)
    table = np.zeros((count, count))
    for i in range(count):
        tick()
        for j in range(i):
            table[i, j] = table[j, i] = measure(seen[i], seen[j])
    return table


def _mean_of_others(table: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(table.sum(1) / max(1, len(table) - 1))


def _places(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks from 1, the highest value first; equal values share their mean rank."""
    rounded = np.round(values, 12)
    higher = (rounded[None, :] > rounded[:, None]).sum(1)
    equal = (rounded[None, :] == rounded[:, None]).sum(1)
    return np.asarray(higher + (equal + 1) / 2)

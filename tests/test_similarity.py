"""Similarity by its standard definitions, and rankings (algorithms 1.2, 1.4)."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from napari_progseg.errors import UserError
from napari_progseg.similarity import METRICS, Metric, on_grid, rank, similarity


def images(*seeds: int, shape: tuple[int, ...] = (24, 20, 22)) -> dict[str, np.ndarray]:
    """Smooth blobs that differ a little in place, and noise."""
    out = {}
    for seed in seeds:
        rng = np.random.default_rng(seed)
        grids = np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij")
        far = sum((g - rng.normal(0, 0.08)) ** 2 for g in grids)
        out[f"case{seed}"] = np.clip(np.exp(-3 * far) + rng.normal(0, 0.02, shape), 0, 1).astype(np.float32)
    return out


def outlier(shape: tuple[int, ...] = (24, 20, 22)) -> np.ndarray:
    return np.random.default_rng(99).random(shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(24, 20, 22), (40, 36)])
def test_ssim_is_that_of_scikit_image(shape: tuple[int, ...]) -> None:
    a, b = images(0, 1, shape=shape).values()
    expected = structural_similarity(
        a, b, data_range=1.0, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    assert similarity(a, b, "ssim") == pytest.approx(expected, abs=1e-4)


def test_uqi_is_what_its_formula_says_of_one_window() -> None:
    a, b = images(0, 1, shape=(8, 8)).values()
    (ma, mb), (va, vb) = (a.mean(), b.mean()), (a.var(), b.var())
    expected = 4 * np.mean((a - ma) * (b - mb)) * ma * mb / ((va + vb) * (ma**2 + mb**2))
    assert similarity(a, b, "uqi") == pytest.approx(expected, abs=1e-4)


def test_psnr_of_a_known_error_and_of_none() -> None:
    a = np.full((16, 16), 0.25, np.float32)
    assert similarity(a, a + np.float32(0.1), "psnr") == pytest.approx(20.0, abs=1e-4)
    assert similarity(a, a, "psnr") == 100.0


@pytest.mark.parametrize("metric", METRICS)
def test_an_image_is_most_like_itself(metric: Metric) -> None:
    a, b = images(0, 1).values()
    assert similarity(a, a, metric) > similarity(a, b, metric) > similarity(a, outlier(), metric)


@pytest.mark.parametrize("metric", METRICS)
def test_constant_images_are_compared_without_a_fault(metric: Metric) -> None:
    zero, one = np.zeros((16, 16, 16), np.float32), np.ones((16, 16, 16), np.float32)
    assert similarity(zero, zero, metric) == {"mse": 0.0, "psnr": 100.0}.get(metric, pytest.approx(1.0))
    unlike = 1.0 if metric == "uqi" else similarity(zero, zero, metric) - 0.5
    assert similarity(zero, one, metric) <= unlike, "without structure UQI sees no difference"


def test_an_outlier_ranks_last_and_duplicates_first() -> None:
    cases = {**images(0, 1, 2), "odd": outlier()}
    cases["twin"] = cases["case1"].copy()
    ranking = rank(cases, METRICS)
    assert ranking.cases[-1] == "odd"
    assert set(ranking.cases[:2]) == {"case1", "twin"}


def test_ties_are_ordered_by_name() -> None:
    same = outlier()
    assert rank({"c": same, "a": same, "b": same}).cases == ("a", "b", "c")


def test_the_order_does_not_depend_on_how_cases_were_listed() -> None:
    cases = images(0, 1, 2, 3)
    assert rank(dict(reversed(cases.items()))).cases == rank(cases).cases


def test_every_score_is_the_mean_over_the_others() -> None:
    cases = images(0, 1, 2)
    ranking = rank(cases, ("ssim",))
    a, b, c = cases.values()
    expected = (similarity(a, b, "ssim") + similarity(a, c, "ssim")) / 2
    assert ranking.scores["case0"]["ssim"] == pytest.approx(expected)


def test_a_case_with_voxels_that_are_no_numbers_is_named() -> None:
    cases = images(0, 1)
    cases["case1"][0, 0, 0] = np.nan
    with pytest.raises(UserError, match="case1"):
        rank(cases)


@pytest.mark.parametrize("shape", [(30, 70, 50), (128, 64, 64), (33, 400)])
def test_images_of_any_shape_come_to_one_grid(shape: tuple[int, ...]) -> None:
    image = np.linspace(0, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    small = on_grid(image)
    assert small.shape == ((64,) * 3 if len(shape) == 3 else (128, 128))
    assert abs(float(small.mean()) - 0.5) < 0.01
    assert small.min() >= 0
    assert small.max() <= 1


def test_a_single_case_is_its_own_ranking() -> None:
    assert rank(images(0)).cases == ("case0",)

"""A mask from clicks alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_progseg import io
from napari_progseg.guidance.clicks import Click
from napari_progseg.guidance.first_mask import REACH, FirstMask, first_mask
from napari_progseg.guidance.simulate import innermost_points

ROWS, COLUMNS = np.indices((120, 100))
DISC = (ROWS - 60) ** 2 + (COLUMNS - 50) ** 2 <= 15**2


@pytest.fixture
def image() -> np.ndarray:
    return np.where(DISC, 100, 40) + np.random.default_rng(0).normal(0, 8, DISC.shape)


def click(y: int, x: int, *, inside: bool = True) -> Click:
    return Click((3, y, x), inside, 1)


def found(image: np.ndarray, *clicks: Click, within: np.ndarray | None = None) -> np.ndarray:
    answer = first_mask(image, clicks, within)
    assert isinstance(answer, FirstMask)
    whole = np.zeros(image.shape, bool)
    whole[answer.region] = answer.mask
    return whole


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float(2 * (one & other).sum() / (one.sum() + other.sum()))


def test_one_click_finds_a_bright_disc_in_noise(image: np.ndarray) -> None:
    assert overlap(found(image, click(60, 50)), DISC) > 0.95


def test_an_outside_click_takes_away_what_looks_alike(image: np.ndarray) -> None:
    other = (ROWS - 60) ** 2 + (COLUMNS - 76) ** 2 <= 11**2
    image[other] = 100
    assert found(image, click(60, 50))[other].mean() > 0.2
    mended = found(image, click(60, 50), click(60, 76, inside=False))
    assert mended[other].mean() < 0.1
    assert overlap(mended, DISC) > 0.9


def test_a_box_holds_the_whole_structure(image: np.ndarray) -> None:
    image[(ROWS - 60) ** 2 + (COLUMNS - 76) ** 2 <= 11**2] = 100
    box = np.zeros(image.shape, bool)
    box[43:78, 33:66] = True
    assert found(image, click(60, 50))[:, 66:].any()
    mask = found(image, click(60, 50), within=box)
    assert overlap(mask, DISC) > 0.9
    assert not (mask & ~box).any()


def test_a_disc_holds_the_whole_structure_too(image: np.ndarray) -> None:
    image[(ROWS - 60) ** 2 + (COLUMNS - 76) ** 2 <= 11**2] = 100
    disc = (ROWS - 60) ** 2 + (COLUMNS - 50) ** 2 <= 18**2
    mask = found(image, click(60, 50), within=disc)
    assert overlap(mask, DISC) > 0.9
    assert not (mask & ~disc).any()


def test_a_box_at_the_edge_of_an_image_without_contrast_is_kept_as_well() -> None:
    corner = np.zeros((20, 20), bool)
    corner[:2, :2] = True
    mask = found(np.zeros((20, 20)), click(0, 1), within=corner)
    assert mask[0, 1]
    assert not mask[2:].any()


def test_clicks_keep_their_word_in_an_image_without_contrast() -> None:
    mask = found(np.zeros((50, 50)), click(20, 20), click(22, 25, inside=False))
    assert mask[20, 20]
    assert not mask[22, 25]


def test_it_decides_only_around_the_inside_clicks(image: np.ndarray) -> None:
    answer = first_mask(image, [click(10, 50), click(119, 0, inside=False)])
    assert answer is not None
    assert answer.region == (slice(0, 10 + REACH + 1), slice(50 - REACH, 50 + REACH + 1))


def test_a_click_in_the_corner_still_counts(image: np.ndarray) -> None:
    assert found(image, click(0, 0))[0, 0]


def test_without_an_inside_click_nothing_is_said(image: np.ndarray) -> None:
    assert first_mask(image, []) is None
    assert first_mask(image, [click(5, 5, inside=False)]) is None


def test_real_hippocampi_are_found_better_than_by_a_ball(shared_data: Path) -> None:
    folder = shared_data / "msd_hippocampus"
    walked, balls = [], []
    for path in sorted((folder / "images").iterdir())[:3]:
        volume = io.read_volume(path)
        labels = io.read_labels(folder / "labels" / path.name, like=volume.geometry).labels > 0
        for z in np.flatnonzero(labels.any((1, 2)))[::5]:
            points, _ = innermost_points(torch.from_numpy(labels[z][None]))
            y, x = points[0].tolist()
            walked.append(overlap(found(volume.image[z], click(y, x)), labels[z]))
            rows, columns = np.indices(labels[z].shape)
            balls.append(overlap((rows - y) ** 2 + (columns - x) ** 2 <= 5**2, labels[z]))
    assert np.mean(walked) > 0.6
    assert np.mean(walked) > np.mean(balls)

"""Windows that suit a mask better than the one in which it was found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_progseg.inference.better_window import better_window, carried
from napari_progseg.inference.click_model import Look, Said
from napari_progseg.inference.click_window import ClickWindow

SHAPE, MIDDLE = (60, 60, 60), (30.0, 30.0, 30.0)
WINDOW = ClickWindow(MIDDLE, 1.0, (1.0, 1.0, 1.0), 48)
SAID = Said(np.array([MIDDLE]), np.array([True]))
AXES = np.indices((48, 48, 48)) - 23.5


def look(mask: NDArray[np.bool_]) -> Look:
    return Look(WINDOW, np.where(mask, 1.0, -1.0).astype(np.float32), 1.0)


def ball(radius: float) -> NDArray[np.bool_]:
    return np.asarray((AXES**2).sum(0) <= radius**2)


def test_a_mask_that_fills_its_window_well_stays_in_it() -> None:
    assert better_window(look(ball(15)), SAID, SHAPE) is None


def test_nothing_marked_asks_for_no_other_window() -> None:
    assert better_window(look(ball(0) & False), SAID, SHAPE) is None


def test_a_mask_that_leaves_its_window_gets_a_larger_one_unless_the_scan_ends_there() -> None:
    leaving = np.abs(AXES[0]) < 6
    larger = better_window(look(leaving), SAID, SHAPE)
    assert larger is not None
    assert larger.side_mm > 1.2 * WINDOW.side_mm
    shallow = replace(WINDOW, centre_zyx=(30.0, 14.5, 14.5))
    assert better_window(replace(look(leaving), window=shallow), SAID, (60, 30, 30)) is None


def test_a_small_mask_gets_a_smaller_window() -> None:
    smaller = better_window(look(ball(6)), SAID, SHAPE)
    assert smaller is not None
    assert 12 < smaller.side_mm < 0.75 * WINDOW.side_mm


def test_a_mask_is_carried_to_the_voxels_of_another_window() -> None:
    finer = carried(look(ball(10)), replace(WINDOW, step_mm=0.75, size=64))
    assert finer.shape == (64,) * 3
    assert finer.sum() == pytest.approx(ball(10).sum() * (64 / 48) ** 3, rel=0.05)

"""Which window a gesture is about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from napari_progseg.guidance.boxes import BoxPrompt
from napari_progseg.guidance.drags import DragPrompt
from napari_progseg.inference.click_model import Look, Said
from napari_progseg.inference.click_window import ClickWindow
from napari_progseg.inference.zoom import (
    UsualSize,
    find_window,
    size_likelihood,
    window_of_box,
    window_of_drag,
    window_of_mask,
    window_of_prompt,
)

SPACING = (4.0, 1.0, 1.0)
SHAPE = (30, 120, 120)
MIDDLE = (15, 60, 60)


def ball(radius_mm: float, middle: tuple[float, float, float] = MIDDLE) -> Any:
    """Draw a ball in an anisotropic scan."""
    away = [((np.arange(n) - at) * step) ** 2 for n, at, step in zip(SHAPE, middle, SPACING, strict=True)]
    return away[0][:, None, None] + away[1][:, None] + away[2] <= radius_mm**2


def look_at(window: ClickWindow, mask: Any, fit: float = 1.0) -> Look:
    return Look(window, window.cut(mask.astype(np.float32)) - 0.5, fit)


def holds(window: ClickWindow, first: Sequence[float], last: Sequence[float]) -> bool:
    """Whether two corners lie in a window."""
    inner = window.to_window([first, last])
    return bool(((inner >= 0) & (inner <= window.size - 1)).all())


@pytest.mark.parametrize(("reach_mm", "side_mm"), [(3.0, 6.0), (12.0, 24.0), (90.0, 120.0)])
def test_a_drag_gives_place_and_scale_within_the_scan(reach_mm: float, side_mm: float) -> None:
    window = window_of_drag(DragPrompt(MIDDLE, reach_mm, 1), SHAPE, SPACING)
    assert window.centre_zyx == MIDDLE
    assert window.side_mm == pytest.approx(side_mm)


def test_a_box_of_voxels_is_seen_as_a_whole_with_room_around() -> None:
    first, last = (10, 30, 50), (20, 49, 59)
    window = window_of_box(first, last, SPACING)
    assert window.centre_zyx == (15.0, 39.5, 54.5)
    assert holds(window, first, last)
    assert 1.2 * 44 < window.side_mm < 2 * 44


def test_a_box_that_was_drawn_is_seen_as_a_whole() -> None:
    box = BoxPrompt((15, 40, 50), (15, 79, 69), 0, 1)
    window = window_of_prompt(box, SPACING)
    assert window.centre_zyx == (15.0, 59.5, 59.5)
    assert holds(window, box.first_zyx, box.last_zyx)
    assert 1.2 * 40 < window.side_mm < 2.5 * 40


def test_a_mask_is_seen_as_a_whole_wherever_it_was_cropped_from() -> None:
    mask = ball(20)
    crop = mask[8:25, 30:100, 20:100]
    window = window_of_mask(crop, (8, 30, 20), SPACING)
    assert window == window_of_mask(mask, (0, 0, 0), SPACING)
    np.testing.assert_allclose(window.centre_zyx, MIDDLE)
    assert 1.2 * 41 < window.side_mm < 2 * 44


def test_usual_sizes_are_likely_and_specks_and_half_a_patient_are_not() -> None:
    sides = np.array([10.0, 60.0, 130.0, 250.0, 420.0])
    likely = size_likelihood(sides, 400.0)
    assert likely[2] == 1
    assert (np.diff(likely[:3]) > 0).all()
    assert (np.diff(likely[2:]) < 0).all()
    assert likely[0] < 0.05


def test_in_a_small_scan_small_sizes_are_likely() -> None:
    likely = size_likelihood(np.array([10.0, 30.0, 130.0]), 30.0)
    assert likely.argmax() == 1


def test_where_the_structure_is_known_its_own_size_is_likely() -> None:
    likely = size_likelihood(np.array([40.0, 60.0, 130.0]), 400.0, UsualSize(60.0, 0.25))
    assert likely[1] == 1
    assert likely[0] < 0.3
    assert likely[2] < 0.01


class Finder:
    """Marks what it sees of a ball; it likes windows that the ball leaves nowhere and fills to four tenths."""

    def __init__(self, mask: Any) -> None:
        self.mask = mask
        self.windows: list[ClickWindow] = []

    def look(
        self,
        image: Any,
        windows: Sequence[ClickWindow],
        said: Said,
        masks: Any = None,
        limits: Any = None,
        *,
        guess_reach: bool = False,
    ) -> list[Look]:
        assert guess_reach
        self.windows += windows
        looks = []
        for window in windows:
            look = look_at(window, self.mask)
            filled = (look.logits > 0).any((0, 1)).mean()
            looks.append(Look(window, look.logits, 0.1 if filled == 1 else float(min(1.0, filled / 0.4))))
        return looks


@pytest.mark.parametrize("radius_mm", [9.0, 15.0, 35.0])
def test_a_bare_click_finds_the_scale_of_its_object(radius_mm: float) -> None:
    finder = Finder(ball(radius_mm))
    said = Said(np.array([MIDDLE], float), np.array([True]))
    window = find_window(finder, np.zeros(SHAPE), said, SPACING, None)  # type: ignore[arg-type]
    np.testing.assert_allclose(window.centre_zyx, MIDDLE)
    assert 2 * radius_mm < window.side_mm < 8 * radius_mm


def test_the_search_begins_at_some_voxels_and_ends_about_where_the_scan_does() -> None:
    finder = Finder(ball(10))
    said = Said(np.array([MIDDLE], float), np.array([True]))
    find_window(finder, np.zeros(SHAPE), said, SPACING, None)  # type: ignore[arg-type]
    sides = [window.side_mm for window in finder.windows]
    assert min(sides) < 20
    assert 80 < max(sides) < 200


def test_a_scan_of_a_few_voxels_has_a_window_too() -> None:
    said = Said(np.array([(1, 4, 4)], float), np.array([True]))
    window = find_window(Finder(ball(10)), np.zeros((3, 8, 8)), said, (1.0, 1.0, 1.0), None)  # type: ignore[arg-type]
    assert window.side_mm > 0


def test_a_click_on_a_structure_of_known_size_finds_a_window_about_as_large() -> None:
    said = Said(np.array([MIDDLE], float), np.array([True]))
    sides = [
        find_window(Finder(ball(35)), np.zeros(SHAPE), said, SPACING, None, UsualSize(side, 0.1)).side_mm  # type: ignore[arg-type]
        for side in (60.0, 85.0)
    ]
    np.testing.assert_allclose(sides, [60, 85], rtol=0.2)

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
    agreement,
    find_window,
    scores,
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


@pytest.mark.parametrize("reach_mm", [3.0, 12.0, 90.0])
def test_a_drag_gives_place_and_scale(reach_mm: float) -> None:
    window = window_of_drag(DragPrompt(MIDDLE, reach_mm, 1), SPACING)
    assert window.centre_zyx == MIDDLE
    # the whole structure is seen, also where the drag began beside its middle or stopped a fifth too early
    assert 2.4 * reach_mm < window.side_mm < 4 * reach_mm


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


def test_two_answers_that_are_the_same_object_agree_across_scales() -> None:
    mask = ball(14)
    narrow, wide = (look_at(ClickWindow(MIDDLE, step, SPACING, 32), mask) for step in (1.2, 1.74))
    assert agreement(narrow, wide) > 0.9


def test_answers_of_different_objects_do_not_agree_and_neither_do_none() -> None:
    windows = [ClickWindow(MIDDLE, step, SPACING, 32) for step in (1.2, 1.74)]
    narrow, wide = look_at(windows[0], ball(5)), look_at(windows[1], ball(14))
    assert agreement(narrow, wide) < 0.3
    nothing = np.zeros(SHAPE)
    assert agreement(look_at(windows[0], nothing), look_at(windows[1], nothing)) == 0


def test_an_answer_that_looks_good_and_that_its_neighbours_share_scores_best() -> None:
    windows = [ClickWindow(MIDDLE, step, SPACING, 32) for step in (0.6, 0.87, 1.26, 1.83)]
    masks = [ball(40), ball(14), ball(14), ball(14)]
    alike = scores([look_at(window, mask, 0.8) for window, mask in zip(windows, masks, strict=True)])
    assert alike.argmax() in {2, 3}
    assert alike[0] == alike.min()
    fits = scores([look_at(window, ball(14), fit) for window, fit in zip(windows, (0.2, 0.9, 0.2, 0.2), strict=True)])
    assert fits.argmax() == 1


def test_a_single_answer_is_scored_by_its_fit() -> None:
    assert scores([look_at(ClickWindow(MIDDLE, 1.0, SPACING, 32), ball(5), 0.25)]).tolist() == [0.25]


class Finder:
    """Marks what it sees of a ball; it likes windows that the ball leaves nowhere and fills to four tenths."""

    def __init__(self, mask: Any) -> None:
        self.mask = mask
        self.windows: list[ClickWindow] = []

    def look(
        self, image: Any, windows: Sequence[ClickWindow], said: Said, masks: Any = None, limits: Any = None
    ) -> Any:
        self.windows += windows
        looks = []
        for window in windows:
            look = look_at(window, self.mask)
            filled = (look.logits > 0).any((0, 1)).mean()
            looks.append(Look(window, look.logits, 0.1 if filled == 1 else float(min(1.0, filled / 0.4))))
        return looks


@pytest.mark.parametrize("radius_mm", [6.0, 15.0, 35.0])
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

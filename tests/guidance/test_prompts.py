"""Clicks, boxes and drags side by side."""

from __future__ import annotations

from napari_progseg.guidance.boxes import BoxPrompt
from napari_progseg.guidance.clicks import Click
from napari_progseg.guidance.drags import DragPrompt
from napari_progseg.guidance.prompts import boxes_in, click_of, clicks_in, drags_in, steps_of

BOX = BoxPrompt((3, 2, 4), (3, 6, 9), 0, 1)
CLICK = Click((3, 0, 0), False, 1)
DRAG = DragPrompt((5, 1, 2), 8.0, 2)


def test_each_stands_for_one_click() -> None:
    assert [click_of(each) for each in (CLICK, BOX, DRAG)] == [CLICK, BOX.middle, Click((5, 1, 2), True, 2)]
    assert clicks_in([DRAG, CLICK, BOX]) == (DRAG.begin, CLICK, BOX.middle)


def test_boxes_and_drags_are_found_among_others() -> None:
    assert boxes_in([CLICK, BOX, DRAG]) == (BOX,)
    assert drags_in([CLICK, BOX, DRAG]) == (DRAG,)


def test_a_box_is_two_steps_and_a_drag_is_its_click() -> None:
    assert steps_of([CLICK, BOX, DRAG]) == (CLICK, BOX, BOX.middle, DRAG.begin)

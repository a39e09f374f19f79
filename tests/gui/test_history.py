from __future__ import annotations

import numpy as np

from napari_progseg.gui.history import Box, History, prompt_record, prompts_of
from napari_progseg.guidance.boxes import BoxPrompt
from napari_progseg.guidance.clicks import Click

WHOLE = (slice(0, None),) * 3


def test_a_box_holds_only_what_changed_and_goes_back_and_forth() -> None:
    array = np.zeros((4, 6, 5), np.uint8)
    new = array.copy()
    new[1:3, 2:4, 1:5] = 7
    box = Box.change(array, WHOLE, new)
    assert box.region == (slice(1, 3), slice(2, 4), slice(1, 5))
    assert np.array_equal(array, new)
    array[box.region] = box.old()
    assert not array.any()
    array[box.region] = box.new()
    assert np.array_equal(array, new)


def test_a_contiguous_box_remembers_the_content_before() -> None:
    array = np.zeros((3, 4, 4), np.uint8)
    box = Box.change(array, (slice(1, 2), slice(0, 4), slice(0, 4)), np.full((1, 4, 4), 3, np.uint8))
    assert not box.old().any()
    assert (box.new() == 3).all()


def test_a_change_without_effect_is_no_box() -> None:
    array = np.ones((2, 2, 2), np.uint8)
    assert Box.change(array, WHOLE, array.copy()) is None


def test_undo_and_redo_walk_through_the_clicks() -> None:
    history = History()
    first, second = Click((1, 1, 1), True, 1), Click((2, 2, 2), False, 1)
    history.record("clicks", (first,))
    history.record("clicks", (first, second))
    history.undo()
    assert history.clicks == (first,)
    history.redo()
    assert history.clicks == (first, second)
    history.undo()
    history.record("stroke")
    assert history.redo() is None
    assert history.clicks == (first,)


def test_the_journal_gives_back_the_clicks_that_stood_last() -> None:
    click = Click((3, 4, 5), False, 2)
    records = [
        {"edit": "click", "clicks": [prompt_record(click), {"voxel_zyx": "damaged"}]},
        {"edit": "note"},
    ]
    assert prompts_of(records) == (click,)
    assert prompts_of([*records, {"edit": "clear", "clicks": []}]) == ()


def test_the_journal_gives_back_boxes_among_clicks_and_skips_what_is_damaged() -> None:
    box, click = BoxPrompt((3, 2, 4), (3, 6, 9), 0, 2), Click((3, 4, 5), True, 1)
    stored = [prompt_record(box), {"box_zyx": [[1, 2, 3]], "axis": 0, "label": 1}, prompt_record(click)]
    damaged = {"box_zyx": [[3, 2, 4], [4, 6, 9]], "axis": 7, "label": 2}
    assert prompts_of([{"clicks": [*stored, damaged, None]}]) == (box, click)


def test_a_line_is_one_step_of_the_history() -> None:
    history = History()
    line = tuple(Click((z, 1, 1), True, 1) for z in range(9))
    history.record("clicks", line)
    history.undo()
    assert history.clicks == ()
    history.redo()
    assert history.clicks == line

from __future__ import annotations

import json

import numpy as np

from napari_progseg.gui.box import changes
from napari_progseg.gui.edits import prompt_record, prompts_in
from napari_progseg.gui.history import History
from napari_progseg.guidance.boxes import BoxPrompt
from napari_progseg.guidance.clicks import Click
from napari_progseg.guidance.drags import DragPrompt


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


def test_a_line_is_one_step_of_the_history() -> None:
    history = History()
    line = tuple(Click((z, 1, 1), True, 1) for z in range(9))
    history.record("clicks", line)
    history.undo()
    assert history.clicks == ()
    history.redo()
    assert history.clicks == line


def test_steps_are_dropped_by_memory_oldest_first_and_not_by_number() -> None:
    array, rng = np.zeros((8, 64, 64), np.uint8), np.random.default_rng(0)
    history = History(most_bytes=10**6)
    for _ in range(1200):
        history.record("stroke")
    count = len(history.done)
    assert 600 < count < 1000
    for _ in range(40):
        noise = rng.integers(0, 255, array.shape, np.uint8)
        newest = history.record("stroke", boxes=changes(array, (slice(0, 8),) * 1 + (slice(0, 64),) * 2, noise))
    assert history.done[-1] is newest
    assert len(history.done) < 20
    assert history.size < 1.2 * 10**6


def test_the_newest_step_is_kept_however_large() -> None:
    history = History(most_bytes=1)
    history.record("stroke")
    newest = history.record("stroke")
    assert history.done == [newest]


def test_the_journal_gives_back_every_kind_of_prompt_and_older_programs_read_a_drag_as_a_click() -> None:
    prompts = (Click((3, 4, 5), False, 1), BoxPrompt((3, 2, 4), (3, 6, 9), 0, 2), DragPrompt((1, 2, 3), 12.34, 2))
    stored = json.loads(json.dumps([prompt_record(each) for each in prompts]))
    assert prompts_in({"clicks": stored}) == prompts
    del stored[2]["reach_mm"]
    assert prompts_in({"clicks": stored[2:]}) == (Click((1, 2, 3), True, 2),)


def test_the_journal_gives_back_boxes_among_clicks_and_skips_what_is_damaged() -> None:
    box, click = BoxPrompt((3, 2, 4), (3, 6, 9), 0, 2), Click((3, 4, 5), True, 1)
    stored = [prompt_record(box), {"box_zyx": [[1, 2, 3]], "axis": 0, "label": 1}, prompt_record(click)]
    damaged = {"box_zyx": [[3, 2, 4], [4, 6, 9]], "axis": 7, "label": 2}
    assert prompts_in({"clicks": [*stored, damaged, None]}) == (box, click)
    assert prompts_in({"edit": "stroke"}) is None

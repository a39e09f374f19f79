"""Painting with napari's tools: each stroke is a step, in whatever slice, and outlives the window."""

from __future__ import annotations

import numpy as np
import pytest

from napari_progseg.gui.box import difference
from napari_progseg.gui.edits import journal
from napari_progseg.project import Project

from .conftest import SHAPE, SPACING, open_case
from .held import Bench
from .test_annotate import press


@pytest.fixture
def case(opened):
    """The case on screen, with the brush in hand."""
    opened.annotate.do.paint()
    return opened.desk.case


def look(case, z: int) -> None:
    case.viewer.dims.point = [z * SPACING[0], 0, 0]


def stroke(case, z: int, value: int = 2) -> None:
    """Drag the brush a little in an axial slice."""
    look(case, z)
    case.labels_layer.selected_label = value
    case.labels_layer.brush_size = 3
    press(case.labels_layer, (z, 2, 3))
    case.settle()


def reopened(dock, project, qtbot):
    """Leave the case without saving, as a kill does, and open it again."""
    dock.desk.keeper._timer.stop()
    dock.desk.keeper._unsaved = False
    open_case(dock, project, qtbot, "case-1")
    open_case(dock, project, qtbot, "case-0")
    return dock.desk.case


def test_strokes_in_many_slices_are_undone_and_redone_beyond_what_napari_keeps(case) -> None:
    before, count = case.labels.copy(), 130
    states = []
    for n in range(count):
        stroke(case, n % SHAPE[0], 1 + (n // SHAPE[0]) % 2)
        states.append(case.labels.copy())
    assert len(case.history.done) == count
    for state in reversed([before, *states[:-1]]):
        case.undo()
        assert np.array_equal(case.labels, state)
    for _ in states:
        case.redo()
    assert np.array_equal(case.labels, states[-1])
    assert np.array_equal(case.labels_layer.data, states[-1])


def test_naparis_own_undo_goes_through_the_history(opened, case) -> None:
    before = case.labels.copy()
    stroke(case, 2)
    painted = case.labels.copy()
    case.add_click((5, 7, 8), True)
    opened.annotate.do.unbind()
    case.labels_layer.undo()
    assert case.history.clicks == ()
    assert np.array_equal(case.labels, painted)
    case.labels_layer.undo()
    assert np.array_equal(case.labels, before)
    case.labels_layer.redo()
    assert np.array_equal(case.labels, painted)
    layer = case.labels_layer
    opened.desk.close_case()
    assert "undo" not in vars(layer)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_fill_polygon_and_thick_brush_are_steps_like_strokes(case, dimensions) -> None:
    before, layer = case.labels.copy(), case.labels_layer
    look(case, 6)
    layer.n_edit_dimensions = dimensions
    states = []
    layer.fill((6, 8, 6), 1)
    case.settle()
    states.append(case.labels.copy())
    layer.brush_size = 5
    layer.paint((6, 5, 5), 1)
    layer.paint((6, 6, 5), 2)  # two strokes before anything is taken in
    case.settle()
    states.append(case.labels.copy())
    if dimensions == 2:
        layer.paint_polygon([[6, 2, 2], [6, 2, 9], [6, 9, 9]], 1)
        case.settle()
        assert not np.array_equal(case.labels, states[-1])
    assert len(case.history.done) == 3 + (dimensions == 2)
    while case.history.done:
        case.undo()
        if len(case.history.done) == 1:
            assert np.array_equal(case.labels, states[0])
    assert np.array_equal(case.labels, before)


def test_a_stroke_outside_of_the_shown_slice_is_checked_for_foreign_values(case, opened, qtbot) -> None:
    before = case.labels.copy()
    look(case, 2)
    with qtbot.waitSignal(opened.desk.said):
        case.labels_layer.data_setitem((np.array([9]), np.array([3]), np.array([3])), 7)
    assert np.array_equal(case.labels, before)
    assert case.history.done == []


def test_a_stroke_that_was_not_saved_comes_back_with_the_way_back(opened, case, project, qtbot) -> None:
    before = case.labels.copy()
    stroke(case, 2)
    stroke(case, 9)
    painted = case.labels.copy()
    again = reopened(opened, project, qtbot)
    assert np.array_equal(again.labels, painted)
    assert np.array_equal(again.labels_layer.data, painted)
    assert opened.desk.keeper.unsaved
    assert opened.annotate.undo.text() == "Undo (2)"
    again.undo()
    again.undo()
    assert np.array_equal(again.labels, before)
    again.redo()
    with qtbot.waitSignal(opened.desk.keeper.saved, timeout=20_000):
        opened.desk.keeper.save()
    assert np.array_equal(Project.open(project.root).labels("case-0").labels, again.labels)
    records = journal(project, "case-0").read()
    assert [record.get("edit", record.get("labels")) for record in records] == [
        "found", "stroke", "stroke", "undo", "undo", "redo", "saving", "saved",
    ]  # fmt: skip


def test_an_accepted_mask_and_one_started_from_come_back(opened, case, project, qtbot) -> None:
    before, mask = case.labels.copy(), np.zeros(SHAPE, np.uint8)
    mask[3:5, 4:9, 2:7] = 2
    case.start_from(mask, "mine", difference(np.zeros_like(mask), mask))
    case.accept()
    again = reopened(opened, project, qtbot)
    assert np.array_equal(again.labels, mask)
    assert np.array_equal(again.predicted, mask)
    assert np.array_equal(again.prediction_layer.data, mask)
    assert again.source == "from mine"
    assert again.started
    again.undo()
    assert np.array_equal(again.labels, before)
    again.undo()
    assert not again.predicted.any()
    assert not again.started
    again.redo()
    assert np.array_equal(again.predicted, mask)
    # a completed patient is measured by what is on screen
    again.accept()
    assert again.dice == {1: None, 2: 1.0}


def test_opening_the_patient_on_screen_again_keeps_what_was_painted(opened, case, project, qtbot) -> None:
    stroke(case, 2)
    painted = case.labels.copy()
    opened.open_case("case-0")
    qtbot.waitUntil(lambda: opened.desk.case not in (None, case), timeout=10_000)
    assert np.array_equal(opened.desk.case.labels, painted)


def test_a_full_disk_keeps_the_steps_for_the_journal_until_there_is_room(
    opened, case, project, qtbot, monkeypatch
) -> None:
    from napari_progseg.storage.journal import Journal

    def full(self, records, *, synced=True):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "extend", full)
        with qtbot.waitSignal(opened.desk.said) as said:
            stroke(case, 2)
        assert "kept in memory and tried again" in said.args[0]
    stroke(case, 9)
    painted = case.labels.copy()
    again = reopened(opened, project, qtbot)
    assert np.array_equal(again.labels, painted)
    assert len(again.history.done) == 2


def test_a_stroke_that_was_just_painted_is_a_step_even_where_its_layer_goes(project, engine, qapp) -> None:
    case = Bench(project, "case-3").case
    before = case.labels.copy()
    case.labels_layer.data_setitem((np.array([2]), np.array([3]), np.array([3])), 1)
    case.viewer.layers.remove(case.labels_layer)
    case.tools.set(tool="paint")
    case.pick_tool()
    assert [entry.kind for entry in case.history.done] == ["stroke"]
    case.undo()
    assert np.array_equal(case.labels_layer.data, before)

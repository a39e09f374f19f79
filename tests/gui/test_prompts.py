"""Lines and boxes: real mouse and keys on the canvas of a shown window, with a fake model or none."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import Qt

from napari_progseg.gui.sketch import camera
from napari_progseg.guidance.boxes import BoxPrompt
from napari_progseg.guidance.clicks import Click

from .conftest import open_case, prompts_left
from .hand import AXIAL, RIGHT, SAGITTAL, SPACING
from .test_annotate import press


def answered(dock, qtbot) -> None:
    qtbot.waitUntil(lambda: not dock.desk.answerer.answering, timeout=10_000)


def session(dock):
    return type(dock.desk.answerer.answer.__globals__["engine"].make_session(None))


def test_a_line_clicks_in_every_slice_it_crosses_as_one_step_and_one_question(hand, project, qtbot) -> None:
    dock, case = hand.dock, hand.dock.desk.case
    hand.look(SAGITTAL, (6, 10, 8))
    hand.key(Qt.Key.Key_L)
    assert dock.desk.tools.tool == "line"
    zoom = camera(hand.viewer).zoom
    hand.click((3, 5, 8))
    hand.click((6, 11, 8))
    assert case.drawn.drawing.under_way
    assert case.history.clicks == ()
    hand.double_click((9, 11, 8))
    line = case.history.clicks
    assert [click.voxel_zyx for click in line] == [(3, 5, 8), (4, 7, 8), (5, 9, 8), *((z, 11, 8) for z in range(6, 10))]
    assert camera(hand.viewer).zoom == zoom
    answered(dock, qtbot)
    assert session(dock).seen == [1]
    assert dock.annotate.undo.text() == "Undo (1)"
    assert prompts_left(project, "case-0") == line
    case.undo()
    assert case.history.clicks == ()
    case.redo()
    assert case.history.clicks == line


def test_enter_ends_a_line_escape_gives_it_up_and_the_sign_counts(hand) -> None:
    case = hand.dock.desk.case
    hand.look(SAGITTAL, (6, 10, 8))
    hand.key(Qt.Key.Key_L)
    hand.click((3, 5, 8))
    hand.click((6, 5, 8))
    hand.key(Qt.Key.Key_Escape)
    assert not case.drawn.drawing.under_way
    hand.key(Qt.Key.Key_T)
    hand.click((2, 5, 8))
    hand.click((4, 5, 8))
    hand.click((7, 5, 8))
    hand.click((7, 5, 8), RIGHT)
    assert "ProgSeg · drawing" in hand.viewer.layers
    hand.key(Qt.Key.Key_Return)
    assert case.history.clicks == tuple(Click((z, 5, 8), False, 1) for z in (2, 3, 4))
    assert "ProgSeg · drawing" not in hand.viewer.layers


def test_a_line_in_one_axial_slice_is_one_click_and_says_why(hand, qtbot) -> None:
    hand.look(AXIAL, (6, 10, 8))
    hand.dock.desk.tools.set(tool="line")
    hand.click((6, 5, 8))
    with qtbot.waitSignal(hand.dock.desk.said) as said:
        hand.double_click((6, 12, 8))
    assert "sagittal or coronal" in said.args[0]
    assert hand.dock.desk.case.history.clicks == (Click((6, 5, 8), True, 1),)


def test_a_box_is_dragged_seen_in_its_slice_undone_and_taken_away(hand, project, qtbot) -> None:
    dock, case = hand.dock, hand.dock.desk.case
    hand.look(AXIAL, (6, 10, 8))
    hand.key(Qt.Key.Key_B)
    centre = camera(hand.viewer).center
    hand.drag((6, 6, 4), (6, 13, 11))
    box = BoxPrompt((6, 6, 4), (6, 13, 11), 0, 1)
    assert case.history.prompts == (box,)
    assert camera(hand.viewer).center == centre
    assert case.history.clicks == (Click((6, 9, 7), True, 1),)
    answered(dock, qtbot)
    assert session(dock).seen == [1]
    assert len(hand.viewer.layers["ProgSeg · drawing"].data) == 1
    assert [layer.name for layer in hand.viewer.layers if "drawing" in layer.name] == ["ProgSeg · drawing"]
    assert [float(step.step) for step in hand.viewer.dims.range] == list(SPACING)
    hand.look(AXIAL, (7, 10, 8))
    assert "ProgSeg · drawing" not in hand.viewer.layers
    hand.look(AXIAL, (6, 10, 8))
    case.undo()
    assert case.history.prompts == ()
    assert "ProgSeg · drawing" not in hand.viewer.layers
    case.redo()
    assert prompts_left(project, "case-0") == (box,)
    hand.click((6, 1, 1), RIGHT)
    assert case.history.prompts == (box,)
    hand.click((6, 7, 5), RIGHT)
    assert case.history.prompts == ()
    assert prompts_left(project, "case-0") == ()


def test_closing_the_dock_gives_the_keys_back_and_opening_it_takes_them_again(hand) -> None:
    layer, around = hand.dock.desk.case.click_layer.layer, hand.dock.parentWidget()
    around.hide()
    assert not layer.keymap
    around.show()
    assert layer.keymap


def test_lines_and_boxes_come_back_when_the_case_is_opened_again(opened, project, qtbot) -> None:
    desk = opened.desk
    desk.case.drawn.add_line(np.array([(3.0, 8, 8), (5, 8, 8)]))
    desk.case.drawn.add_box((6, 6, 4), (6, 13, 11), 0)
    answered(opened, qtbot)
    stood = desk.case.history.prompts
    assert len(stood) == 4
    open_case(opened, project, qtbot, "case-1")
    open_case(opened, project, qtbot, "case-0")
    assert desk.case.history.prompts == stood
    assert len(desk.case.click_layer.layer.data) == 4
    desk.viewer.dims.point = [6 * 3.0, 0, 0]
    assert "ProgSeg · drawing" in desk.viewer.layers
    qtbot.waitUntil(lambda: not desk.background.busy, timeout=10_000)


def test_without_a_model_a_box_finds_what_is_in_it(opened, qtbot) -> None:
    case = opened.desk.case
    case.drawn.add_box((6, 4, 2), (6, 15, 13), 0)
    answered(opened, qtbot)
    bright = case.volume.image[6] > 250
    found = case.predicted[6] == 1
    assert 2 * (found & bright).sum() / (found.sum() + bright.sum()) > 0.9
    assert np.flatnonzero(case.predicted.any(axis=(1, 2))).tolist() == [6]
    case.undo()
    assert not case.predicted.any()


def test_a_new_box_replaces_what_contradicts_it_and_a_click_beside_it_is_not_taken(opened, qtbot) -> None:
    case = opened.desk.case
    case.add_click((6, 1, 1), True)
    case.add_click((6, 1, 2), False)
    case.add_click((7, 1, 1), True)
    case.drawn.add_box((6, 4, 2), (6, 15, 13), 0)
    second = case.drawn.add_box((6, 6, 4), (6, 13, 11), 0)
    kept = (Click((6, 1, 2), False, 1), Click((7, 1, 1), True, 1))
    assert second.after == (*kept, BoxPrompt((6, 6, 4), (6, 13, 11), 0, 1))
    with qtbot.waitSignal(opened.desk.said) as said:
        assert case.add_click((6, 1, 1), True) is None
    assert said.args[0].startswith("A click beside a box was not taken")
    assert case.history.prompts == second.after
    answered(opened, qtbot)


def test_deleting_the_point_in_the_middle_of_a_box_takes_the_box_away(opened, qtbot) -> None:
    case = opened.desk.case
    case.add_click((6, 7, 7), True)
    case.drawn.add_box((6, 6, 4), (6, 13, 11), 0)
    layer = case.click_layer.layer
    layer.selected_data = {1}
    layer.remove_selected()
    assert case.history.prompts == (Click((6, 7, 7), True, 1),)
    answered(opened, qtbot)


def test_the_tool_put_down_takes_no_clicks(opened) -> None:
    opened.desk.tools.set(tool="none")
    press(opened.desk.case.click_layer.layer, (5, 5, 5))
    assert opened.desk.case.history.clicks == ()

"""A drag with the click tool: real mouse and keys on the canvas of a shown window."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_progseg.gui.sketch import camera
from napari_progseg.guidance.boxes import BoxPrompt
from napari_progseg.guidance.clicks import Click
from napari_progseg.guidance.drags import DragPrompt

from .conftest import open_case, prompts_left
from .hand import AXIAL, CONTROL, CORONAL, LEFT, NONE, RIGHT, SAGITTAL, SPACING

VIEWS = {
    "axial": (AXIAL, (6, 10, 8), (6, 13, 12), 5.0),
    "coronal": (CORONAL, (6, 10, 8), (8, 10, 8), 6.0),
    "sagittal": (SAGITTAL, (6, 10, 8), (7, 14, 8), 5.0),
}


def drawn(hand) -> np.ndarray | None:
    """Return the corners of the circle on the canvas, (N, 3) in mm; None where nothing is drawn."""
    if "ProgSeg · drawing" not in hand.viewer.layers:
        return None
    *_, circle = hand.viewer.layers["ProgSeg · drawing"].data
    return np.asarray(circle) * SPACING


def answered(hand, qtbot) -> None:
    qtbot.waitUntil(lambda: not hand.dock.desk.answerer.answering, timeout=10_000)


@pytest.mark.parametrize("view", VIEWS)
def test_a_drag_says_where_and_how_far_in_mm_and_a_circle_follows_it(hand, qtbot, view: str) -> None:
    order, first, last, wanted = VIEWS[view]
    case = hand.dock.desk.case
    hand.look(order, first)
    centre, pixel = camera(hand.viewer).center, 1.5 / camera(hand.viewer).zoom
    hand.press(first)
    hand.move(first, last)
    circle = drawn(hand)
    assert np.linalg.norm(circle - np.multiply(first, SPACING), axis=1) == pytest.approx(wanted, abs=pixel)
    assert np.ptp(circle[:, order[0]]) == 0
    assert case.history.prompts == ()
    hand.release(last)
    (drag,) = case.history.prompts
    assert drag == DragPrompt(first, drag.reach_mm, 1)
    assert drag.reach_mm == pytest.approx(wanted, abs=pixel)
    assert drawn(hand) is None
    assert camera(hand.viewer).center == centre
    answered(hand, qtbot)
    assert case.predicted.any()


def test_a_hand_that_trembles_or_comes_back_clicks(hand, qtbot) -> None:
    case = hand.dock.desk.case
    hand.look(AXIAL, (6, 10, 8))
    hand.press((6, 10, 8))
    for pixels in (3, 6):
        QTest.mouseMove(hand.canvas, hand.place((6, 10, 8)) + QPoint(pixels, -pixels))
    QTest.mouseRelease(hand.canvas, LEFT, NONE, hand.place((6, 10, 8)) + QPoint(6, -6))
    hand.press((6, 12, 8))
    hand.move((6, 12, 8), (6, 16, 8))
    hand.move((6, 16, 8), (6, 12, 8))
    assert drawn(hand) is None
    hand.release((6, 12, 8))
    assert case.history.prompts == (Click((6, 10, 8), True, 1), Click((6, 12, 8), True, 1))
    answered(hand, qtbot)


def test_escape_gives_a_drag_up_however_the_hand_goes_on(hand) -> None:
    case = hand.dock.desk.case
    hand.look(AXIAL, (6, 10, 8))
    hand.press((6, 10, 8))
    hand.move((6, 10, 8), (6, 14, 8))
    assert drawn(hand) is not None
    hand.key(Qt.Key.Key_Escape)
    assert drawn(hand) is None
    centre = camera(hand.viewer).center
    hand.move((6, 14, 8), (6, 16, 8))
    assert drawn(hand) is None
    hand.release((6, 16, 8))
    assert case.history.prompts == ()
    assert camera(hand.viewer).center == centre


@pytest.mark.parametrize("how", ["Ctrl", "sign"])
def test_outside_reaches_nowhere_so_it_is_a_click_where_the_button_went_down(hand, qtbot, how: str) -> None:
    hand.look(AXIAL, (6, 10, 8))
    hand.dock.desk.tools.set(inside=how == "Ctrl")
    modifier = CONTROL if how == "Ctrl" else NONE
    hand.press((6, 10, 8), LEFT, modifier)
    hand.move((6, 10, 8), (6, 14, 8))
    assert drawn(hand) is None
    hand.release((6, 14, 8), LEFT, modifier)
    assert hand.dock.desk.case.history.prompts == (Click((6, 10, 8), False, 1),)
    answered(hand, qtbot)


def test_the_right_button_zooms_when_it_moves_and_a_drag_beside_the_image_says_nothing(hand) -> None:
    hand.look(AXIAL, (6, 10, 8))
    zoom = camera(hand.viewer).zoom
    hand.drag((6, 10, 8), (6, 14, 8), RIGHT)
    assert hand.dock.desk.case.history.prompts == ()
    assert camera(hand.viewer).zoom != zoom
    hand.look(AXIAL, (6, 10, 8))
    hand.drag((6, 10, -2), (6, 10, 3))
    assert hand.dock.desk.case.history.prompts == ()


def test_with_space_held_down_a_drag_pans(hand) -> None:
    hand.look(AXIAL, (6, 10, 8))
    centre = camera(hand.viewer).center
    QTest.keyPress(hand.canvas, Qt.Key.Key_Space)
    hand.drag((6, 10, 8), (6, 14, 8))
    QTest.keyRelease(hand.canvas, Qt.Key.Key_Space)
    assert camera(hand.viewer).center != centre
    assert hand.dock.desk.case.history.prompts == ()
    hand.look(AXIAL, (6, 10, 8))
    hand.drag((6, 10, 8), (6, 14, 8))
    assert len(hand.dock.desk.case.history.prompts) == 1


def test_a_drag_is_one_step_that_is_undone_redone_and_there_again_tomorrow(hand, project, qtbot) -> None:
    dock, case = hand.dock, hand.dock.desk.case
    hand.look(SAGITTAL, (6, 10, 8))
    hand.drag((6, 10, 8), (7, 14, 8))
    said = case.history.prompts
    answered(hand, qtbot)
    assert prompts_left(project, "case-0") == said
    case.undo()
    assert case.history.prompts == () == prompts_left(project, "case-0")
    assert not case.predicted.any()
    case.redo()
    assert case.history.prompts == said
    open_case(dock, project, qtbot, "case-1")
    open_case(dock, project, qtbot, "case-0")
    assert dock.desk.case.history.prompts == said
    assert len(dock.desk.case.click_layer.layer.data) == 1
    answered(hand, qtbot)


def test_a_drag_ends_with_its_patient(hand, project, qtbot) -> None:
    hand.look(AXIAL, (6, 10, 8))
    hand.press((6, 10, 8))
    hand.move((6, 10, 8), (6, 14, 8))
    open_case(hand.dock, project, qtbot, "case-1")
    hand.release((6, 14, 8))
    assert hand.dock.desk.case.history.prompts == () == prompts_left(project, "case-0")
    assert drawn(hand) is None


def test_a_box_refuses_a_drag_beside_it_and_takes_the_place_of_one_that_it_contradicts(opened, qtbot) -> None:
    case = opened.desk.case
    drag = case.drawn.add_drag((6, 1, 1), 4.0).after[0]
    other = case.drawn.add_drag((7, 1, 1), 4.0).after[1]
    assert drag.voxel_zyx == (6, 1, 1)
    box = BoxPrompt((6, 6, 4), (6, 13, 11), 0, 1)
    assert case.drawn.add_box(box.first_zyx, box.last_zyx, 0).after == (other, box)
    with qtbot.waitSignal(opened.desk.said) as said:
        assert case.drawn.add_drag((6, 1, 1), 4.0) is None
    assert said.args[0].startswith("A click beside a box was not taken")
    qtbot.waitUntil(lambda: not opened.desk.answerer.answering, timeout=10_000)


def test_the_point_of_a_drag_stands_for_it_until_it_is_moved(opened, qtbot) -> None:
    case = opened.desk.case
    case.drawn.add_drag((6, 7, 7), 4.0)
    case.add_click((6, 8, 8), True)
    layer = case.click_layer.layer
    layer.selected_data = {1}
    layer.remove_selected()
    assert case.history.prompts == (DragPrompt((6, 7, 7), 4.0, 1),)
    layer.data[0] = (6, 9, 7)
    layer.events.data(value=layer.data, action="changed", data_indices=(0,), vertex_indices=((),))
    assert case.history.prompts == (Click((6, 9, 7), True, 1),)
    qtbot.waitUntil(lambda: not opened.desk.answerer.answering, timeout=10_000)

"""Clicks, paint, accept, save: in a real window, with a fake model."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.utils.interactions import mouse_press_callbacks, mouse_release_callbacks

from napari_progseg.guidance.clicks import Click
from napari_progseg.project import CaseState, Project

from .conftest import open_case, prompts_left


class Mouse(SimpleNamespace):
    """What napari hands to mouse callbacks."""


def press(layer, voxel, button=1, modifiers=()) -> None:
    event = Mouse(
        type="mouse_press", button=button, modifiers=modifiers, pos=np.array([50, 50]), handled=False,
        position=layer.data_to_world(voxel), dims_displayed=[1, 2], view_direction=None, is_dragging=False,
    )  # fmt: skip
    mouse_press_callbacks(layer, event)
    event.type = "mouse_release"
    mouse_release_callbacks(layer, event)


def answered(dock, qtbot) -> None:
    qtbot.waitUntil(lambda: not dock.desk.answerer.answering, timeout=20_000)


@pytest.fixture
def interactive(opened, engine, project, qtbot):
    """The dock with an open case and a finished interactive run."""
    engine.add_run(project, "0001-inter", "interactive")
    opened.desk.runs.refresh()
    qtbot.waitUntil(lambda: opened.desk.answerer.run is not None, timeout=20_000)
    return opened


def test_a_case_opens_with_layers_that_share_its_space(opened) -> None:
    viewer = opened.desk.viewer
    names = [layer.name for layer in viewer.layers]
    assert names == ["ProgSeg · case-0", "ProgSeg · prediction", "ProgSeg · labels", "ProgSeg · clicks"]
    for layer in viewer.layers:
        assert tuple(layer.scale) == (3.0, 1.0, 1.0)
        assert {str(unit) for unit in layer.units} == {"millimeter"}
        assert layer.axis_labels == ("z", "y", "x")
    assert opened.desk.case.labels.dtype == np.uint8
    assert opened.tabs.currentWidget() is opened.annotate


@pytest.mark.parametrize(("button", "modifiers", "swapped"), [(1, (), False), (1, ("Control",), True), (2, (), True)])
@pytest.mark.parametrize("inside", [True, False])
def test_button_and_switch_decide_the_sign(opened, button, modifiers, swapped, inside) -> None:
    case = opened.desk.case
    opened.desk.tools.set(inside=inside, class_index=1)
    press(case.click_layer.layer, (5, 7, 8), button, modifiers)
    assert case.history.clicks == (Click((5, 7, 8), inside != swapped, 2),)


def test_a_click_beside_the_image_says_nothing(opened) -> None:
    case = opened.desk.case
    press(case.click_layer.layer, (5, 70, 8))
    assert case.history.clicks == ()


def test_clicks_look_different_inside_and_outside(opened) -> None:
    case = opened.desk.case
    case.add_click((5, 7, 8), True)
    case.add_click((5, 9, 8), False)
    layer = case.click_layer.layer
    assert [str(symbol) for symbol in layer.symbol] == ["disc", "square"]
    assert not np.allclose(layer.face_color[0], layer.face_color[1])


def test_a_click_gives_a_mask_that_undo_takes_back(interactive, qtbot) -> None:
    case = interactive.desk.case
    case.add_click((5, 7, 8), True)
    answered(interactive, qtbot)
    assert (case.predicted[5, :4, :4] == 1).all()
    assert case.predicted.sum() == 16
    assert "run 0001 · step 1\u202f200 · Dice 0.87" in interactive.annotate.source.text()
    case.undo()
    assert not case.predicted.any()
    assert case.history.clicks == ()
    case.redo()
    assert case.predicted.sum() == 16


def test_only_the_newest_of_quick_clicks_is_answered(interactive, qtbot) -> None:
    session = _session_class(interactive)
    session.delay = 0.2
    case = interactive.desk.case
    for z in range(1, 8):
        case.add_click((z, 7, 8), True)
    answered(interactive, qtbot)
    assert session.seen[0] == 1
    assert session.seen[-1] == 7
    assert len(session.seen) == 2
    assert np.flatnonzero(case.predicted.any(axis=(1, 2))).tolist() == [7]


def _session_class(dock):
    from napari_progseg.gui import engine

    return type(engine.make_session(None))


def test_without_a_model_clicks_are_answered_from_the_image(opened, qtbot) -> None:
    desk = opened.desk
    case = desk.case
    bright = np.argwhere(case.volume.image > 250)
    z, y, x = (int(n) for n in bright[len(bright) // 2])
    case.add_click((z, y, x), True)
    answered(opened, qtbot)
    assert case.predicted[z, y, x] == case.classes[0].value
    assert np.flatnonzero(case.predicted.any(axis=(1, 2))).tolist() == [z]
    assert case.source == "clicks and contrast alone"
    assert opened.annotate.source.text().startswith("No model yet")
    assert opened.annotate.accept.isEnabled()
    assert not opened.annotate.predict.isEnabled()
    case.undo()
    answered(opened, qtbot)
    assert not case.predicted.any()


def test_the_first_model_takes_over_by_itself(opened, engine, project, qtbot) -> None:
    desk = opened.desk
    desk.case.add_click((5, 7, 8), True)
    answered(opened, qtbot)
    engine.add_run(project, "0001-inter", "interactive")
    desk.runs.refresh()
    qtbot.waitUntil(lambda: desk.answerer.run is not None, timeout=20_000)
    desk.case.add_click((6, 7, 8), True)
    answered(opened, qtbot)
    assert desk.case.source.startswith("run 0001")
    assert "Clicks are answered by" in opened.annotate.source.text()


def test_dice_of_a_completed_case_stands_on_the_canvas(interactive, qtbot) -> None:
    desk = interactive.desk
    desk.predict()
    qtbot.waitUntil(lambda: desk.case.has_prediction, timeout=20_000)
    text = desk.viewer.canvas.overlays.text.text
    assert text.startswith("Dice ")
    assert "left" in text
    assert "run 0001 step" in text
    desk.close_case()
    assert desk.viewer.canvas.overlays.text.text == ""


def test_dice_against_labels_that_began_as_a_prediction_says_so(interactive, qtbot) -> None:
    desk = interactive.desk
    desk.predict()
    qtbot.waitUntil(lambda: desk.case.has_prediction, timeout=20_000)
    before = dict(desk.dice_of_case)
    assert "began as a prediction" not in desk.canvas.text
    assert desk.accept()
    assert desk.canvas.text.startswith("Dice 1.00")
    assert "against labels that began as a prediction" in desk.canvas.text
    assert desk.dice_of_case == before
    desk.case.undo()
    assert "began as a prediction" not in desk.canvas.text


def test_clicks_are_answered_again_when_their_patient_comes_back(interactive, project, qtbot) -> None:
    desk = interactive.desk
    desk.case.add_click((6, 7, 8), True)
    answered(interactive, qtbot)
    mask = desk.case.predicted.copy()
    open_case(interactive, project, qtbot, "case-1")
    assert not desk.case.has_prediction
    open_case(interactive, project, qtbot, "case-0")
    qtbot.waitUntil(lambda: desk.case.has_prediction, timeout=20_000)
    assert np.array_equal(desk.case.predicted, mask)


def test_the_agreement_layer_compares_the_shown_slice_only(interactive, qtbot) -> None:
    desk = interactive.desk
    desk.predict()
    qtbot.waitUntil(lambda: desk.case.has_prediction, timeout=20_000)
    desk.viewer.dims.point = [6 * 3.0, 0, 0]
    desk.tools.set(show_agreement=True)
    shown = np.flatnonzero(desk.case.agreement.layer.data.any(axis=(1, 2)))
    assert shown.tolist() == [6]
    assert not desk.case.prediction_layer.visible
    desk.viewer.dims.point = [7 * 3.0, 0, 0]
    assert desk.case.agreement.layer.data[7].any()
    desk.tools.set(show_agreement=False)
    assert not desk.case.agreement.layer.visible
    assert desk.case.prediction_layer.visible


def test_accept_is_saved_and_undoable(interactive, project, qtbot) -> None:
    desk = interactive.desk
    before = desk.case.labels.copy()
    desk.predict()
    qtbot.waitUntil(lambda: desk.case.has_prediction, timeout=20_000)
    with qtbot.waitSignal(desk.keeper.saved, timeout=20_000):
        assert desk.accept()
    stored = Project.open(project.root).labels("case-0")
    assert np.array_equal(stored.labels, desk.case.predicted)
    desk.case.undo()
    assert np.array_equal(desk.case.labels, before)


def paint(case, value, voxel=(2, 3, 3)) -> None:
    case.labels_layer.selected_label = value
    case.labels_layer.data_setitem(tuple(np.array([index]) for index in voxel), value)


def test_a_stroke_is_saved_when_idle(opened, project, qtbot) -> None:
    desk = opened.desk
    desk.keeper._timer.setInterval(50)
    desk.viewer.dims.point = [2 * 3.0, 0, 0]
    with qtbot.waitSignal(desk.keeper.saved, timeout=20_000):
        paint(desk.case, 2)
    assert Project.open(project.root).labels("case-0").labels[2, 3, 3] == 2


def test_a_value_of_no_class_is_refused_and_taken_back(opened, qtbot) -> None:
    desk = opened.desk
    desk.viewer.dims.point = [2 * 3.0, 0, 0]
    with qtbot.waitSignal(desk.said) as said:
        paint(desk.case, 5)
    assert "left = 1, right = 2" in said.args[0]
    assert not desk.case.labels[2].any()
    assert desk.case.labels_layer.selected_label == 1
    assert opened.banner.isVisibleTo(opened)
    assert desk.case.history.done == []


def test_strokes_clicks_and_accept_are_undone_in_order(interactive, qtbot) -> None:
    desk = interactive.desk
    case = desk.case
    desk.viewer.dims.point = [2 * 3.0, 0, 0]
    paint(case, 2)
    case.add_click((5, 7, 8), True)
    answered(interactive, qtbot)
    desk.accept()
    assert interactive.annotate.undo.text() == "Undo (3)"
    case.undo()
    assert case.labels[2, 3, 3] == 2
    case.undo()
    assert case.history.clicks == ()
    assert case.labels[2, 3, 3] == 2
    case.undo()
    assert case.labels[2, 3, 3] == 0
    qtbot.waitUntil(lambda: not desk.background.busy, timeout=20_000)


def test_leaving_a_case_saves_it_and_its_clicks_come_back(opened, project, qtbot) -> None:
    from napari_progseg.gui.edits import journal

    desk = opened.desk
    desk.viewer.dims.point = [2 * 3.0, 0, 0]
    paint(desk.case, 2)
    desk.case.add_click((5, 7, 8), False)
    opened.open_case("case-1")
    qtbot.waitUntil(lambda: desk.case is not None and desk.case.id == "case-1", timeout=20_000)
    qtbot.waitUntil(lambda: not desk.background.busy, timeout=20_000)
    assert [layer.name for layer in desk.viewer.layers if "case-0" in layer.name] == []
    assert Project.open(project.root).labels("case-0").labels[2, 3, 3] == 2
    assert prompts_left(project, "case-0") == (Click((5, 7, 8), False, 1),)
    assert [record["edit"] for record in journal(project, "case-0").read() if "edit" in record] == ["stroke", "click"]
    opened.open_case("case-0")
    qtbot.waitUntil(lambda: desk.case.id == "case-0", timeout=20_000)
    assert len(desk.case.click_layer.layer.data) == 1


def test_completing_an_unlabelled_case_makes_it_a_training_case(dock, project, qtbot) -> None:
    desk = dock.desk
    dock.open_project(project.root)
    qtbot.waitUntil(lambda: dock.patients.table.rows[3].image is not None, timeout=20_000)
    dock.open_case("case-3")
    qtbot.waitUntil(lambda: desk.case is not None, timeout=20_000)
    desk.viewer.dims.point = [2 * 3.0, 0, 0]
    paint(desk.case, 1)
    with qtbot.waitSignal(desk.keeper.saved, timeout=20_000):
        dock.annotate.completed.click()
    assert desk.state_of("case-3") is CaseState.COMPLETED
    row = dock.patients.table.rows[3]
    qtbot.waitUntil(lambda: row.labels is not None and row.labels.label_values == (1,), timeout=20_000)
    assert dock.train.picker.list.count() == 4
    assert not dock.annotate.completed.isEnabled()


def test_removed_layers_come_back_when_they_are_needed(interactive, qtbot) -> None:
    case = interactive.desk.case
    layers = interactive.desk.viewer.layers
    layers.remove(case.prediction_layer)
    layers.remove(case.click_layer.layer)
    case.pick_tool()
    case.add_click((5, 7, 8), True)
    answered(interactive, qtbot)
    assert {"ProgSeg · prediction", "ProgSeg · clicks"} <= {layer.name for layer in layers}
    assert len(case.click_layer.layer.data) == 1
    case.labels_layer.name = "mine"
    interactive.desk.accept()
    interactive.desk.tools.set(tool="paint")
    case.pick_tool()
    assert layers.selection.active.name == "mine"
    qtbot.waitUntil(lambda: not interactive.desk.background.busy, timeout=20_000)


def test_removing_the_image_closes_the_case(opened) -> None:
    viewer = opened.desk.viewer
    viewer.layers.remove(opened.desk.case.image)
    assert opened.desk.case is None
    assert not [layer for layer in viewer.layers if layer.name.startswith("ProgSeg")]


def test_points_edited_with_naparis_own_tools_are_clicks(opened) -> None:
    case = opened.desk.case
    case.add_click((5, 7, 8), True)
    case.add_click((5, 9, 8), False)
    opened.desk.tools.set(inside=False)
    layer = case.click_layer.layer
    layer.add([6, 2, 2])
    assert case.history.clicks[-1] == Click((6, 2, 2), False, 1)
    layer.selected_data = {0}
    layer.remove_selected()
    assert [click.inside for click in case.history.clicks] == [False, False]


def test_click_maps_are_drawn_for_the_shown_slice(opened) -> None:
    desk = opened.desk
    desk.case.add_click((5, 7, 8), True)
    desk.viewer.dims.point = [5 * 3.0, 0, 0]
    desk.tools.set(show_maps=True, sigma_mm=3.0)
    layer = next(layer for layer in desk.viewer.layers if layer.name == "ProgSeg · inside map")
    assert layer.data.shape == (1, 20, 16)
    assert layer.data[0, 7, 8] == 255
    assert layer.data[0, 7, 11] == pytest.approx(255 * np.exp(-0.5), abs=1)
    desk.viewer.dims.point = [6 * 3.0, 0, 0]
    assert layer.data[0, 7, 8] == pytest.approx(255 * np.exp(-0.5), abs=1)
    assert layer.translate[0] == 18.0
    desk.tools.set(show_maps=False)
    assert layer not in desk.viewer.layers


def test_keys_work_on_our_layers(opened) -> None:
    desk = opened.desk
    layer = desk.case.click_layer.layer
    bound = {str(key): action for key, action in layer.keymap.items()}
    bound["T"](layer)
    assert not desk.tools.inside
    bound["."](layer)
    assert desk.tools.class_index == 1
    assert opened.annotate.classes.currentText() == "right"
    bound[","](layer)
    assert desk.tools.class_index == 0


def test_clicks_correct_locally_until_the_tick_is_taken_away(interactive, qtbot) -> None:
    desk, tick = interactive.desk, interactive.annotate.local
    session = interactive.desk.answerer.answer.__globals__["engine"].make_session(None)
    assert tick.isChecked()
    press(desk.case.click_layer.layer, (1, 5, 5))
    answered(interactive, qtbot)
    tick.click()
    press(desk.case.click_layer.layer, (1, 8, 8))
    answered(interactive, qtbot)
    assert session.local == [True, False]

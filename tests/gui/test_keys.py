"""One table of keys: what is bound, what the tooltips say, the page in the dock and the page in the docs."""

from __future__ import annotations

from pathlib import Path

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLabel

from napari_progseg.gui.actions import Actions
from napari_progseg.gui.keys import GESTURES, KEYS, as_markdown, bound, gestures, tip

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "keys.md"
TAKEN_BY_NAPARI = {"Ctrl+T", "Ctrl+Y", "Ctrl+E", "Ctrl+Q"}


def press(dock, key: str, layer=None) -> None:
    """Press a key of ours while a layer is the active one."""
    layer = layer or dock.desk.case.click_layer.layer
    next(action for bind, action in layer.keymap.items() if str(bind) == key)(layer)


def test_the_page_of_the_docs_is_the_table() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert as_markdown() in page, f"write what gui.keys.as_markdown() returns into {PAGE}"


def test_no_key_is_given_twice_and_none_is_stolen_from_napari() -> None:
    shown = [key.shown for key in bound()]
    assert len(shown) == len(set(shown))
    assert not TAKEN_BY_NAPARI & set(shown)
    assert {key.action for key in bound()} <= set(dir(Actions))


def test_tooltips_and_hints_come_from_the_table(opened) -> None:
    annotate = opened.annotate
    for button, action in ((annotate.line, "line"), (annotate.box, "box"), (annotate.undo, "undo")):
        assert button.toolTip() == tip(action)
    assert "(L)" in annotate.line.toolTip()
    for tool in ("click", "line", "box", "paint", "none"):
        opened.desk.tools.set(tool=tool)
        assert annotate.hint.text() == gestures(tool)


def test_keys_are_on_our_layers_while_the_dock_is_open(opened) -> None:
    case = opened.desk.case
    mine = opened.desk.viewer.add_points([[0, 0, 0]], name="mine")
    wanted = {key.napari.replace("Control", "Ctrl").replace("-", "+") for key in bound()}
    assert {str(key).replace("Escape", "Esc") for key in case.click_layer.layer.keymap} == {
        each.replace("Escape", "Esc") for each in wanted
    }
    assert not mine.keymap
    # napari's own keys for the brush and the polygon stay
    assert not {"[", "]", "Enter", "Escape"} & {str(key) for key in case.labels_layer.keymap}
    opened.annotate.do.unbind()
    assert not any(layer.keymap for layer in case.own_layers())


def test_a_tools_key_takes_it_and_pressed_again_puts_it_down(opened) -> None:
    tools, annotate = opened.desk.tools, opened.annotate
    for key, tool in (("L", "line"), ("B", "box"), ("P", "click")):
        press(opened, key)
        assert tools.tool == tool
        assert [name for name, button in annotate.tools.items() if button.isChecked()] == [tool]
        assert opened.desk.case.click_layer.layer.mouse_pan is (tool != "box")
    press(opened, "P")
    assert tools.tool == "none"
    assert not any(button.isChecked() for button in annotate.tools.values())
    assert "No tool in hand" in annotate.hint.text()


def test_structures_and_the_mask_have_keys(opened) -> None:
    tools, case = opened.desk.tools, opened.desk.case
    press(opened, "M")
    assert tools.class_index == 1
    press(opened, "M")
    assert tools.class_index == 0
    press(opened, "V")
    assert not case.prediction_layer.visible
    press(opened, "V")
    assert case.prediction_layer.visible


def test_brackets_set_the_width_of_clicks_until_a_model_answers(opened, engine, project, qtbot) -> None:
    tools = opened.desk.tools
    press(opened, "]")
    assert tools.sigma_mm == 4.0
    assert opened.annotate.sigma.text() == "σ 4 mm"
    opened.train.choose_mode("interactive")
    assert opened.train.config().clicks.sigma_mm == 4.0
    press(opened, "[")
    press(opened, "[")
    assert tools.sigma_mm == 2.0
    engine.add_run(project, "0001-inter", "interactive")
    opened.desk.runs.refresh()
    qtbot.waitUntil(lambda: opened.desk.answerer.run is not None, timeout=20_000)
    with qtbot.waitSignal(opened.desk.said) as said:
        press(opened, "]")
    assert "the model that answers has learned it" in said.args[0]
    assert tools.sigma_mm == 2.0


def test_the_page_of_keys_shows_all_of_them_and_is_left_again(dock, qtbot) -> None:
    QTest.mouseClick(dock.help, Qt.MouseButton.LeftButton)
    assert dock.sheet.isVisibleTo(dock)
    assert not dock.tabs.isVisibleTo(dock)
    said = " ".join(label.text().replace("\n", " ") for label in dock.sheet.findChildren(QLabel))
    for group in (*KEYS, *GESTURES.values()):
        assert all(key.shown in said and key.does in said for key in group.keys)
    QTest.keyClick(dock.sheet.back, Qt.Key.Key_Space)
    assert dock.tabs.isVisibleTo(dock)
    assert not dock.help.isChecked()


def test_a_sentence_of_the_dock_is_seen_on_the_page_of_keys_too(dock) -> None:
    dock.help.click()
    dock.desk.said.emit("Something happened.")
    assert dock.banner.isVisibleTo(dock)


@pytest.mark.parametrize("name", ["click", "line", "box", "paint"])
def test_tools_are_reached_and_taken_by_the_keyboard(opened, name: str) -> None:
    opened.desk.tools.set(tool="none")
    button = opened.annotate.tools[name]
    assert button.focusPolicy() & Qt.FocusPolicy.TabFocus
    QTest.keyClick(button, Qt.Key.Key_Space)
    assert opened.desk.tools.tool == name

"""The text on the canvas is borrowed, and its letters are made before the first text."""

from __future__ import annotations

import pytest

from napari_progseg.gui.canvas import CanvasText, text_overlay


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    return make_napari_viewer_proxy()


def state_of(viewer) -> tuple:
    overlay = text_overlay(viewer)
    return overlay.text, overlay.visible, str(overlay.position), overlay.color


def test_letters_are_shown_unseen_a_few_at_a_time_and_then_the_users_text_is_back(viewer, qtbot) -> None:
    overlay = text_overlay(viewer)
    overlay.text, overlay.position = "mine", "bottom_right"
    before, seen = state_of(viewer), []
    text = CanvasText(viewer)
    overlay.events.text.connect(lambda event: seen.append((overlay.text, overlay.color[3])))
    text.learn()
    qtbot.waitUntil(lambda: state_of(viewer) == before, timeout=10_000)
    letters = "".join(shown for shown, _ in seen[:-1])
    assert set("Dice run step 0123456789 mean of validation ·.,()").issubset(letters + " ")
    assert max(len(shown) for shown, _ in seen[:-1]) <= 3
    assert {alpha for _, alpha in seen[:-1]} == {0}
    assert text.text == ""


def test_a_text_that_comes_while_letters_are_made_is_shown_and_stays(viewer, qtbot) -> None:
    before = state_of(viewer)
    text = CanvasText(viewer)
    text.learn()
    text.show("Dice 0.91")
    qtbot.wait(200)
    assert text.text == "Dice 0.91"
    assert state_of(viewer) == ("Dice 0.91", True, "top_left", None)
    text.show("")
    assert state_of(viewer) == before


def test_a_text_that_the_user_shows_is_not_touched_for_letters(viewer, qtbot) -> None:
    overlay = text_overlay(viewer)
    overlay.text, overlay.visible = "mine", True
    before = state_of(viewer)
    CanvasText(viewer).learn()
    qtbot.wait(100)
    assert state_of(viewer) == before

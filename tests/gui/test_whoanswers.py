"""Who answers clicks: a model of one's own, the starter, contrast."""

from __future__ import annotations

import pytest

from napari_progseg.gui import preferences
from napari_progseg.gui.dock import ProgSegDock
from napari_progseg.guidance.drags import DragPrompt


@pytest.fixture
def starter(engine):
    """Let the starter's weights be there."""
    engine.starter = True
    return engine


@pytest.fixture
def begun(starter, opened, qtbot):
    """The dock with a case open, ready to answer."""
    qtbot.waitUntil(lambda: bool(opened.desk.device), timeout=20_000)
    return opened


def answered(dock, qtbot) -> None:
    qtbot.waitUntil(lambda: not dock.desk.answerer.answering, timeout=20_000)


def offered(dock) -> list[str]:
    return [dock.annotate.answers.itemText(n) for n in range(dock.annotate.answers.count())]


def pick(dock, by: str) -> None:
    answers = dock.annotate.answers
    answers.setCurrentIndex(answers.findData(by))
    answers.activated.emit(answers.currentIndex())


def test_without_a_model_the_starter_answers_clicks_and_drags_in_3d(begun, starter, qtbot) -> None:
    case = begun.desk.case
    assert offered(begun) == ["Starter (3D)", "Contrast (one slice)"]
    assert begun.annotate.answers.currentText() == "Starter (3D)"
    case.drawn.add_drag((6, 10, 8), 5.0)
    answered(begun, qtbot)
    assert starter.starters == 1
    assert begun.desk.case.history.prompts == (DragPrompt((6, 10, 8), 5.0, 1),)
    assert case.predicted[5:8, 8:13, 6:11].all()
    assert case.source == "answered by the starter"
    assert "No model yet" in begun.annotate.source.text()
    case.add_click((7, 10, 8), True)
    answered(begun, qtbot)
    assert starter.starters == 1, "the session goes on"
    case.undo()
    case.undo()
    answered(begun, qtbot)
    assert not case.predicted.any()


def test_a_mask_of_the_starter_does_not_flatter_a_model(begun, qtbot) -> None:
    begun.desk.case.add_click((6, 10, 8), True)
    answered(begun, qtbot)
    assert begun.desk.accept()
    assert not begun.desk.case.history.accepted_from_model


def test_contrast_is_a_choice_that_is_remembered_for_all_projects(begun, starter, qtbot) -> None:
    pick(begun, "contrast")
    assert preferences.without_model() == "contrast"
    begun.desk.case.add_click((6, 10, 8), True)
    answered(begun, qtbot)
    assert starter.starters == 0
    assert begun.desk.case.source == "clicks and contrast alone"
    assert begun.annotate.answers.currentText() == "Contrast (one slice)"
    again = ProgSegDock(begun.desk.viewer)
    assert again.desk.answerer.by == "contrast"
    again.desk.close()
    qtbot.waitUntil(lambda: not again.desk.background.busy, timeout=20_000)
    pick(begun, "starter")
    assert preferences.without_model() == "starter"


def test_an_own_model_takes_over_and_the_user_may_choose_the_starter_instead(begun, starter, project, qtbot) -> None:
    desk = begun.desk
    starter.add_run(project, "0001-inter", "interactive")
    desk.runs.refresh()
    qtbot.waitUntil(lambda: desk.answerer.run is not None, timeout=20_000)
    assert offered(begun) == ["Own model, run 0001", "Starter (3D)", "Contrast (one slice)"]
    assert desk.answerer.by == "own"
    desk.case.add_click((6, 10, 8), True)
    answered(begun, qtbot)
    assert desk.case.source.startswith("run 0001")
    pick(begun, "starter")
    desk.case.add_click((7, 10, 8), True)
    answered(begun, qtbot)
    assert desk.case.source == "answered by the starter"
    assert len(starter_asked(starter)) == 2, "the new one hears all that was said"
    assert "Your own model still predicts" in begun.annotate.source.text()
    assert begun.annotate.predict.isEnabled()
    desk.use_run(desk.answerer.run)
    assert desk.answerer.by == "own"


def starter_asked(engine) -> tuple:
    return type(engine.starter_session()).asked[-1]


def test_where_its_weights_are_missing_the_starter_is_not_offered(opened, qtbot) -> None:
    qtbot.waitUntil(lambda: bool(opened.desk.device), timeout=20_000)
    assert offered(opened) == ["Contrast (one slice)"]
    assert opened.desk.answerer.by == "contrast"


def test_what_was_chosen_stands_beside_what_was_chosen_before() -> None:
    preferences.remember("contrast")
    preferences.remember_learning(False)
    assert preferences.without_model() == "contrast"
    assert not preferences.starter_learns()
    preferences.remember("starter")
    assert not preferences.starter_learns()


@pytest.mark.parametrize("content", ["", "[]", '{"answers_without_a_model": 7}'])
def test_damaged_preferences_are_no_harm(content: str) -> None:
    path = preferences._file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    assert preferences.without_model() == "starter"

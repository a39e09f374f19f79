"""The starter learns from completed patients beside the work."""

from __future__ import annotations

import pytest

from napari_progseg.gui import preferences


@pytest.fixture
def starter(engine):
    """Let the starter's weights be there."""
    engine.starter = True


@pytest.fixture
def begun(starter, opened, qtbot):
    """The dock with a case open, three patients completed, and the starter ready to answer."""
    qtbot.waitUntil(lambda: bool(opened.desk.device), timeout=20_000)
    rest(opened, qtbot)
    return opened


def rest(dock, qtbot) -> None:
    qtbot.waitUntil(lambda: not dock.annotate.lessons.at_work, timeout=20_000)
    qtbot.waitUntil(lambda: not dock.desk.answerer.answering, timeout=20_000)


def test_it_learns_what_is_completed_and_says_from_how_many(begun, engine) -> None:
    assert engine.lessons == [3]
    assert "learned from 3 patients" in begun.annotate.source.text()
    assert set(begun.desk.answerer.learned) == {1}


def test_a_patient_completed_now_is_learned_once(begun, engine, qtbot) -> None:
    begun.desk.open_case("case-3")
    qtbot.waitUntil(lambda: begun.desk.case is not None and begun.desk.case.id == "case-3", timeout=20_000)
    begun.desk.case.add_click((6, 10, 8), True)
    rest(begun, qtbot)
    assert set(engine.known) == {1}, "the next patient is answered with what was learned"
    assert begun.desk.accept()
    begun.desk.complete_case()
    qtbot.waitUntil(lambda: "learned from 4 patients" in begun.annotate.source.text(), timeout=20_000)
    rest(begun, qtbot)
    assert engine.lessons == [3, 4]


def test_switched_off_the_starter_answers_as_it_came_and_that_is_remembered(begun, engine, qtbot) -> None:
    begun.annotate.learns.setChecked(False)
    assert begun.desk.answerer.learned == {}
    assert "learned" not in begun.annotate.source.text()
    assert not preferences.starter_learns()
    begun.annotate.learns.setChecked(True)
    rest(begun, qtbot)
    assert set(begun.desk.answerer.learned) == {1}
    assert preferences.starter_learns()


def test_where_contrast_answers_nothing_is_to_be_learned(begun) -> None:
    begun.desk.answerer.choose("contrast")
    assert not begun.annotate.learns.isEnabled()
    assert "learned" not in begun.annotate.source.text()


@pytest.fixture
def distrusted(engine):
    """Let nothing that is learned be trusted."""
    engine.distrusted = True


def test_a_structure_that_the_starter_marks_better_is_named(distrusted, begun) -> None:
    name = begun.desk.project.classes[0].name
    assert f"for {name} it answers as it came" in begun.annotate.source.text()

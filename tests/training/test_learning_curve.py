"""Dice from patient to patient, with learning and without."""

from __future__ import annotations

from typing import Any

import pytest

from napari_progseg.inference.cases import ReferenceCase
from napari_progseg.training.accepted import AcceptedRecipe
from napari_progseg.training.learning_curve import LearningReport, LearningStarter, evaluate_learning

from .accepting import BALL, learn_in_small_windows, patient, small_starter

RECIPE = AcceptedRecipe(windows=4, steps=40, rate=0.02)


@pytest.fixture(scope="module")
def cases() -> list[ReferenceCase]:
    names = ("patient001_frame01", "patient001_frame12", "patient002_frame01", "patient003_frame01")
    return [patient(name, 16 + 2 * number) for number, name in enumerate(names)]


@pytest.fixture(scope="module")
def report(cases: list[ReferenceCase]) -> LearningReport:
    with pytest.MonkeyPatch.context() as patch:
        learn_in_small_windows(patch)
        return evaluate_learning(small_starter(), cases, [BALL], counts=(1, 2), recipe=RECIPE)


def test_of_a_person_one_case_is_taken(report: LearningReport) -> None:
    taken = ["patient001_frame01", "patient002_frame01", "patient003_frame01"]
    assert [score.case for score in report.learning.scores] == taken
    assert [lesson.case for lesson in report.lessons] == taken


def test_the_first_case_is_answered_by_the_starter_and_later_ones_better(report: LearningReport) -> None:
    alone, learning = report.without.scores, report.learning.scores
    assert learning[0].dice == alone[0].dice
    assert learning[-1].dice[0] > alone[-1].dice[0] + 0.2
    without, taught = report.means(2)
    assert without == pytest.approx((alone[1].dice[1] + alone[2].dice[1]) / 2)
    assert taught == pytest.approx((learning[1].dice[1] + learning[2].dice[1]) / 2)


def test_the_document_tells_every_turn(report: LearningReport) -> None:
    document: dict[str, Any] = report.to_json()
    turn = document["cases"][1]
    assert turn["case"] == "patient002_frame01"
    assert set(turn["structures"]["ball"]) == {"without", "learning", "trusted_afterwards"}
    assert turn["structures"]["ball"]["learning"]["1"] == report.learning.scores[1].dice[0]
    assert document["from_second_case"]["2"] == dict(zip(("without", "learning"), report.means(2), strict=True))
    assert document["seconds_a_lesson"]["most"] > 0


def test_what_marks_worse_does_not_answer(cases: list[ReferenceCase], monkeypatch: pytest.MonkeyPatch) -> None:
    starter = small_starter()
    spoiled = LearningStarter(starter, AcceptedRecipe(windows=2, steps=1))
    monkeypatch.setattr("napari_progseg.training.learned._mean", _falling())
    spoiled.accept(cases[0], BALL)
    spoiled.set_image(cases[1].volume())
    assert not spoiled.lessons[0].trusted
    assert spoiled._session._learned == {}


def _falling() -> Any:
    scores = iter([0.5, 0.4])
    return lambda report: next(scores)

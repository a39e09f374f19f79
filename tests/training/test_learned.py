"""What was learned of a structure, patient after patient, and whether it may answer."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_progseg.training.accepted import AcceptedRecipe
from napari_progseg.training.learned import Comparison, Learned, finish, learn_case

from .accepting import BALL, QUICK, compare_nothing, learn_in_small_windows, patient, small_starter

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    learn_in_small_windows(monkeypatch)


@pytest.fixture
def uncompared(monkeypatch: pytest.MonkeyPatch) -> None:
    compare_nothing(monkeypatch)


def learned_of(*comparisons: tuple[float, float, bool]) -> Learned:
    network = small_starter().network
    told = [Comparison(f"{n}", starter, learned, held) for n, (starter, learned, held) in enumerate(comparisons)]
    return Learned((), network, tuple(told))


def test_the_first_patient_is_compared_after_it_was_learned_later_ones_before(uncompared: None) -> None:
    starter = small_starter()
    first = finish(learn_case(starter, None, patient("a"), BALL, QUICK))
    second = finish(learn_case(starter, first, patient("b", 22), BALL, QUICK))
    assert [each.held_out for each in first.comparisons] == [False]
    assert [(each.patient, each.held_out) for each in second.comparisons] == [("a", False), ("b", True)]
    assert [each.patient for each in second.patients] == ["a", "b"]
    assert len(first.patients) == 1, "what was known before stays as it is"


def test_only_the_newest_patients_are_kept_to_learn_from(uncompared: None) -> None:
    recipe, known = AcceptedRecipe(windows=2, patients=2, steps=1, batch=1, pool=1), None
    for number in range(3):
        known = finish(learn_case(small_starter(), known, patient(f"{number}", 16 + number), BALL, recipe))
    assert known is not None
    assert [each.patient for each in known.patients] == ["1", "2"]
    assert len(known.comparisons) == 3


def test_it_may_be_paused_after_each_step(uncompared: None) -> None:
    rests: list[None] = []
    finish(learn_case(small_starter(), None, patient("a"), BALL, QUICK), lambda: rests.append(None))
    assert len(rests) == 1 + QUICK.steps


@pytest.mark.parametrize(
    ("comparisons", "trusted"),
    [
        ([(0.5, 0.6, False)], True),
        ([(0.6, 0.5, False)], False),
        ([(0.5, 0.9, False), (0.6, 0.5, True)], False),
        ([(0.9, 0.5, False), (0.5, 0.6, True)], True),
        ([(0.5, 0.6, True), (0.5, 0.4, True), (0.5, 0.65, True)], True),
        ([(0.1, 0.9, True), (0.5, 0.4, True), (0.5, 0.5, True), (0.5, 0.5, True)], False),
    ],
)
def test_what_was_learned_answers_where_it_is_no_worse_on_the_newest_held_out_patients(
    comparisons: list[tuple[float, float, bool]], trusted: bool
) -> None:
    assert learned_of(*comparisons).trusted == trusted


def test_windows_of_a_bare_click_are_supposed_to_be_as_large_as_the_structure_was(uncompared: None) -> None:
    known = finish(learn_case(small_starter(), None, patient("a"), BALL, QUICK))
    usual = known.structure_model(torch.device("cpu")).usual
    assert usual.side_mm == pytest.approx(1.6 * 18)
    assert usual.spread < 0.5


def test_a_comparison_is_the_dice_of_whole_volumes_by_both() -> None:
    starter = small_starter()
    known = finish(learn_case(starter, None, patient("a"), BALL, AcceptedRecipe(windows=4, steps=40, rate=0.02)))
    (compared,) = known.comparisons
    assert np.isfinite([compared.starter, compared.learned]).all()
    assert compared.learned > compared.starter + 0.2
    assert known.trusted

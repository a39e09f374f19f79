"""Dice after simulated gestures in whole volumes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from napari_progseg.errors import UserError
from napari_progseg.guidance.drags import DragPrompt
from napari_progseg.guidance.prompts import Prompt, click_of
from napari_progseg.inference.answer import Answer
from napari_progseg.inference.cases import ReferenceCase
from napari_progseg.inference.gestures import GestureReport, StructureScore, evaluate_gestures
from napari_progseg.volume import LabelClass, LabelMap, Volume

SHAPE = (6, 20, 20)
BONE, TUMOUR = LabelClass("bone", (1,)), LabelClass("tumour", (2,))


class Painter:
    """Marks a square of 7 × 7 voxels in the slice of each inside click, and takes one away for each outside click."""

    def __init__(self) -> None:
        self.asked: list[tuple[Prompt, ...]] = []
        self.started: list[Any] = []

    def set_image(self, volume: Volume) -> None:
        self.volume = volume

    def answer(self, prompts: Sequence[Prompt], revision: int, current: Any = None) -> Answer:
        self.asked.append(tuple(prompts))
        self.started.append(current)
        click = click_of(prompts[-1])
        z, y, x = click.voxel_zyx
        region = (slice(z, z + 1), slice(max(0, y - 3), y + 4), slice(max(0, x - 3), x + 4))
        return Answer(revision, ((region, np.full_like(current[region], click.label if click.inside else 0)),), 0.1)


class Truth(Painter):
    """Marks what is right at once."""

    def __init__(self, labels: Any) -> None:
        super().__init__()
        self._labels = labels

    def answer(self, prompts: Sequence[Prompt], revision: int, current: Any = None) -> Answer:
        super().answer(prompts, revision, current)
        value = click_of(prompts[-1]).label
        return Answer(revision, (((slice(None),) * 3, np.where(self._labels == value, value, 0).astype(np.uint16)),), 0)


@pytest.fixture
def case_of(volume_of: Callable[..., Volume]) -> Callable[..., ReferenceCase]:
    def build(labels: Any, name: str = "a") -> ReferenceCase:
        volume = volume_of(np.zeros(SHAPE, np.int16), (10.0, 1.0, 1.0))
        return ReferenceCase(name, lambda: volume, lambda: LabelMap(labels, volume.geometry))

    return build


def labels_of(**blocks: tuple[slice, slice, slice]) -> Any:
    labels = np.zeros(SHAPE, np.uint8)
    for name, block in blocks.items():
        labels[block] = {"bone": 1, "tumour": 2}[name]
    return labels


# three thick slices of 7 x 7 voxels: the painter needs a click in the middle of each
BLOCK = (slice(1, 4), slice(4, 11), slice(4, 11))


def test_dice_after_each_number_of_gestures_is_that_of_the_mask(case_of: Callable[..., ReferenceCase]) -> None:
    report = evaluate_gestures(Painter(), [case_of(labels_of(bone=BLOCK))], [BONE], counts=(1, 2, 3))
    (score,) = report.scores
    np.testing.assert_allclose(score.dice, [0.5, 0.8, 1.0])
    assert [report.mean(count) for count in (1, 2, 3)] == list(score.dice)
    assert len(score.seconds) == 3


def test_where_nothing_is_left_to_click_the_last_dice_stands(case_of: Callable[..., ReferenceCase]) -> None:
    labels = labels_of(bone=BLOCK)
    answers = Truth(labels)
    report = evaluate_gestures(answers, [case_of(labels)], [BONE], counts=(1, 10))
    assert report.scores[0].dice == (1.0,) * 10
    assert len(answers.asked) == 1


def test_prompts_grow_one_by_one_on_the_mask_that_stands(case_of: Callable[..., ReferenceCase]) -> None:
    answers = Painter()
    evaluate_gestures(answers, [case_of(labels_of(bone=BLOCK))], [BONE], counts=(3,))
    assert [len(asked) for asked in answers.asked] == [1, 2, 3]
    assert answers.asked[2][:2] == answers.asked[1]
    assert [int((mask == 1).sum()) for mask in answers.started] == [0, 49, 98]


def test_each_structure_begins_with_an_empty_mask(case_of: Callable[..., ReferenceCase]) -> None:
    labels = labels_of(bone=BLOCK, tumour=(slice(1, 2), slice(13, 20), slice(13, 20)))
    answers = Painter()
    report = evaluate_gestures(answers, [case_of(labels)], [BONE, TUMOUR], counts=(1,))
    assert [score.structure for score in report.scores] == ["bone", "tumour"]
    assert not answers.started[1].any()
    assert answers.asked[1][0].label == 2


@pytest.mark.parametrize("gesture", ["click", "drag"])
def test_only_the_first_gesture_is_a_drag(case_of: Callable[..., ReferenceCase], gesture: Any) -> None:
    answers = Painter()
    evaluate_gestures(answers, [case_of(labels_of(bone=BLOCK))], [BONE], counts=(3,), gesture=gesture)
    drags = [isinstance(prompt, DragPrompt) for prompt in answers.asked[-1]]
    assert drags == [gesture == "drag", False, False]


def test_one_seed_draws_one_set_of_drags(case_of: Callable[..., ReferenceCase]) -> None:
    def first_reach(seed: int) -> float:
        answers = Painter()
        evaluate_gestures(answers, [case_of(labels_of(bone=BLOCK))], [BONE], counts=(1,), gesture="drag", seed=seed)
        (drag,) = answers.asked[0]
        assert isinstance(drag, DragPrompt)
        return drag.reach_mm

    assert first_reach(1) == first_reach(1)
    assert first_reach(1) != first_reach(2)


def test_a_case_without_the_structure_is_no_part_of_the_mean(case_of: Callable[..., ReferenceCase]) -> None:
    cases = [case_of(labels_of(bone=BLOCK)), case_of(labels_of(tumour=BLOCK), "b")]
    report = evaluate_gestures(Painter(), cases, [BONE], counts=(1,))
    assert [score.case for score in report.scores] == ["a"]
    assert report.mean(1) == pytest.approx(0.5)


def test_progress_is_told_after_each_case(case_of: Callable[..., ReferenceCase]) -> None:
    told: list[float] = []
    cases = [case_of(labels_of(bone=BLOCK)), case_of(labels_of(bone=BLOCK), "b")]
    evaluate_gestures(Painter(), cases, [BONE], counts=(1,), progress=told.append)
    assert told == [0.5, 1.0]


def test_the_mean_is_that_of_cases_whatever_number_of_structures_they_have() -> None:
    scores = [("a", "bone", 0.2), ("a", "tumour", 0.4), ("b", "bone", 0.9)]
    report = GestureReport(tuple(StructureScore(c, s, (d,), (1.0,)) for c, s, d in scores), (1,), "click")
    assert report.mean(1) == pytest.approx((0.3 + 0.9) / 2)
    assert GestureReport((), (1,), "click").mean(1) is None


def test_the_document_holds_means_and_each_structure() -> None:
    scores = (StructureScore("a", "bone", (0.25, 0.5, 0.75), (1.0, 2.0, 3.0)),)
    assert GestureReport(scores, (1, 3), "drag").to_json() == {
        "gesture": "drag",
        "clicks_are_given_per": "structure of a volume",
        "mean_dice": 0.25,
        "clicks": {"1": 0.25, "3": 0.75},
        "seconds_an_answer": {"median": 2.0, "p95": pytest.approx(2.9)},
        "cases": [{"case": "a", "structures": {"bone": {"1": 0.25, "3": 0.75}}}],
    }


def test_a_structure_that_no_case_holds_is_no_measurement(case_of: Callable[..., ReferenceCase]) -> None:
    with pytest.raises(UserError, match=r"no case holds tumour \(value 2\); nothing was evaluated"):
        evaluate_gestures(Painter(), [case_of(labels_of(bone=BLOCK))], [TUMOUR], counts=(1,))


@pytest.mark.parametrize("counts", [(), (0, 1)])
def test_no_gesture_at_all_is_refused(case_of: Callable[..., ReferenceCase], counts: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match="marks nothing without one; nothing was evaluated"):
        evaluate_gestures(Painter(), [case_of(labels_of(bone=BLOCK))], [BONE], counts=counts)


def test_whoever_learns_is_told_of_each_structure_once_its_gestures_are_over(
    case_of: Callable[..., ReferenceCase],
) -> None:
    labels = labels_of(bone=BLOCK, tumour=(slice(0, 1), slice(0, 7), slice(0, 7)))
    painter, told = Painter(), []
    cases = [case_of(labels, "a"), case_of(labels_of(bone=BLOCK), "b")]
    evaluate_gestures(
        painter,
        cases,
        [BONE, TUMOUR],
        counts=(2,),
        accepted=lambda case, each: told.append((case.id, each.name, len(painter.asked))),
    )
    assert told == [("a", "bone", 2), ("a", "tumour", 3), ("b", "bone", 5)]

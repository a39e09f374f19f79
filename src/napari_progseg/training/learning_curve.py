"""Dice from patient to patient while the starter learns from each that was accepted, and without that."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.persons import one_each
from ..guidance.gestures import Gesture
from ..guidance.prompts import Prompt
from ..inference.answer import Answer
from ..inference.cases import ReferenceCase
from ..inference.click_model import ClickModel
from ..inference.gestures import GestureReport, evaluate_gestures
from ..inference.starter import StarterSession
from ..volume import LabelClass, Volume
from .accepted import AcceptedRecipe
from .learned import Learned, finish, learn_case
from .learned_project import trusted_models


@dataclass(frozen=True)
class Lesson:
    """One structure of one patient that was learned from.

    Parameters
    ----------
    case, structure : str
        Names.
    trusted : bool
        Whether the learned copy answers from then on; otherwise the starter does.
    seconds : float
        How long it took.
    """

    case: str
    structure: str
    trusted: bool
    seconds: float


class LearningStarter:
    """Answers gestures like the starter, and learns each structure from the patients in which it was accepted.

    Parameters
    ----------
    starter : ClickModel
        What it begins with; left as it is.
    recipe : AcceptedRecipe
        How it learns.
    seed : int
        Draws windows, clicks and batches.
    """

    def __init__(self, starter: ClickModel, recipe: AcceptedRecipe | None = None, seed: int = 0) -> None:
        self._starter, self._recipe, self._seed = starter, recipe or AcceptedRecipe(), seed
        self._session = StarterSession(starter)
        self._learned: dict[int, Learned] = {}
        self.lessons: list[Lesson] = []

    def set_image(self, volume: Volume) -> None:
        """Take a scan in hand, with all that was learned so far."""
        self._session = StarterSession(self._starter, trusted_models(self._learned, self._starter))
        self._session.set_image(volume)

    def answer(self, prompts: Sequence[Prompt], revision: int, current: NDArray[Any] | None = None) -> Answer:
        """Answer all prompts given so far."""
        return self._session.answer(prompts, revision, current)

    def accept(self, case: ReferenceCase, structure: LabelClass) -> None:
        """Learn a structure from the labels of a case."""
        began, known = time.perf_counter(), self._learned.get(structure.value)
        learned = finish(learn_case(self._starter, known, case, structure, self._recipe, self._seed))
        self._learned[structure.value] = learned
        seconds = time.perf_counter() - began
        self.lessons.append(Lesson(case.id, structure.name, trusted=learned.trusted, seconds=seconds))


@dataclass(frozen=True)
class LearningReport:
    """What learning from accepted patients brings.

    Parameters
    ----------
    without, learning : GestureReport
        The same cases in the same order by the starter alone, and by one that learns from each.
    lessons : tuple of Lesson
        One for each structure of each case, in order.
    """

    without: GestureReport
    learning: GestureReport
    lessons: tuple[Lesson, ...]

    def means(self, count: int) -> tuple[float | None, float | None]:
        """Mean Dice of all cases but the first, by the starter alone and by the one that learns."""
        return self.without.mean(count, first=1), self.learning.mean(count, first=1)

    def to_json(self) -> dict[str, Any]:
        """Return the document that ``progseg evaluate starter --learn`` writes; cases in the order of their turns."""
        counts = self.learning.counts
        alone = self.without.by_case
        trusted = {(lesson.case, lesson.structure): lesson.trusted for lesson in self.lessons}
        seconds = [lesson.seconds for lesson in self.lessons]
        return {
            "gesture": self.learning.gesture,
            "clicks_are_given_per": "structure of a volume",
            "clicks": {str(count): self.learning.mean(count) for count in counts},
            "from_second_case": {
                str(count): dict(zip(("without", "learning"), self.means(count), strict=True)) for count in counts
            },
            "seconds_a_lesson": {"median": float(np.median(seconds)), "most": max(seconds)},
            "cases": [
                {
                    "case": case,
                    "structures": {
                        name: {
                            "without": self.without.by_count(alone[case][name]),
                            "learning": self.learning.by_count(dice),
                            "trusted_afterwards": trusted[case, name],
                        }
                        for name, dice in structures.items()
                    },
                }
                for case, structures in self.learning.by_case.items()
            ],
        }


def evaluate_learning(
    starter: ClickModel,
    cases: Sequence[ReferenceCase],
    classes: Sequence[LabelClass],
    *,
    counts: Sequence[int] = (1, 3, 5, 10),
    gesture: Gesture = "click",
    seed: int = 0,
    recipe: AcceptedRecipe | None = None,
    progress: Callable[[float], None] | None = None,
) -> LearningReport:
    """Measure what it brings that the starter learns each structure from case to case.

    The simulated user marks a structure with so many gestures, accepts the reference, and goes on. Of a person only the
    first case is taken.

    Parameters
    ----------
    counts, gesture, seed, progress
        See `inference.gestures.evaluate_gestures`; the seed draws also what is learned from.
    recipe : AcceptedRecipe or None
        How it learns.
    """
    chosen = {case.id: case for case in cases}
    ordered = [chosen[case] for case in one_each(chosen)]
    told = progress or (lambda fraction: None)
    measure = partial(evaluate_gestures, cases=ordered, classes=classes, counts=counts, gesture=gesture, seed=seed)
    without = measure(StarterSession(starter), progress=lambda part: told(part / 4))
    pupil = LearningStarter(starter, recipe, seed)
    learning = measure(pupil, accepted=pupil.accept, progress=lambda part: told((1 + 3 * part) / 4))
    return LearningReport(without, learning, tuple(pupil.lessons))

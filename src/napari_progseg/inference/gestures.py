"""Dice after simulated gestures in whole volumes, whoever answers them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..evaluation.metrics import mean_of
from ..guidance.gestures import Gesture, first_gesture, next_click
from ..guidance.prompts import Prompt
from ..volume import LabelClass, Volume
from .answer import Answer
from .cases import ReferenceCase

Labels = NDArray[np.unsignedinteger]


class Answers(Protocol):
    """What answers gestures, such as `starter.StarterSession` and `without_model.ClicksAlone`."""

    def set_image(self, volume: Volume) -> None:
        """Take a scan in hand."""

    def answer(self, prompts: Sequence[Prompt], revision: int, current: Labels | None = None) -> Answer:
        """Answer all prompts given so far."""


@dataclass(frozen=True)
class StructureScore:
    """How one structure of one case went.

    Parameters
    ----------
    case, structure : str
        Names.
    dice : tuple of float
        After 1, 2, … gestures; the last one stands where nothing was left to click.
    seconds : tuple of float
        What each answer took.
    """

    case: str
    structure: str
    dice: tuple[float, ...]
    seconds: tuple[float, ...]


@dataclass(frozen=True)
class GestureReport:
    """What an evaluation found.

    Parameters
    ----------
    scores : tuple of StructureScore
        One for each structure of each case that holds it.
    counts : tuple of int
        Numbers of gestures asked for, ascending.
    gesture : {"click", "drag"}
        The first gesture of a structure; all others are clicks.
    """

    scores: tuple[StructureScore, ...]
    counts: tuple[int, ...]
    gesture: Gesture

    @property
    def by_case(self) -> dict[str, dict[str, tuple[float, ...]]]:
        """Dice after 1, 2, … gestures by structure, by case; cases in the order in which they were measured."""
        cases: dict[str, dict[str, tuple[float, ...]]] = {}
        for score in self.scores:
            cases.setdefault(score.case, {})[score.structure] = score.dice
        return cases

    def mean(self, count: int, *, first: int = 0) -> float | None:
        """Mean Dice over the structures of each case, then over cases, from the case of a number (from 0) on."""
        cases = list(self.by_case.values())[first:]
        return mean_of(mean_of(dice[count - 1] for dice in structures.values()) for structures in cases)

    def to_json(self) -> dict[str, Any]:
        """Return the document that ``progseg evaluate starter`` writes."""
        seconds = [each for score in self.scores for each in score.seconds]
        return {
            "gesture": self.gesture,
            "clicks_are_given_per": "structure of a volume",
            "mean_dice": self.mean(self.counts[0]),
            "clicks": {str(count): self.mean(count) for count in self.counts},
            "seconds_an_answer": {
                "median": float(np.median(seconds)) if seconds else None,
                "p95": float(np.percentile(seconds, 95)) if seconds else None,
            },
            "cases": [
                {"case": case, "structures": {name: self.by_count(dice) for name, dice in structures.items()}}
                for case, structures in self.by_case.items()
            ],
        }

    def by_count(self, dice: Sequence[float]) -> dict[str, float]:
        """Return those of the Dice after 1, 2, … gestures that were asked for, by number of gestures."""
        return {str(count): dice[count - 1] for count in self.counts}


def evaluate_gestures(
    answers: Answers,
    cases: Sequence[ReferenceCase],
    classes: Sequence[LabelClass],
    *,
    counts: Sequence[int] = (1, 3, 5, 10),
    gesture: Gesture = "click",
    seed: int = 0,
    accepted: Callable[[ReferenceCase, LabelClass], None] | None = None,
    progress: Callable[[float], None] | None = None,
) -> GestureReport:
    """Measure whoever answers on cases with references, structure by structure, each from an empty mask.

    Parameters
    ----------
    counts : sequence of int
        Numbers of gestures a volume and structure, from 1.
    gesture : {"click", "drag"}
        What begins a structure, see `guidance.gestures.first_gesture`.
    seed : int
        Draws how wrong drags are.
    accepted : callable or None
        Told of each structure of a case once it has had all its gestures and its reference is known, as when a user
        accepts the mended mask.

    Raises
    ------
    UserError
        If `counts` names a number below 1, or no case holds any of the structures.
    """
    if not counts or min(counts) < 1:
        raise UserError(
            f"{tuple(counts)} are no numbers of clicks for the starter, which marks nothing without one; nothing was "
            "evaluated; write for instance 1,3,5,10"
        )
    ordered = tuple(sorted(set(counts)))
    generator = np.random.default_rng(seed)
    scores: list[StructureScore] = []
    for number, case in enumerate(cases):
        volume, reference = case.volume(), case.labels().labels
        for each in classes:
            wanted = reference == each.value
            if wanted.any():
                steps = list(_steps(answers, volume, wanted, each.value, ordered[-1], gesture, generator))
                dice, seconds = zip(*steps, strict=True)
                filled = dice + dice[-1:] * (ordered[-1] - len(dice))
                scores.append(StructureScore(case.id, each.name, filled, seconds))
                if accepted is not None:
                    accepted(case, each)
        if progress is not None:
            progress((number + 1) / len(cases))
    if not scores:
        names = ", ".join(f"{each.name} (value {each.value})" for each in classes)
        raise UserError(f"no case holds {names}; nothing was evaluated; check the values that the labels have")
    return GestureReport(tuple(scores), ordered, gesture)


def _steps(
    answers: Answers,
    volume: Volume,
    wanted: NDArray[np.bool_],
    value: int,
    most: int,
    gesture: Gesture,
    generator: np.random.Generator,
) -> Iterator[tuple[float, float]]:
    """Yield Dice and seconds after each gesture."""
    answers.set_image(volume)
    spacing = volume.geometry.spacing_zyx_mm
    labels = np.zeros(wanted.shape, np.uint16)
    prompts: list[Prompt] = []
    for number in range(most):
        prompt = (
            next_click(labels == value, wanted, spacing, value)
            if number
            else first_gesture(wanted, spacing, value, gesture, generator)
        )
        if prompt is None:
            return
        prompts.append(prompt)
        began = time.perf_counter()
        for region, patch in answers.answer(prompts, number, labels.copy()).patches:
            labels[region] = patch
        marked = labels == value
        overlap = 2 * float((marked & wanted).sum()) / float(marked.sum() + wanted.sum())
        yield overlap, time.perf_counter() - began

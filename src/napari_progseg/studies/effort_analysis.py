"""Clicks, strokes and patients until a Dice is reached, from the lines of the annotation-effort study."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..evaluation.crossed import CrossedInterval, crossed_interval
from .analysis import by_place
from .annotator import USUAL, Costs
from .patients import Patient
from .rows import Row


@dataclass(frozen=True)
class Walk:
    """What one group and seed did.

    Parameters
    ----------
    patients : tuple of Patient
        First to last.
    dice : dict of int to float
        Mean automatic Dice on the test cases, by the number of patients behind it, ascending.
    costs : Costs
        Seconds that a click and a painted slice count for.
    """

    group: str
    seed: int
    patients: tuple[Patient, ...]
    dice: Mapping[int, float]
    costs: Costs

    def clicks(self, count: int) -> int:
        """Return the clicks on the first so many patients."""
        return sum(patient.clicks for patient in self.patients[:count])

    def strokes(self, count: int) -> int:
        """Return the strokes on the first so many patients."""
        return sum(patient.strokes for patient in self.patients[:count])

    def actions(self, count: int) -> int:
        """Return clicks and strokes on the first so many patients."""
        return self.clicks(count) + self.strokes(count)

    def seconds(self, count: int) -> float:
        """Return the seconds spent on the first so many patients."""
        return self.costs.seconds(self.clicks(count), self.strokes(count))

    def seconds_on(self, place: int) -> float:
        """Return the seconds spent on the patient of a place, from 1."""
        return self.seconds(place) - self.seconds(place - 1)

    def reached(self, goal: float) -> int | None:
        """Return the patients behind the first model that is not below the goal; None if there is none."""
        return next((count for count, dice in self.dice.items() if dice >= goal), None)

    def spent(self, goal: float) -> int:
        """Return the patients until the goal, all where it was not reached."""
        found = self.reached(goal)
        return len(self.patients) if found is None else found


Walks = Mapping[str, Mapping[int, Walk]]


def walks_of(rows: Iterable[Row], patients: Iterable[Patient], counts: Sequence[int], costs: Costs = USUAL) -> Walks:
    """Put together what is complete, by group and seed.

    Parameters
    ----------
    counts : sequence of int
        After so many patients a model is trained; a group and seed that lacks one of them, or a patient, is left out.
    """
    placed, labelled = by_place(rows), {(each.group, each.seed, each.place): each for each in patients}
    wanted = sorted(set(counts))
    found: dict[str, dict[int, Walk]] = {}
    for group, seed in dict.fromkeys((group, seed) for group, _, seed in placed):
        own = [labelled.get((group, seed, place)) for place in range(1, wanted[-1] + 1)]
        there = tuple(each for each in own if each is not None)
        scored = {count: placed[group, count, seed] for count in wanted if (group, count, seed) in placed}
        if len(there) == len(own) and len(scored) == len(wanted):
            dice = {count: row.mean("0") or 0.0 for count, row in scored.items()}
            found.setdefault(group, {})[seed] = Walk(group, seed, there, dice, costs)
    return found


@dataclass(frozen=True)
class Reached:
    """What a group needed to reach the goal.

    Parameters
    ----------
    patients, clicks, strokes, actions, seconds : float or None
        Medians over seeds, those that did not reach it counting as later than all others; None: most did not.
    mean_patients, mean_actions, mean_seconds : CrossedInterval
        Means over seeds, which are resampled; those that did not reach it count with all they took.
    reached, seeds : int
        Seeds that reached it, of how many.
    """

    group: str
    patients: float | None
    clicks: float | None
    strokes: float | None
    actions: float | None
    seconds: float | None
    mean_patients: CrossedInterval
    mean_actions: CrossedInterval
    mean_seconds: CrossedInterval
    reached: int
    seeds: int


def reached(walks: Walks, goal: float, rng: np.random.Generator) -> tuple[Reached, ...]:
    """Say what each group needed until the mean test Dice first reached the goal."""
    return tuple(_reached(group, list(each.values()), goal, rng) for group, each in walks.items())


def _reached(group: str, walks: Sequence[Walk], goal: float, rng: np.random.Generator) -> Reached:
    there = [(walk, count) for walk in walks if (count := walk.reached(goal)) is not None]

    def median(pick: Callable[[Walk, int], float]) -> float | None:
        found = statistics.median([*(pick(*each) for each in there), *[math.inf] * (len(walks) - len(there))])
        return found if math.isfinite(found) else None

    return Reached(
        group,
        median(lambda walk, count: count),
        median(Walk.clicks),
        median(Walk.strokes),
        median(Walk.actions),
        median(Walk.seconds),
        over_seeds(rng, [walk.spent(goal) for walk in walks]),
        over_seeds(rng, [walk.actions(walk.spent(goal)) for walk in walks]),
        over_seeds(rng, [walk.seconds(walk.spent(goal)) for walk in walks]),
        len(there),
        len(walks),
    )


@dataclass(frozen=True)
class EffortDifference:
    """A difference of effort, paired by seed.

    Parameters
    ----------
    what : str
        What is counted.
    missed : tuple of int
        Seeds of the first and of the second group that did not reach the goal and count with all they took, which is
        less than they need.
    """

    name: str
    what: str
    interval: CrossedInterval
    missed: tuple[int, int]

    @property
    def verdict(self) -> str:
        """Say whether the first takes more (``above``) or less (``below``); ``open`` also where a miss may make it."""
        found = self.interval.verdict
        understated = {"below": self.missed[0], "above": self.missed[1]}
        return "open" if understated.get(found) else found


def effort_differences(
    walks: Walks, pairs: Sequence[tuple[str, str]], goal: float, rng: np.random.Generator
) -> tuple[EffortDifference, ...]:
    """Compare the effort of pairs of groups over the seeds that both have."""
    return tuple(
        difference
        for first, second in pairs
        for difference in _differences(first, second, walks.get(first, {}), walks.get(second, {}), goal, rng)
    )


def _differences(
    first: str,
    second: str,
    one: Mapping[int, Walk],
    other: Mapping[int, Walk],
    goal: float,
    rng: np.random.Generator,
) -> Iterator[EffortDifference]:
    pairs = [(one[seed], other[seed]) for seed in sorted(set(one) & set(other))]
    if not pairs:
        return
    first_missed, second_missed = (sum(pair[side].reached(goal) is None for pair in pairs) for side in (0, 1))
    missed = (first_missed, second_missed)
    measures: dict[str, tuple[Callable[[Walk], float], tuple[int, int]]] = {
        "patients to the goal": (lambda walk: walk.spent(goal), missed),
        "actions to the goal": (lambda walk: walk.actions(walk.spent(goal)), missed),
        "actions for all patients": (lambda walk: walk.actions(len(walk.patients)), (0, 0)),
        "seconds to the goal": (lambda walk: walk.seconds(walk.spent(goal)), missed),
        "seconds for all patients": (lambda walk: walk.seconds(len(walk.patients)), (0, 0)),
    }
    for what, (count, left) in measures.items():
        columns = [[count(pair[side]) for pair in pairs] for side in (0, 1)]
        yield EffortDifference(f"{first} - {second}", what, over_seeds(rng, *columns), left)


@dataclass(frozen=True)
class PatientEffort:
    """Mean seconds spent on the patient of a place; `place` counts from 1."""

    group: str
    place: int
    interval: CrossedInterval


def by_patient(walks: Walks, rng: np.random.Generator) -> tuple[PatientEffort, ...]:
    """Average what each further patient took, over seeds."""
    return tuple(
        PatientEffort(group, place, over_seeds(rng, [walk.seconds_on(place) for walk in each.values()]))
        for group, each in walks.items()
        for place in range(1, min(len(walk.patients) for walk in each.values()) + 1)
    )


def over_seeds(
    rng: np.random.Generator, first: Sequence[float], second: Sequence[float] | None = None
) -> CrossedInterval:
    """Average over seeds, or average the difference of two columns; seeds are resampled."""
    if second is None:
        return crossed_interval(np.array([first], dtype=np.float64)[:, :, None], rng)
    table = np.array([first, second], dtype=np.float64)[:, :, None]
    return crossed_interval(table, rng, contrast=lambda means: means[..., 0] - means[..., 1])

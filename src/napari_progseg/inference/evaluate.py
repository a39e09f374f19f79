"""Dice of a model on cases with references, without clicks and after simulated ones."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..data.persons import without
from ..errors import UserError
from ..evaluation.metrics import dice, mean_of
from ..guidance.clicks import Click
from ..guidance.robot import Per, Robot
from ..lineage import seen_cases
from ..volume import LabelClass, Volume
from .cases import ReferenceCase
from .model import TrainedModel, load_trained
from .predict import predict_volume
from .session import InteractiveSession

Labels = NDArray[np.unsignedinteger]
Scores = dict[str, float | None]


class ClickScore(NamedTuple):
    """The mask, (Z, Y, X), after so many rounds of simulated clicks, see `Robot`."""

    clicks: int
    labels: Labels


@dataclass(frozen=True)
class CaseResult:
    """Dice of one case.

    Parameters
    ----------
    dice : dict of int to Scores
        By class, after each number of clicks.
    emptied : dict of int to Scores
        The same with the slices emptied that hold none of a structure, which one click a slice gives away; always for 0
        clicks, too.
    """

    case: str
    dice: dict[int, Scores]
    emptied: dict[int, Scores]


@dataclass(frozen=True)
class EvaluationReport:
    """What an evaluation found.

    Parameters
    ----------
    cases : tuple of CaseResult
        Measured cases.
    left_out : tuple of str
        Cases the model was trained or validated on, and others of the same persons.
    counts : tuple of int
        Numbers of clicks, ascending.
    per : {"slice", "volume"}
        Whether so many clicks were given on each slice that holds the structure, or in the volume.
    dims : int
        Of the model, 2 or 3.
    step : int
        Optimiser steps behind the model that was measured.
    jitter_mm : float
        How far clicks may have lain off the place they aimed at.
    """

    cases: tuple[CaseResult, ...]
    left_out: tuple[str, ...]
    counts: tuple[int, ...]
    per: Per
    dims: int
    step: int = 0
    jitter_mm: float = 0.0

    def mean(self, count: int) -> float | None:
        """Mean Dice over classes, then cases, after `count` clicks."""
        return mean_of(mean_of(case.dice[count].values()) for case in self.cases)

    def mean_emptied(self, count: int) -> float | None:
        """Mean Dice after `count` clicks, with object-free slices emptied."""
        return mean_of(mean_of(case.emptied[count].values()) for case in self.cases)

    def to_json(self) -> dict[str, Any]:
        """Return the document ``progseg evaluate`` writes; ``mean_dice`` is that of the fewest clicks."""
        return {
            "mean_dice": self.mean(self.counts[0]),
            "clicks": {str(count): self.mean(count) for count in self.counts},
            "clicks_are_given_per": "slice that holds the structure" if self.per == "slice" else "volume",
            "clicks_miss_by_mm": self.jitter_mm,
            "object_free_slices_emptied": {str(count): self.mean_emptied(count) for count in self.counts},
            "cases": [
                {
                    "case": case.case,
                    "dice": case.dice[self.counts[0]],
                    "clicks": {str(count): scores for count, scores in case.dice.items()},
                    "object_free_slices_emptied": {str(count): case.emptied[count] for count in self.counts},
                }
                for case in self.cases
            ],
            "left_out": list(self.left_out),
            "step": self.step,
        }


def evaluate_run(
    run_dir: Path,
    cases: Sequence[ReferenceCase],
    *,
    clicks: Sequence[int] = (0, 1, 3, 5),
    device: str = "auto",
    elsewhere: bool = False,
    validated: bool = False,
    per: Per | None = None,
    jitter_mm: float = 0.0,
    seed: int = 0,
    progress: Callable[[float], None] | None = None,
) -> EvaluationReport:
    """Measure the best model of a run; cases of persons it was trained or validated on are listed and left out.

    Parameters
    ----------
    clicks : sequence of int
        Numbers of simulated clicks for interactive models; others are measured without clicks.
    elsewhere : bool
        The cases belong to another project than the run; where names are the same, the cases are not.
    validated : bool
        Measure cases that chose the best model, too, which flatters it.
    per : {"slice", "volume"} or None
        What a number of clicks is counted in; None: slices that hold the structure for 2D models, volumes for 3D ones.
    jitter_mm : float
        How far clicks may lie off the place they aim at.
    seed : int
        Draws, with the name of each case, how far they do.
    progress : callable or None
        Called with the fraction done, in (0, 1], several times a case; what it raises ends the evaluation.

    Raises
    ------
    UserError
        If `clicks` names no number, or one below 0, `jitter_mm` is negative, a 3D model was to be clicked slice by
        slice, or the run has no model.
    """
    if not clicks or min(clicks) < 0:
        raise UserError(
            f"{tuple(clicks)} are no numbers of clicks; nothing was evaluated; give at least one, such as clicks=(0, 1)"
        )
    if jitter_mm < 0:
        raise UserError(f"clicks cannot miss by {jitter_mm:g} mm; nothing was evaluated; give 0 or more")
    model = load_trained(run_dir, device)
    robot = robot_of(model, per, jitter_mm)
    own = {*model.config.train, *(() if validated else model.config.validation)}
    seen = set() if elsewhere else own | seen_cases(run_dir, validation=not validated)
    measured_ids = without((case.id for case in cases), seen)
    measured = [case for case in cases if case.id in measured_ids]
    counts = tuple(sorted(set(clicks))) if model.plan.task == "interactive" else (0,)
    results = []
    for number, case in enumerate(measured):
        parts = None if progress is None else _part(progress, number, len(measured))
        rng = np.random.default_rng([seed, zlib.crc32(case.id.encode())])
        results.append(evaluate_case(model, case, counts, parts, robot=robot, rng=rng))
    left_out = tuple(case.id for case in cases if case.id not in measured_ids)
    return EvaluationReport(tuple(results), left_out, counts, robot.per, model.plan.dims, model.step, jitter_mm)


def robot_of(model: TrainedModel, per: Per | None = None, jitter_mm: float = 0.0) -> Robot:
    """Return the simulated user of a model, who follows the rules of its training.

    Raises
    ------
    UserError
        If a 3D model was to be clicked slice by slice.
    """
    plan = model.plan
    if per == "slice" and plan.dims == 3:
        raise UserError(
            f"{model.name} is a 3D model, whose clicks speak of the volume; nothing was evaluated; "
            "count them per volume"
        )
    usual: Per = "slice" if plan.dims == 2 else "volume"
    return Robot(plan.dims, per or usual, plan.clicks.min_component, jitter_mm)


def evaluate_case(
    model: TrainedModel,
    case: ReferenceCase,
    counts: Sequence[int],
    progress: Callable[[float], None] | None = None,
    *,
    robot: Robot | None = None,
    rng: np.random.Generator | None = None,
) -> CaseResult:
    """Measure one case after each number of clicks; the usual robot of the model clicks if none is given."""
    told = progress or (lambda fraction: None)
    volume, reference = case.volume(), case.labels().labels
    parts = 1 + max(counts)
    automatic = predict_volume(model, volume, progress=_part(told, 0, parts)).labels
    result = CaseResult(case.id, {}, {})
    if 0 in counts:
        result.dice[0] = class_dice(automatic, reference, model.classes)
    result.emptied[0] = class_dice(emptied(automatic, reference, model.classes), reference, model.classes)
    for clicks, labels in simulated_clicks(model, volume, reference, automatic, max(counts), robot=robot, rng=rng):
        if clicks in counts:
            result.dice[clicks] = class_dice(labels, reference, model.classes)
            result.emptied[clicks] = class_dice(emptied(labels, reference, model.classes), reference, model.classes)
        told((clicks + 1) / parts)
    return result


def _part(progress: Callable[[float], None], number: int, parts: int) -> Callable[[float], None]:
    """Return what tells the fraction of part `number` (from 0) as that of all parts."""
    return lambda fraction: progress((number + fraction) / parts)


def class_dice(predicted: Labels, reference: Labels, classes: Sequence[LabelClass]) -> Scores:
    """Return Dice by class name; None is n/a (empty against empty)."""
    found = dice(predicted, reference, [each.value for each in classes])
    return {each.name: found[each.value] for each in classes}


def emptied(predicted: Labels, reference: Labels, classes: Sequence[LabelClass]) -> Labels:
    """Take a structure out of the slices where the reference has none of it: what 1 click a slice reveals anyway."""
    out = predicted.copy()
    for each in classes:
        free = ~(reference == each.value).any(axis=(1, 2))
        out[free] = np.where(out[free] == each.value, 0, out[free])
    return out


def simulated_clicks(
    model: TrainedModel,
    volume: Volume,
    reference: Labels,
    automatic: Labels,
    most: int,
    *,
    robot: Robot | None = None,
    rng: np.random.Generator | None = None,
) -> Iterator[ClickScore]:
    """Click like the paper's robot, one structure after the other, and yield the labels after 1, 2, ... `most` rounds.

    Parameters
    ----------
    reference, automatic : ndarray of label values, (Z, Y, X)
        Truth, and the mask to begin with.
    robot : Robot or None
        None: the usual one of the model.
    rng : numpy.random.Generator or None
        Draws how far clicks lie off the place they aim at; None where they do not.
    """
    if not most:
        return
    robot, rng = robot or robot_of(model), rng or np.random.default_rng(0)
    session = InteractiveSession(model)
    session.set_image(volume)
    labels = automatic.copy()
    clicks: list[Click] = []
    spacing = volume.geometry.spacing_zyx_mm
    for count in range(1, most + 1):
        for each in model.classes:
            clicks += robot.round(labels == each.value, reference == each.value, each.value, count, spacing, rng)
            for region, patch in session.answer(clicks, count, labels).patches:
                labels[region] = patch
        yield ClickScore(count, labels.copy())

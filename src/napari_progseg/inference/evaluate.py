"""Dice of a model on cases with references, without clicks and after simulated ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import UserError
from ..evaluation.metrics import dice, mean_of
from ..guidance.clicks import Click
from ..guidance.simulate import innermost_points, next_clicks
from ..lineage import seen_cases
from ..volume import LabelClass, Volume
from .cases import ReferenceCase
from .model import TrainedModel, load_trained
from .predict import predict_volume
from .session import InteractiveSession

Labels = NDArray[np.unsignedinteger]
Scores = dict[str, float | None]


class ClickScore(NamedTuple):
    """Dice per class after `clicks` simulated clicks (per slice in 2D, per volume in 3D)."""

    clicks: int
    labels: Labels


@dataclass(frozen=True)
class CaseResult:
    """Dice of one case: per number of clicks and class, and with object-free slices emptied (no clicks)."""

    case: str
    dice: dict[int, Scores]
    emptied: Scores


@dataclass(frozen=True)
class EvaluationReport:
    """What an evaluation found.

    Parameters
    ----------
    cases : tuple of CaseResult
        Measured cases.
    left_out : tuple of str
        Cases the model was trained or validated on.
    counts : tuple of int
        Numbers of clicks, ascending.
    dims : int
        2: simulated clicks are given on each slice that holds the structure; 3: per volume.
    step : int
        Optimiser steps behind the model that was measured.
    """

    cases: tuple[CaseResult, ...]
    left_out: tuple[str, ...]
    counts: tuple[int, ...]
    dims: int
    step: int = 0

    def mean(self, count: int) -> float | None:
        """Mean Dice over classes, then cases, after `count` clicks."""
        return mean_of(mean_of(case.dice[count].values()) for case in self.cases)

    def to_json(self) -> dict[str, Any]:
        """Return the document ``progseg evaluate`` writes; ``mean_dice`` is that of the fewest clicks."""
        return {
            "mean_dice": self.mean(self.counts[0]),
            "clicks": {str(count): self.mean(count) for count in self.counts},
            "clicks_are_given_per": "slice that holds the structure" if self.dims == 2 else "volume",
            "object_free_slices_emptied": mean_of(mean_of(case.emptied.values()) for case in self.cases),
            "cases": [
                {
                    "case": case.case,
                    "dice": case.dice[self.counts[0]],
                    "clicks": {str(count): scores for count, scores in case.dice.items()},
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
    progress: Callable[[float], None] | None = None,
) -> EvaluationReport:
    """Measure the best model of a run; cases it was trained or validated on are listed and left out.

    Parameters
    ----------
    clicks : sequence of int
        Numbers of simulated clicks for interactive models; others are measured without clicks.
    progress : callable or None
        Called with the fraction done, in (0, 1], several times a case; what it raises ends the evaluation.
    elsewhere : bool
        The cases belong to another project than the run; where names are the same, the cases are not.
    validated : bool
        Measure cases that chose the best model, too, which flatters it.

    Raises
    ------
    UserError
        If `clicks` names no number, or one below 0, or the run has no model.
    """
    if not clicks or min(clicks) < 0:
        raise UserError(
            f"{tuple(clicks)} are no numbers of clicks; nothing was evaluated; give at least one, such as clicks=(0, 1)"
        )
    model = load_trained(run_dir, device)
    own = {*model.config.train, *(() if validated else model.config.validation)}
    seen = set() if elsewhere else own | seen_cases(run_dir, validation=not validated)
    measured = [case for case in cases if case.id not in seen]
    counts = tuple(sorted(set(clicks))) if model.plan.task == "interactive" else (0,)
    results = []
    for number, case in enumerate(measured):
        parts = None if progress is None else _part(progress, number, len(measured))
        results.append(evaluate_case(model, case, counts, parts))
    left_out = tuple(case.id for case in cases if case.id in seen)
    return EvaluationReport(tuple(results), left_out, counts, model.plan.dims, model.step)


def evaluate_case(
    model: TrainedModel,
    case: ReferenceCase,
    counts: Sequence[int],
    progress: Callable[[float], None] | None = None,
) -> CaseResult:
    """Measure one case after each number of clicks."""
    told = progress or (lambda fraction: None)
    volume, reference = case.volume(), case.labels().labels
    parts = 1 + max(counts)
    automatic = predict_volume(model, volume, progress=_part(told, 0, parts)).labels
    scores = {0: class_dice(automatic, reference, model.classes)}
    for score in simulated_clicks(model, volume, reference, automatic, max(counts)) if max(counts) else ():
        scores[score.clicks] = class_dice(score.labels, reference, model.classes)
        told((score.clicks + 1) / parts)
    return CaseResult(
        case.id,
        {count: scores[count] for count in counts},
        class_dice(emptied(automatic, reference, model.classes), reference, model.classes),
    )


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
    model: TrainedModel, volume: Volume, reference: Labels, automatic: Labels, most: int
) -> Iterator[ClickScore]:
    """Click like the paper's robot and yield the labels after 1, 2, ... `most` clicks.

    The first click is the innermost point of the structure, each further one that of the largest error (limited-data
    paper, section 2.3). Slices without the structure get no click.
    """
    session = InteractiveSession(model)
    session.set_image(volume)
    labels = automatic.copy()
    clicks: list[Click] = []
    for count in range(1, most + 1):
        for each in model.classes:
            clicks += _round(labels == each.value, reference == each.value, each.value, count, model.plan.dims)
            for region, patch in session.answer(clicks, count, labels).patches:
                labels[region] = patch
        yield ClickScore(count, labels.copy())


def _round(
    predicted: NDArray[np.bool_], wanted: NDArray[np.bool_], value: int, count: int, dims: int
) -> Iterator[Click]:
    slices = np.flatnonzero(wanted.any(axis=(1, 2))) if dims == 2 else np.array([-1 if wanted.any() else -2])
    slices = slices[slices > -2]
    if not len(slices):
        return
    there = torch.from_numpy(wanted[slices] if dims == 2 else wanted[None])
    now = torch.from_numpy(predicted[slices] if dims == 2 else predicted[None])
    if count == 1:
        points, found = innermost_points(there)
        inside = torch.ones_like(found)
    else:
        error = next_clicks(now, there)
        points, inside, found = error.positions, error.inside, error.found
    for z, point, kind, there_is in zip(slices, points.tolist(), inside.tolist(), found.tolist(), strict=True):
        if there_is:
            voxel = (int(z), *point) if dims == 2 else tuple(point)
            yield Click(voxel, kind, value)

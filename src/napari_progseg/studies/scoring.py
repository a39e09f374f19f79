"""What a finished run scores on its test cases: Dice, or the distances of shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from ..data.persons import without
from ..inference.cases import ReferenceCase
from ..inference.evaluate import CaseResult, evaluate_run
from ..inference.shape_evaluation import ShapeErrors, evaluate_shape
from ..inference.shapes import load_shapes
from ..lineage import seen_cases
from ..storage.atomic import read_json
from ..training.watch import CONFIG
from .rows import CaseScore

# distances of shapes, in mm
SURFACE, LARGEST, POINTS = "surface", "largest", "points"
MASK, FITTED = "mask", "fitted"


class Scored(NamedTuple):
    """Scores of the test cases; `left_out` are those that the run, or one it started from, has seen."""

    scores: tuple[CaseScore, ...]
    dims: int
    left_out: tuple[str, ...] = ()


def scored_run(
    run_dir: Path, cases: Sequence[ReferenceCase], clicks: Sequence[int], device: str, heed: Callable[[], None]
) -> Scored:
    """Score the best model of a run.

    Parameters
    ----------
    clicks : sequence of int
        Numbers of simulated clicks, where it is interactive.
    heed : callable
        Called now and then; what it raises ends the work.
    """
    if read_json(run_dir / CONFIG)["task"] == "shape":
        return _shapes(run_dir, cases, device, heed)
    report = evaluate_run(run_dir, cases, clicks=clicks, device=device, progress=lambda _: heed())
    return Scored(tuple(_score(each) for each in report.cases), report.dims, report.left_out)


def _score(found: CaseResult) -> CaseScore:
    after = {count: scores for count, scores in found.emptied.items() if count}
    return CaseScore(case=found.case, clicks=found.dice, emptied=found.emptied[0], emptied_after=after)


def _shapes(run_dir: Path, cases: Sequence[ReferenceCase], device: str, heed: Callable[[], None]) -> Scored:
    trained = load_shapes(run_dir, device)
    unseen = without((case.id for case in cases), seen_cases(run_dir))
    scores = []
    for case in cases:
        if case.id in unseen:
            heed()
            scores.append(CaseScore(case=case.id, mm=distances(evaluate_shape(trained, case))))
    return Scored(tuple(scores), trained.plan.dims, tuple(case.id for case in cases if case.id not in unseen))


def at_scale(points: int) -> str:
    """Name the surface distance of one scale of several."""
    return f"{SURFACE} {points}"


def distances(errors: ShapeErrors) -> dict[str, float | None]:
    """Name the distances of a case, mm; None where the mask head found nothing, without a mask head no such name."""
    finest = errors.surfaces[-1]
    named: dict[str, float | None] = {
        SURFACE: finest.mean_mm,
        LARGEST: finest.hausdorff_mm,
        POINTS: errors.points_rmse[-1],
    }
    if len(errors.scales) > 1:
        scales = zip(errors.scales, errors.surfaces, strict=True)
        named |= {at_scale(points): surface.mean_mm for points, surface in scales}
    if errors.mask_dice is not None:
        named |= {
            name: None if found is None else found.mean_mm
            for name, found in ((MASK, errors.mask), (FITTED, errors.fitted))
        }
    return named

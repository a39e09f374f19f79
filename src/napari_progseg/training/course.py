"""The course of a run: its ranking, made once and kept, and both schedules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..data.plan import Plan
from ..data.store import TrainingCase
from ..restoration import SHORTEST_PAINTED
from ..schedules.course import Course
from ..schedules.patches import PatchSchedule
from ..schedules.samples import SampleSchedule
from ..storage.atomic import read_json, write_json
from .config import RunConfig
from .events import Scheduled
from .ranking import RunRanking

RANKING = "ranking.json"
_ADD_EVERY = {"ct": 10.0, "mr": 20.0}


def course_of(
    run_dir: Path, cases: Sequence[TrainingCase], units: dict[str, int], plan: Plan, config: RunConfig
) -> tuple[Course, list[str]]:
    """Build the course of a run, and say what it does.

    Parameters
    ----------
    cases : sequence of TrainingCase
        Training cases; they are ranked by their images alone, unless the run has a ranking already.
    units : dict of str to int
        Samples that a pass draws of each case.
    """
    patches = patch_schedule(plan, config)
    if config.samples.schedule == "all":
        return Course(SampleSchedule.constant(units), patches), []
    ranking = _ranking(run_dir, cases, config)
    add_every = config.samples.add_every or _ADD_EVERY[plan.modality]
    samples = SampleSchedule.growing(ranking.cases, units, config.samples, add_every, config.seed)
    return Course(samples, patches), list(_sentences(samples, cases, plan))


def patch_schedule(plan: Plan, config: RunConfig) -> PatchSchedule:
    """Return the patches of a run; restoration paints only patches that are long enough."""
    if config.patches.schedule == "constant":
        return PatchSchedule.constant(plan.patch, plan.batch)
    shortest = SHORTEST_PAINTED if config.task == "restoration" else 1
    return PatchSchedule.growing(plan.patch, plan.divisor, plan.batch, config.patches, shortest)


def scheduled(course: Course) -> Scheduled:
    """Say what a course will change."""
    patches = tuple((start, stage.patch, stage.batch) for start, stage in course.patches.starts)
    return Scheduled(patches, course.samples.starts)


def _ranking(run_dir: Path, cases: Sequence[TrainingCase], config: RunConfig) -> RunRanking:
    path = run_dir / RANKING
    if path.exists():
        return RunRanking.model_validate(read_json(path))
    ranking = RunRanking.of({case.case: case.image for case in cases}, config.samples.metrics)
    write_json(path, ranking.model_dump(mode="json"))
    return ranking


def _sentences(samples: SampleSchedule, cases: Sequence[TrainingCase], plan: Plan) -> list[str]:
    first = samples.at(0).cases
    if len(first) == len(cases):
        return [f"{len(cases)} cases are too few to begin with some of them; the run learns from all"]
    said = [f"begins with {len(first)} of {len(cases)} cases: {', '.join(first)}"]
    held = [case for case in cases if case.case in first]
    for number, each in enumerate(plan.classes):
        if not any(len(case.voxels[number]) for case in held):
            said.append(f"none of these cases holds {each.name}, which is learned only once others join")
    return said

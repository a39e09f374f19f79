"""What a run's course is made of, and that it is made once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_progseg.data.plan import Plan
from napari_progseg.data.store import TrainingCase
from napari_progseg.restoration import SHORTEST_PAINTED
from napari_progseg.training.config import RunConfig
from napari_progseg.training.course import RANKING, course_of
from napari_progseg.volume import LabelClass

PlanOf = Callable[..., Plan]
ConfigOf = Callable[..., RunConfig]
STRIDES = ((2, 2), (2, 2), (2, 2))


def cases(count: int = 8) -> list[TrainingCase]:
    """Blobs that drift further and further from the first ones; only the last case holds the second class."""
    out = []
    for number in range(count):
        y, x = np.mgrid[0:20, 0:24] / 20
        blob = np.exp(-8 * ((y - 0.5) ** 2 + (x - 0.5 - 0.02 * number**2) ** 2))
        image = np.repeat(blob[None], 6, axis=0).astype(np.float16)
        one = np.array([[0, 0, 0]], np.int32)
        voxels = (one, one if number == count - 1 else one[:0])
        out.append(TrainingCase(f"case{number}", image, np.zeros(image.shape, np.uint8), voxels))
    return out


def built(folder: Path, plan: Plan, config: RunConfig, of: list[TrainingCase] | None = None) -> Any:
    of = of or cases()
    return course_of(folder, of, {case.case: 6 for case in of}, plan, config)


def test_without_schedules_nothing_changes_and_nothing_is_said(
    tmp_path: Path, plan_of: PlanOf, config_of: ConfigOf
) -> None:
    course, said = built(tmp_path, plan_of(), config_of())
    first, last = course.at(0.0, 0, 0, 0), course.at(1.0, 99, 400, 0)
    assert (first.patch, first.batch, first.cases) == (last.patch, last.batch, last.cases)
    assert said == []
    assert not (tmp_path / RANKING).exists()


def test_similar_cases_begin_and_the_run_says_which(tmp_path: Path, plan_of: PlanOf, config_of: ConfigOf) -> None:
    both = (LabelClass("bone", (1,)), LabelClass("tumour", (2,)))
    course, said = built(tmp_path, plan_of(classes=both), config_of("samples.schedule=pdl"))
    begins = course.at(0.0, 0, 0, 0).cases
    assert len(begins) == 2
    assert "case7" not in begins
    assert said[0].startswith("begins with 2 of 8 cases: case")
    assert "none of these cases holds tumour" in said[1]


@pytest.mark.parametrize(("modality", "passes"), [("ct", 10), ("mr", 20)])
def test_others_join_after_the_passes_of_the_paper(
    tmp_path: Path, plan_of: PlanOf, config_of: ConfigOf, modality: str, passes: int
) -> None:
    course, _ = built(tmp_path, plan_of(modality=modality), config_of("samples.schedule=pdl"))
    begins = 2 * 6 * passes
    assert len(course.at(0.0, 0, begins - 1, 0).cases) == 2
    assert len(course.at(0.0, 0, begins, 0).cases) == 8


def test_a_ranking_is_made_once_and_then_kept(tmp_path: Path, plan_of: PlanOf, config_of: ConfigOf) -> None:
    config = config_of("samples.schedule=pdl")
    before, _ = built(tmp_path, plan_of(), config)
    other = [TrainingCase(c.case, 1 - c.image, c.labels, c.voxels) for c in reversed(cases())]
    other[0].image[:] = 0
    after, _ = built(tmp_path, plan_of(), config, other)
    assert before.at(0.0, 0, 0, 0).cases == after.at(0.0, 0, 0, 0).cases


def test_too_few_cases_are_told_and_all_used(tmp_path: Path, plan_of: PlanOf, config_of: ConfigOf) -> None:
    course, said = built(tmp_path, plan_of(), config_of("samples.schedule=pdl"), cases(2))
    assert course.at(0.0, 0, 0, 0).cases == ("case0", "case1")
    assert "too few" in said[0]


def test_patches_grow_to_the_full_one(tmp_path: Path, plan_of: PlanOf, config_of: ConfigOf) -> None:
    plan = plan_of(patch=(32, 16), strides=STRIDES, batch=4)
    course, _ = built(tmp_path, plan, config_of("patches.schedule=performance"))
    first, last = course.at(0.0, 0, 0, 0), course.at(1.0, 0, 0, 0)
    assert (first.patch, first.batch) == ((8, 8), 32)
    assert (last.patch, last.batch) == ((32, 16), 4)


def test_restoration_never_sees_patches_too_short_to_paint(
    tmp_path: Path, plan_of: PlanOf, config_of: ConfigOf
) -> None:
    plan = plan_of(patch=(32, 32), strides=STRIDES, task="restoration")
    config = config_of("patches.schedule=efficiency", task="restoration", validation=())
    course, _ = built(tmp_path, plan, config)
    assert min(course.at(0.0, 0, 0, 0).patch) >= SHORTEST_PAINTED

"""The transfer study: two centres made of one project, and its runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_progseg.errors import UserError
from napari_progseg.project import Project
from napari_progseg.samples.centre import CentreShift
from napari_progseg.studies.terms import Terms
from napari_progseg.studies.transfer import GROUPS, Transfer, two_centres
from napari_progseg.training.config import BudgetConfig

from .conftest import SMALL

SIZES = {"source": 2, "patients": 1, "test": 1, "validation": 1}


def study(**fields: object) -> Transfer:
    plain = {"groups": tuple(GROUPS), "seeds": (0,), "budget": BudgetConfig(steps=2), "settings": SMALL}
    return Transfer(1, Terms(**{**plain, **fields}))  # type: ignore[arg-type]


def test_the_two_centres_share_no_patient(project: Project, tmp_path: Path) -> None:
    both, centres = two_centres(project, tmp_path / "out", CentreShift(), **SIZES)
    parts = (centres.source, centres.source_validation, centres.pool, centres.validation, centres.test)
    cases = [case for part in parts for case in part]
    assert len({case.removeprefix("a_").removeprefix("b_") for case in cases}) == len(cases)
    assert all(case.startswith("a_") for case in (*centres.source, *centres.source_validation))
    assert all(case.startswith("b_") for case in (*centres.pool, *centres.validation, *centres.test))
    assert {case.id for case in both.completed} == set(cases)
    kept = {f"b_{case}" for case in project.split.test}
    assert set(centres.test) <= kept


def test_source_images_are_those_of_the_project_and_target_ones_are_not(project: Project, tmp_path: Path) -> None:
    both, centres = two_centres(project, tmp_path / "out", CentreShift(), **SIZES)
    a, b = centres.source[0], centres.test[0]
    assert np.array_equal(both.volume(a).image, project.volume(a[2:]).image)
    assert not np.array_equal(both.volume(b).image, project.volume(b[2:]).image)
    assert both.volume(b).geometry.mismatch(project.volume(b[2:]).geometry) is None


def test_the_centres_are_made_once(project: Project, tmp_path: Path) -> None:
    first, _ = two_centres(project, tmp_path / "out", CentreShift(), **SIZES)
    written = (first.root.parent / "scans" / "images").stat().st_mtime_ns
    again, _ = two_centres(project, tmp_path / "out", CentreShift(), **SIZES)
    assert again.root == first.root
    assert (first.root.parent / "scans" / "images").stat().st_mtime_ns == written


def test_too_few_cases_are_refused(project: Project, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="8 completed cases are too few"):
        two_centres(project, tmp_path / "out", CentreShift(), source=20, patients=1, test=1, validation=1)


def test_all_transfers_of_a_seed_start_from_its_one_source_model(project: Project, tmp_path: Path) -> None:
    both, centres = two_centres(project, tmp_path / "out", CentreShift(), **SIZES)
    asked = study(seeds=(0, 1))
    cells = asked.cells(centres, asked.common(both, centres, tmp_path / "out"))
    assert len(cells) == 2 * len(GROUPS)
    for seed in (0, 1):
        own = {cell.group: cell for cell in cells if cell.seed == seed}
        for group, cell in own.items():
            assert cell.test == centres.test
            if group.startswith("ST"):
                assert cell.start is not None
                assert cell.start.key == own["S"].key
                assert cell.config.train == own["T"].config.train
        assert own["ST-4"].config.freeze.last == 4
        assert own["ST-all"].config.freeze.policy == "none"


@pytest.mark.parametrize(("contour", "sign"), [(1, 1), (-1, -1), (0, 0)])
def test_another_protocol_draws_wider_or_narrower(project: Project, tmp_path: Path, contour: int, sign: int) -> None:
    both, centres = two_centres(project, tmp_path / "out", CentreShift(contour=contour), **SIZES)
    case = centres.test[0]
    here, there = both.labels(case), project.labels(case[2:])
    assert here is not None
    assert there is not None
    assert np.sign(int((here.labels > 0).sum()) - int((there.labels > 0).sum())) == sign


def test_development_cases_are_target_cases_that_neither_train_nor_test(project: Project, tmp_path: Path) -> None:
    _, centres = two_centres(project, tmp_path / "out", CentreShift(), **SIZES)
    trial = centres.development(1)
    assert set(trial.test) < set(centres.pool)
    assert not set(trial.test) & {*trial.pool, *trial.source, *trial.validation, *centres.test}
    assert {*trial.pool, *trial.test} == set(centres.pool)
    with pytest.raises(UserError, match="so that some are left to train on"):
        centres.development(len(centres.pool))

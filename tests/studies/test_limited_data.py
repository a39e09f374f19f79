"""Which runs the limited-data study consists of."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from napari_progseg.errors import UserError
from napari_progseg.project import Project
from napari_progseg.studies.draw import draw_cases
from napari_progseg.studies.frozen import ChosenOn, FrozenSettings, frozen_settings
from napari_progseg.studies.grid import Cell
from napari_progseg.studies.limited_data import GROUPS, STUDY, LimitedData, pretraining_budget
from napari_progseg.training.config import BudgetConfig

CellsOf = Callable[..., tuple[Cell, ...]]


def test_work_goes_seed_by_seed(cells_of: CellsOf) -> None:
    cells = cells_of(groups=tuple(GROUPS), seeds=(0, 1))
    assert [cell.seed for cell in cells] == [0] * 8 + [1] * 8
    assert [(cell.patients, cell.group) for cell in cells[:8]] == [(n, group) for n in (1, 2) for group in GROUPS]


def test_a_smaller_study_is_a_part_of_a_larger_one(cells_of: CellsOf) -> None:
    smaller = {cell.key for cell in cells_of(patients=(2,), seeds=(1,))}
    assert smaller < {cell.key for cell in cells_of(patients=(1, 2, 4), seeds=(0, 1, 2), groups=("Seg", "SegInter"))}


def test_arms_of_a_seed_differ_in_nothing_but_what_is_studied(cells_of: CellsOf) -> None:
    seg, pre, inter, both = cells_of(groups=tuple(GROUPS), patients=(2,))
    assert seg.config == pre.config
    assert inter.config == both.config
    # training with clicks wants several patches a batch, which makes large slices into smaller patches
    patches = inter.config.patches.model_copy(
        update={"least_batch": None, "batch_voxels": seg.config.patches.batch_voxels}
    )
    assert inter.config.model_copy(update={"task": "segmentation", "patches": patches}) == seg.config
    assert pre.start is not None
    assert pre.start.key == both.start.key  # type: ignore[union-attr]
    assert seg.start is None
    assert inter.start is None
    assert seg.config.patches.size == (16, 16)
    assert seg.config.data.spacing == (3.0, 1.0, 1.0)


def test_seeds_draw_nested_training_cases_and_one_pretraining(cells_of: CellsOf) -> None:
    cells = cells_of(groups=("SegPretrained",), patients=(1, 2, 5), seeds=(0, 1))
    for seed in (0, 1):
        one, two, five = (cell.config.train for cell in cells if cell.seed == seed)
        assert two[:1] == one
        assert five[:2] == two
    assert len({cell.start.key for cell in cells}) == 2  # type: ignore[union-attr]


def test_no_test_or_validation_case_is_ever_learned_from(cells_of: CellsOf) -> None:
    cells = cells_of(groups=tuple(GROUPS), patients=(1, 5), seeds=(0, 1, 2))
    assert len({cell.test for cell in cells}) == len({cell.config.validation for cell in cells}) == 1
    for cell in cells:
        kept_apart = {*cell.test, *cell.config.validation}
        assert not kept_apart & set(cell.config.train)
        if cell.start is not None:
            assert not kept_apart & set(cell.start.config.train)
            assert {"p8", "p9"} < set(cell.start.config.train)


def test_every_arm_is_validated_equally_often_at_equal_steps(cells_of: CellsOf) -> None:
    assert {cell.config.validate_on.share for cell in cells_of(groups=tuple(GROUPS))} == {1.0}


def test_frozen_settings_reach_their_group_and_settings_for_all_win(cells_of: CellsOf) -> None:
    frozen = FrozenSettings(groups={"Seg": ("optimiser.rate=0.5", "patches.batch=7"), "Pretraining": ("seed=9",)})
    seg, pre = cells_of(groups=("Seg", "SegPretrained"), patients=(1,), frozen=frozen)
    assert (seg.config.optimiser.rate, seg.config.patches.batch) == (0.5, 4)
    assert pre.config.optimiser.rate != 0.5
    assert pre.start is not None
    assert pre.start.config.seed == 9


def test_what_settings_were_chosen_on_is_not_reported(cells_of: CellsOf, project: Project) -> None:
    with pytest.raises(UserError, match="seed 1000"):
        cells_of(seeds=(999, 1000), frozen=FrozenSettings(chosen_on=ChosenOn(seeds=(1000,))))
    test = draw_cases(project, validation=1).test
    with pytest.raises(UserError, match="test case"):
        cells_of(frozen=FrozenSettings(chosen_on=ChosenOn(cases=test[:1])))


def test_the_packages_own_settings_can_be_read_and_suit_their_groups() -> None:
    own = frozen_settings(STUDY)
    assert set(own.groups) <= {*GROUPS, "Pretraining"}
    counts = {len(each) for each in own.tried.settings.values()}
    assert counts <= {own.tried.per_group}


def test_a_foreign_settings_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no file"):
        frozen_settings(STUDY, tmp_path / "missing.json")
    (tmp_path / "other.json").write_text('{"steps": 3}', encoding="utf-8")
    with pytest.raises(UserError, match="holds no frozen settings"):
        frozen_settings(STUDY, tmp_path / "other.json")


def test_the_common_grid_is_decided_once(
    project: Project, study_of: Callable[..., LimitedData], tmp_path: Path
) -> None:
    draw = draw_cases(project, validation=1)
    study = study_of(settings=("model.dims=2", "model.levels=2"))
    first = study.common(project, draw, tmp_path)
    assert (first.dims, first.spacing, first.window) == (2, (3.0, 1.0, 1.0), None)
    document = json.loads((tmp_path / "common.json").read_text(encoding="utf-8"))
    (tmp_path / "common.json").write_text(json.dumps(document | {"spacing": [9, 9, 9]}), encoding="utf-8")
    assert study.common(project, draw, tmp_path).spacing == (9.0, 9.0, 9.0)
    other = study_of(settings=("model.dims=2", "model.levels=1"))
    assert other.common(project, draw, tmp_path).spacing == (3.0, 1.0, 1.0)


def test_pretraining_takes_the_papers_share_of_a_run_if_not_said() -> None:
    steps = BudgetConfig(steps=100)
    assert pretraining_budget(steps) == BudgetConfig(steps=160)
    assert pretraining_budget(BudgetConfig(minutes=2)).minutes == pytest.approx(3.2)
    assert pretraining_budget(steps, minutes=0.5) == BudgetConfig(minutes=0.5)


@pytest.mark.parametrize("fields", [{"groups": ("Segg",)}, {"groups": ()}, {"patients": (0, 2)}, {"seeds": ()}])
def test_an_impossible_study_is_refused(study_of: Callable[..., LimitedData], fields: dict[str, object]) -> None:
    with pytest.raises(UserError, match="nothing was started"):
        study_of(**fields)

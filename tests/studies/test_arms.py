"""Studies of curricula: their runs, speeds and ratios."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_progseg.errors import UserError
from napari_progseg.project import Project
from napari_progseg.studies.arms import PDL, PGPS, Arms, ArmStudy
from napari_progseg.studies.draw import draw_cases
from napari_progseg.studies.grid import Cell
from napari_progseg.studies.rows import Row
from napari_progseg.studies.terms import Terms
from napari_progseg.training.config import BudgetConfig

from .conftest import SMALL

RowOf = Callable[..., Row]


@pytest.fixture
def cells_of(project: Project, tmp_path: Path) -> Callable[..., tuple[Cell, ...]]:
    def build(arms: Arms, **fields: Any) -> tuple[Cell, ...]:
        plain = {"groups": tuple(arms.settings), "seeds": (0, 1), "settings": SMALL}
        study = ArmStudy(arms, (3,), Terms(budget=BudgetConfig(steps=3), **{**plain, **fields}))
        draw = draw_cases(project, validation=1)
        return study.cells(draw, study.common(project, draw, tmp_path / "common"))

    return build


@pytest.mark.parametrize(("arms", "section"), [(PDL, "samples"), (PGPS, "patches")])
def test_arms_of_a_seed_differ_in_their_schedule_alone(
    cells_of: Callable[..., tuple[Cell, ...]], arms: Arms, section: str
) -> None:
    cells = cells_of(arms, seeds=(0,))
    reference = next(cell for cell in cells if cell.group == arms.reference)
    schedules = set()
    for cell in cells:
        document = cell.config.model_dump()
        schedules.add(document[section].pop("schedule"))
        expected = reference.config.model_dump()
        del expected[section]["schedule"]
        assert document == expected
    assert len(schedules) == len(cells) == 4


def test_work_goes_seed_by_seed(cells_of: Callable[..., tuple[Cell, ...]]) -> None:
    assert [cell.seed for cell in cells_of(PDL)] == [0] * 4 + [1] * 4


def test_an_unknown_arm_is_refused() -> None:
    with pytest.raises(UserError, match="there are All, PDL"):
        ArmStudy(PDL, (3,), Terms(("PDLL",), (0,), BudgetConfig(steps=1)))

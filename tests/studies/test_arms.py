"""Studies of curricula: their runs, speeds and ratios."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_progseg.errors import UserError
from napari_progseg.project import Project
from napari_progseg.studies.analysis import by_place
from napari_progseg.studies.arms import PDL, PGPS, Arms, ArmStudy
from napari_progseg.studies.arms_report import ratios, speeds
from napari_progseg.studies.draw import draw_cases
from napari_progseg.studies.grid import Cell
from napari_progseg.studies.rows import Cost, Row
from napari_progseg.training.config import BudgetConfig

from .conftest import SMALL

RowOf = Callable[..., Row]


@pytest.fixture
def cells_of(project: Project, tmp_path: Path) -> Callable[..., tuple[Cell, ...]]:
    def build(arms: Arms, **fields: Any) -> tuple[Cell, ...]:
        plain = {"patients": (3,), "groups": tuple(arms.settings), "seeds": (0, 1), "settings": SMALL}
        study = ArmStudy(arms, budget=BudgetConfig(steps=3), **{**plain, **fields})
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
        ArmStudy(PDL, (3,), ("PDLL",), (0,), BudgetConfig(steps=1))


def cost(seconds: float, voxels: int = 1000) -> Cost:
    return Cost(steps=10, voxels=voxels, seconds=seconds, validation_seconds=99.0)


def test_ratios_are_taken_within_each_seed_and_leave_validation_out(row_of: RowOf) -> None:
    rows = [
        row_of("Constant", 3, 0, cost=cost(10)),
        row_of("Constant", 3, 1, cost=cost(100)),
        row_of("Efficiency", 3, 0, cost=cost(5, 344)),
        row_of("Efficiency", 3, 1, cost=cost(40, 344)),
        row_of("Performance", 3, 2, cost=cost(1)),
    ]
    found = {each.group: each for each in ratios(by_place(rows), PGPS)}
    assert found["Efficiency"].voxels == pytest.approx(0.344)
    assert found["Efficiency"].seconds == pytest.approx(0.45)
    assert found["Efficiency"].seeds == 2
    assert "Performance" not in found, "its seed has no reference"


def test_speeds_are_shares_of_the_references_final_dice(row_of: RowOf) -> None:
    rows = [
        row_of("All", 3, 0, curve=((10, 0.5), (20, 0.78), (30, 0.8))),
        row_of("PDL", 3, 0, curve=((10, 0.73), (20, 0.76), (30, 0.78))),
        row_of("Random", 3, 0, curve=((10, 0.1), (20, 0.2), (30, 0.3))),
    ]
    found = {(each.group, each.share): each for each in speeds(by_place(rows), PDL)}
    assert found["PDL", 0.9].target == pytest.approx(0.72)
    assert (found["PDL", 0.9].steps, found["PDL", 0.9].ratio) == (10, 0.5)
    assert found["All", 0.9].ratio == 1.0
    assert found["PDL", 0.99].steps is None
    assert (found["Random", 0.9].steps, found["Random", 0.9].reached, found["Random", 0.9].seeds) == (None, 0, 1)

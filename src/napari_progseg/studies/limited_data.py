"""The limited-data study: which runs it consists of (limited-data paper, section 3; algorithms 4)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..project import Project
from ..training.config import BudgetConfig, Task
from .common import Common
from .draw import Draw
from .grid import Cell
from .terms import Terms

STUDY = "limited-data"
PRETRAINING = "Pretraining"
# 104,000 iterations of restoration to 65,000 of segmentation, as in the paper
PRETRAINING_SHARE = 1.6
CLICKS = (0, 1)


@dataclass(frozen=True)
class Arm:
    """A way of training that is compared."""

    task: Task
    pretrained: bool


GROUPS: dict[str, Arm] = {
    "Seg": Arm("segmentation", False),
    "SegPretrained": Arm("segmentation", True),
    "SegInter": Arm("interactive", False),
    "SegPretrainedInter": Arm("interactive", True),
}


@dataclass(frozen=True)
class LimitedData:
    """What is asked of the study.

    Parameters
    ----------
    patients : tuple of int
        Numbers of training cases.
    terms : Terms
        Groups are some of `GROUPS`.
    pretraining : BudgetConfig
        Of a seed's restoration run.
    """

    patients: tuple[int, ...]
    terms: Terms
    pretraining: BudgetConfig

    def __post_init__(self) -> None:
        self.terms.check(GROUPS, self.patients)

    def common(self, project: Project, draw: Draw, folder: Path) -> Common:
        """Decide the grid of all runs from the images of all scans; kept in the study's folder.

        Raises
        ------
        UserError
            If there are fewer training cases than asked for.
        """
        draw.train(max(self.patients), self.terms.seeds[0])
        return self.terms.common(project, draw.scans, folder, PRETRAINING)

    def cells(self, draw: Draw, common: Common) -> tuple[Cell, ...]:
        """List the runs.

        Raises
        ------
        UserError
            If the frozen settings were chosen on one of these seeds or test cases.
        """
        self.terms.frozen.refuse_reuse(self.terms.seeds, draw.test)
        places = self.terms.places(self.patients)
        return tuple(self._cell(group, patients, seed, draw, common) for seed, patients, group in places)

    def _cell(self, group: str, patients: int, seed: int, draw: Draw, common: Common) -> Cell:
        arm = GROUPS[group]
        config = self.terms.config(group, arm.task, draw.train(patients, seed), draw.validation, seed)
        start = self._start(seed, draw, common) if arm.pretrained else None
        clicks = CLICKS if arm.task == "interactive" else (0,)
        return Cell(STUDY, group, patients, seed, common.given_to(config), draw.test, clicks, start)

    def _start(self, seed: int, draw: Draw, common: Common) -> Cell:
        config = self.terms.config(PRETRAINING, "restoration", draw.scans, (), seed, budget=self.pretraining)
        return Cell(STUDY, PRETRAINING, len(draw.scans), seed, common.given_to(config))


def pretraining_budget(budget: BudgetConfig, steps: int | None = None, minutes: float | None = None) -> BudgetConfig:
    """Return the budget of restoration: as asked for, else the paper's share of the segmentation's."""
    if steps is not None or minutes is not None:
        return BudgetConfig(steps=steps, minutes=minutes)
    if budget.steps is not None:
        return BudgetConfig(steps=round(PRETRAINING_SHARE * budget.steps))
    return BudgetConfig(minutes=PRETRAINING_SHARE * (budget.minutes or 0))

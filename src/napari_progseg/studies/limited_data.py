"""The limited-data study: which runs it consists of (limited-data paper, section 3; algorithms 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..project import Project
from ..training.config import BudgetConfig, PresetName, RunConfig, Task, preset_config
from .common import Common, common_to
from .draw import Draw
from .frozen import FrozenSettings
from .grid import Cell
from .settled import check_asked, settled

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
    groups : tuple of str
        Some of `GROUPS`.
    seeds : tuple of int
        A seed draws training cases, weights and patches.
    budget, pretraining : BudgetConfig
        Of every segmentation run, and of a seed's restoration run.
    preset : {"tiny", "default", "paper"}
        Of all runs.
    frozen : FrozenSettings
        Settings per group, chosen beforehand.
    settings : tuple of str
        ``section.field=value`` for all runs; they win over `frozen`.
    """

    patients: tuple[int, ...]
    groups: tuple[str, ...]
    seeds: tuple[int, ...]
    budget: BudgetConfig
    pretraining: BudgetConfig
    preset: PresetName = "tiny"
    frozen: FrozenSettings = field(default_factory=FrozenSettings)
    settings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_asked(self.groups, GROUPS, self.seeds, self.patients)

    def common(self, project: Project, draw: Draw, folder: Path) -> Common:
        """Decide the grid of all runs from the images of all scans; kept in the study's folder.

        Raises
        ------
        UserError
            If there are fewer training cases than asked for.
        """
        draw.train(max(self.patients), self.seeds[0])
        return common_to(project, draw.scans, self._settled(PRETRAINING, "restoration", draw.scans, (), 0), folder)

    def cells(self, draw: Draw, common: Common) -> tuple[Cell, ...]:
        """List the runs seed by seed, so that whatever part is done is a complete smaller study.

        Raises
        ------
        UserError
            If the frozen settings were chosen on one of these seeds or test cases.
        """
        self.frozen.refuse_reuse(self.seeds, draw.test)
        return tuple(
            self._cell(group, patients, seed, draw, common)
            for seed in self.seeds
            for patients in sorted(set(self.patients))
            for group in self.groups
        )

    def _cell(self, group: str, patients: int, seed: int, draw: Draw, common: Common) -> Cell:
        arm = GROUPS[group]
        config = self._settled(group, arm.task, draw.train(patients, seed), draw.validation, seed)
        start = self._start(seed, draw, common) if arm.pretrained else None
        clicks = CLICKS if arm.task == "interactive" else (0,)
        return Cell(STUDY, group, patients, seed, common.given_to(config), draw.test, clicks, start)

    def _start(self, seed: int, draw: Draw, common: Common) -> Cell:
        config = common.given_to(self._settled(PRETRAINING, "restoration", draw.scans, (), seed))
        return Cell(STUDY, PRETRAINING, len(draw.scans), seed, config)

    def _settled(self, group: str, task: Task, train: Sequence[str], validation: Sequence[str], seed: int) -> RunConfig:
        budget = self.pretraining if task == "restoration" else self.budget
        config = preset_config(
            self.preset, task, train=tuple(train), validation=tuple(validation), seed=seed, budget=budget
        )
        return settled(config, group, self.frozen, self.settings)


def pretraining_budget(budget: BudgetConfig, steps: int | None = None, minutes: float | None = None) -> BudgetConfig:
    """Return the budget of restoration: as asked for, else the paper's share of the segmentation's."""
    if steps is not None or minutes is not None:
        return BudgetConfig(steps=steps, minutes=minutes)
    if budget.steps is not None:
        return BudgetConfig(steps=round(PRETRAINING_SHARE * budget.steps))
    return BudgetConfig(minutes=PRETRAINING_SHARE * (budget.minutes or 0))

"""Studies whose arms differ in settings alone: the sample schedule (PDL) and the patch schedule (PGPS)."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..project import Project
from ..training.config import BudgetConfig, PresetName, RunConfig, apply_settings, preset_config
from .common import Common, common_to
from .draw import Draw
from .frozen import FrozenSettings
from .grid import Cell
from .settled import check_asked, settled


@dataclass(frozen=True)
class Arms:
    """What is compared.

    Parameters
    ----------
    study : str
        Name of the study.
    reference : str
        The arm that the others are compared with.
    settings : dict of str to tuple of str
        ``section.field=value`` that make each arm what it is.
    """

    study: str
    reference: str
    settings: dict[str, tuple[str, ...]]


PDL = Arms(
    "pdl",
    "All",
    {
        "All": ("samples.schedule=all",),
        "PDL": ("samples.schedule=pdl",),
        "Dissimilar": ("samples.schedule=pdl-dissimilar",),
        "Random": ("samples.schedule=random",),
    },
)
PGPS = Arms(
    "pgps",
    "Constant",
    {
        # patches of all arms come from the same few cases, and half of them show foreground
        "Constant": ("patches.schedule=constant", "patches.foreground=0.5"),
        "Efficiency": ("patches.schedule=efficiency",),
        "Performance": ("patches.schedule=performance",),
        "RandomPatch": ("patches.schedule=random",),
    },
)
STUDIES: dict[str, Arms] = {each.study: each for each in (PDL, PGPS)}


@dataclass(frozen=True)
class ArmStudy:
    """What is asked of such a study.

    Parameters
    ----------
    arms : Arms
        What is compared.
    patients : tuple of int
        Numbers of training cases.
    groups : tuple of str
        Some of the arms.
    seeds : tuple of int
        A seed draws training cases, weights and patches.
    budget : BudgetConfig
        Of every run.
    preset : {"tiny", "default", "paper"}
        Of all runs.
    frozen : FrozenSettings
        Settings per group, chosen beforehand.
    settings : tuple of str
        ``section.field=value`` for all runs; they win over `frozen`, and an arm's own over both.
    """

    arms: Arms
    patients: tuple[int, ...]
    groups: tuple[str, ...]
    seeds: tuple[int, ...]
    budget: BudgetConfig
    preset: PresetName = "tiny"
    frozen: FrozenSettings = field(default_factory=FrozenSettings)
    settings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_asked(self.groups, self.arms.settings, self.seeds, self.patients)

    def common(self, project: Project, draw: Draw, folder: Path) -> Common:
        """Decide the grid of all runs from the images of all scans; kept in the study's folder.

        Raises
        ------
        UserError
            If there are fewer training cases than asked for.
        """
        draw.train(max(self.patients), self.seeds[0])
        config = preset_config(self.preset, "restoration", train=draw.scans, budget=self.budget)
        return common_to(project, draw.scans, apply_settings(config, list(self.settings)), folder)

    def cells(self, draw: Draw, common: Common) -> tuple[Cell, ...]:
        """List the runs seed by seed, so that whatever part is done is a complete smaller study.

        Raises
        ------
        UserError
            If the frozen settings were chosen on one of these seeds or test cases.
        """
        self.frozen.refuse_reuse(self.seeds, draw.test)
        return tuple(
            Cell(self.arms.study, group, patients, seed, self._config(group, draw, patients, seed, common), draw.test)
            for seed in self.seeds
            for patients in sorted(set(self.patients))
            for group in self.groups
        )

    def _config(self, group: str, draw: Draw, patients: int, seed: int, common: Common) -> RunConfig:
        train, validation = draw.train(patients, seed), draw.validation
        config = preset_config(
            self.preset, "segmentation", train=train, validation=validation, seed=seed, budget=self.budget
        )
        own = self.arms.settings[group]
        return common.given_to(settled(config, group, self.frozen, self.settings, own))

"""Studies whose arms differ in settings alone: the sample schedule (PDL) and the patch schedule (PGPS)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..project import Project
from ..training.config import RunConfig, Task
from .common import Common
from .draw import Draw
from .grid import Cell
from .terms import Terms


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
    task : {"segmentation", "shape"}
        What all of them learn.
    """

    study: str
    reference: str
    settings: dict[str, tuple[str, ...]]
    task: Task = "segmentation"


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
        What is compared; an arm's own settings win over those of the terms.
    patients : tuple of int
        Numbers of training cases.
    terms : Terms
        Groups are some of the arms.
    """

    arms: Arms
    patients: tuple[int, ...]
    terms: Terms

    def __post_init__(self) -> None:
        self.terms.check(self.arms.settings, self.patients)

    def common(self, project: Project, draw: Draw, folder: Path) -> Common:
        """Decide the grid of all runs from the images of all scans; kept in the study's folder.

        Raises
        ------
        UserError
            If there are fewer training cases than asked for.
        """
        draw.train(max(self.patients), self.terms.seeds[0])
        if self.arms.task == "shape":
            return self.terms.common(project, draw.scans, folder, task="shape")
        return self.terms.common(project, draw.scans, folder)

    def cells(self, draw: Draw, common: Common) -> tuple[Cell, ...]:
        """List the runs.

        Raises
        ------
        UserError
            If the frozen settings were chosen on one of these seeds or test cases.
        """
        self.terms.frozen.refuse_reuse(self.terms.seeds, draw.test)
        return tuple(
            Cell(self.arms.study, group, patients, seed, self._config(group, draw, patients, seed, common), draw.test)
            for seed, patients, group in self.terms.places(self.patients)
        )

    def _config(self, group: str, draw: Draw, patients: int, seed: int, common: Common) -> RunConfig:
        train, own = draw.train(patients, seed), self.arms.settings[group]
        return common.given_to(self.terms.config(group, self.arms.task, train, draw.validation, seed, own=own))

"""What every study is asked for, whatever it compares: groups, seeds, budget, settings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..project import Project
from ..training.config import BudgetConfig, PresetName, RunConfig, Task, apply_settings, preset_config
from .common import Common, common_to
from .frozen import FrozenSettings

# with equal steps all arms are validated equally often, however long one validation takes
_ALL_VALIDATIONS = "validate_on.share=1"


@dataclass(frozen=True)
class Terms:
    """The terms on which groups are compared.

    Parameters
    ----------
    groups : tuple of str
        What is compared.
    seeds : tuple of int
        A seed draws training cases, weights and patches.
    budget : BudgetConfig
        Of every run that is compared.
    preset : {"tiny", "default", "paper"}
        Of all runs.
    frozen : FrozenSettings
        Settings per group, chosen beforehand.
    settings : tuple of str
        ``section.field=value`` for all runs; they win over `frozen`.
    """

    groups: tuple[str, ...]
    seeds: tuple[int, ...]
    budget: BudgetConfig
    preset: PresetName = "tiny"
    frozen: FrozenSettings = field(default_factory=FrozenSettings)
    settings: tuple[str, ...] = ()

    def check(self, known: Collection[str], patients: Sequence[int]) -> None:
        """Raise UserError where a study is asked for nothing, or for a group that it does not have."""
        if unknown := [group for group in self.groups if group not in known]:
            raise UserError(f"{', '.join(unknown)} is no group; nothing was started; there are {', '.join(known)}")
        if not patients or min(patients) < 1 or not self.seeds or not self.groups:
            raise UserError("a study needs groups, seeds and numbers of patients from 1 on; nothing was started")

    def places(self, patients: Sequence[int]) -> Iterator[tuple[int, int, str]]:
        """Yield seed, number of patients and group seed by seed: whatever part is done is a complete smaller study."""
        for seed in self.seeds:
            for count in sorted(set(patients)):
                for group in self.groups:
                    yield seed, count, group

    def common(
        self, project: Project, scans: Sequence[str], folder: Path, group: str = "", task: Task = "restoration"
    ) -> Common:
        """Decide the grid of all runs from images alone, with the settings of a group; kept in the study's folder."""
        return common_to(project, scans, self.config(group, task, scans, (), 0), folder)

    def config(
        self,
        group: str,
        task: Task,
        train: Sequence[str],
        validation: Sequence[str],
        seed: int,
        *,
        own: Sequence[str] = (),
        budget: BudgetConfig | None = None,
        init: str | None = None,
    ) -> RunConfig:
        """Settle a run.

        Parameters
        ----------
        group : str
            Whose frozen settings are taken.
        own : sequence of str
            ``section.field=value`` that make the group what it is; they win over all others.
        budget : BudgetConfig or None
            None is that of the study.
        init : str or None
            The run it starts from.
        """
        config = preset_config(
            self.preset,
            task,
            train=tuple(train),
            validation=tuple(validation),
            seed=seed,
            budget=budget or self.budget,
            init=init,
        )
        validations = [_ALL_VALIDATIONS] if config.budget.steps is not None else []
        return apply_settings(config, [*validations, *self.frozen.of(group), *self.settings, *own])

    def document(self, settings_file: str) -> dict[str, Any]:
        """Return what a report's JSON says of them."""
        return {
            "seeds": list(self.seeds),
            "preset": self.preset,
            "budget": self.budget.model_dump(),
            "settings_for_all": list(self.settings),
            "frozen_settings": {"file": settings_file, **self.frozen.model_dump(mode="json")},
        }

"""What every study asks of its groups: known names, and settings that differ in nothing but what is studied."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..errors import UserError
from ..training.config import RunConfig, apply_settings
from .frozen import FrozenSettings

# with equal steps all arms are validated equally often, however long one validation takes
_ALL_VALIDATIONS = "validate_on.share=1"


def check_asked(groups: Sequence[str], known: Collection[str], seeds: Sequence[int], patients: Sequence[int]) -> None:
    """Raise UserError where a study is asked for nothing, or for a group that it does not have."""
    if unknown := [group for group in groups if group not in known]:
        raise UserError(f"{', '.join(unknown)} is no group; nothing was started; there are {', '.join(known)}")
    if not patients or min(patients) < 1 or not seeds or not groups:
        raise UserError("a study needs groups, seeds and numbers of patients from 1 on; nothing was started")


def settled(
    config: RunConfig, group: str, frozen: FrozenSettings, settings: Sequence[str], own: Sequence[str] = ()
) -> RunConfig:
    """Write settings into those of a preset.

    Parameters
    ----------
    config : RunConfig
        Of the preset, with the run's budget.
    group : str
        Whose frozen settings are taken.
    frozen : FrozenSettings
        Settings per group.
    settings : sequence of str
        ``section.field=value`` of all runs; they win over `frozen`.
    own : sequence of str
        What makes the group what it is; it wins over all.
    """
    validations = [_ALL_VALIDATIONS] if config.budget.steps is not None else []
    return apply_settings(config, [*validations, *frozen.of(group), *settings, *own])

"""Settings that were chosen before a study began, in a file that states how."""

from __future__ import annotations

from collections.abc import Collection
from importlib.resources import files
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import UserError
from ..storage.atomic import DamagedFileError, read_json

Settings = tuple[str, ...]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Tried(_Frozen):
    """What was tried: as many settings for every group, the preset as it is among them.

    Parameters
    ----------
    per_group : int
        How many; 0 where nothing was tried.
    settings : dict of str to tuple
        The candidates of each group.
    dice : dict of str to tuple of float or None
        What each of them reached.
    """

    per_group: int = 0
    settings: dict[str, tuple[Settings, ...]] = {}
    dice: dict[str, tuple[float | None, ...]] = {}


class ChosenOn(_Frozen):
    """On what they were judged; none of it may come back in a study that uses them.

    Parameters
    ----------
    preset, budget : str or None
        Of the trial runs.
    patients, seeds : tuple of int
        Development runs: numbers of training patients, and seeds.
    cases : tuple of str
        Development cases that were scored.
    """

    preset: str | None = None
    budget: str = ""
    patients: tuple[int, ...] = ()
    seeds: tuple[int, ...] = ()
    cases: tuple[str, ...] = ()


class FrozenSettings(_Frozen):
    """Settings per group, and how they were found.

    Parameters
    ----------
    tried : Tried
        The candidates.
    chosen_on : ChosenOn
        What they were judged on.
    groups : dict of str to tuple of str
        ``section.field=value`` for each group; groups that are not named use the preset as it is.
    """

    tried: Tried = Tried()
    chosen_on: ChosenOn = ChosenOn()
    groups: dict[str, Settings] = {}

    def of(self, group: str) -> Settings:
        """Return the settings of a group."""
        return self.groups.get(group, ())

    def refuse_reuse(self, seeds: Collection[int], test: Collection[str]) -> None:
        """Raise UserError where a study would report on what the settings were chosen on."""
        told = [f"seed {seed}" for seed in seeds if seed in self.chosen_on.seeds]
        told += [f"test case {case}" for case in test if case in self.chosen_on.cases]
        if told:
            raise UserError(
                f"the frozen settings were chosen on {', '.join(told)}, so these cannot be reported on; "
                "nothing was started; choose other seeds with --first-seed, or other settings with --settings"
            )


def frozen_settings(study: str, path: Path | None = None) -> FrozenSettings:
    """Read the settings of a study: from a file, else those that came with the package.

    Raises
    ------
    UserError
        If the file is missing or holds something else.
    """
    own = Path(str(files("napari_progseg.studies").joinpath("settings", f"{study}.json")))
    try:
        return FrozenSettings.model_validate(read_json(path or own))
    except FileNotFoundError:
        raise UserError(f"there is no file {path or own}; nothing was started; check --settings") from None
    except (DamagedFileError, ValidationError) as error:
        raise UserError(
            f"{path or own} holds no frozen settings; nothing was started; it needs tried, chosen_on and groups"
        ) from error

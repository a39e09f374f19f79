"""What the runs of a project were, and what each has learned from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ..data.plan import Plan
from ..errors import UserError
from ..lineage import seen_cases, start_folder
from ..project import Project
from ..storage.atomic import read_json
from ..studies.history import history_of
from ..studies.rows import Point
from ..training.config import RunConfig
from ..training.material import PLAN
from ..training.starts import config_of
from ..training.watch import RunStatus, status


@dataclass(frozen=True)
class RunFacts:
    """One run.

    Parameters
    ----------
    path : Path
        Its folder.
    config : RunConfig
        Its settings.
    plan : Plan or None
        What was decided from the data; None where the run never began.
    status : RunStatus
        State, steps, seconds, best validation Dice.
    curve : tuple of Point
        Its validations.
    start : RunFacts or None
        The run whose weights it began with, where that is still there.
    """

    path: Path
    config: RunConfig
    plan: Plan | None
    status: RunStatus
    curve: tuple[Point, ...] = ()
    start: RunFacts | None = None

    @property
    def name(self) -> str:
        """Name of the run folder."""
        return self.path.name

    def learned_from(self, runs_dir: Path) -> frozenset[str]:
        """Return the cases of the project whose labels this run, or one it started from, has seen."""
        return seen_cases(self.path) if self.path.resolve().parent == runs_dir.resolve() else frozenset()


def run_facts(run_dir: Path) -> RunFacts:
    """Read a run and those it started from.

    Raises
    ------
    UserError
        If its settings cannot be read.
    """
    try:
        config = config_of(run_dir)
    except (OSError, ValidationError) as error:
        raise UserError(f"the settings of {run_dir} cannot be read; nothing was changed; choose another run") from error
    start = None
    if config.init is not None and (folder := start_folder(run_dir.parent, config.init)).is_dir():
        start = run_facts(folder) if folder.resolve() != run_dir.resolve() else None
    return RunFacts(run_dir, config, _plan(run_dir), status(run_dir), history_of(run_dir)[0], start)


def all_runs(project: Project) -> tuple[RunFacts, ...]:
    """Read the runs of a project, oldest first; those that cannot be read are left out."""
    found = []
    for run in project.runs():
        try:
            found.append(run_facts(run))
        except (UserError, OSError):
            continue
    return tuple(found)


def _plan(run_dir: Path) -> Plan | None:
    try:
        return Plan.model_validate(read_json(run_dir / PLAN))
    except (OSError, UserError, ValidationError):
        return None

"""What all arms of a study share, so that they differ in nothing but what is studied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ..data.plan import facts_of, make_plan
from ..project import Project
from ..storage.atomic import DamagedFileError, read_json, write_json
from ..training.config import RunConfig
from .rows import bare, fingerprint

NAME = "common.json"


class Common(BaseModel):
    """Grid, window and patch of all runs of a study.

    Parameters
    ----------
    dims : int
        2 or 3.
    spacing : tuple of float
        Voxel size, (z, y, x) in mm.
    patch : tuple of int
        Training patch, (z, y, x) or (y, x); a run of task ``shape`` takes that of its largest training volume instead.
    window : tuple of float or None
        CT window in HU; None for MR.
    """

    model_config = ConfigDict(frozen=True)

    dims: int
    spacing: tuple[float, float, float]
    patch: tuple[int, ...]
    window: tuple[float, float] | None

    def given_to(self, config: RunConfig) -> RunConfig:
        """Write them into the settings of a run."""
        document = config.model_dump()
        document["model"]["dims"] = self.dims
        if config.task != "shape":
            document["patches"]["size"] = self.patch
        document["data"] |= {"spacing": self.spacing, "window": self.window}
        return RunConfig.model_validate(document)


def common_to(project: Project, scans: Sequence[str], config: RunConfig, folder: Path) -> Common:
    """Decide by the images of all scans, never by their labels; what was decided is kept in ``common.json``.

    Parameters
    ----------
    scans : sequence of str
        Cases that may be learned from.
    config : RunConfig
        Settings of a restoration run, or of a run that learns shapes and reads whole volumes; what they fix stays.
    folder : Path
        Of the study.
    """
    known_by = fingerprint({"scans": list(scans), "config": bare(config)})
    if (kept := _kept(folder / NAME, known_by)) is not None:
        return kept
    facts = [facts_of(case, project.volume(case), None, project.case(case).modality) for case in scans]
    if config.task == "shape":
        facts = [replace(fact, foreground=fact.body) for fact in facts]
    plan = make_plan(facts, config, ())
    common = Common(dims=plan.dims, spacing=plan.spacing_zyx_mm, patch=plan.patch, window=plan.window)
    write_json(folder / NAME, {"known_by": known_by, **common.model_dump(mode="json")})
    return common


def _kept(path: Path, known_by: str) -> Common | None:
    try:
        document = read_json(path)
        return Common.model_validate(document) if document.get("known_by") == known_by else None
    except (FileNotFoundError, DamagedFileError, ValidationError, AttributeError):
        return None

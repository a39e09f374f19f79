"""The runs that the pictures show: on generated MR volumes, made once and kept in a folder."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from napari_progseg.project import Project
from napari_progseg.samples.cohort import write_cohort
from napari_progseg.training.config import PresetName, Task, apply_settings, preset_config
from napari_progseg.training.run import create_run, execute
from napari_progseg.training.watch import status

SCANS, LABELLED, PATIENT = 12, 2, "mr_011"


@dataclass(frozen=True)
class SampleRuns:
    """A project of generated volumes, of which all runs leave out `PATIENT`.

    Parameters
    ----------
    project : Project
        12 MR volumes of a structure of two parts.
    quick : bool
        Train two steps only, to see that a script works.
    """

    project: Project
    quick: bool

    def steps(self, wanted: int) -> int:
        """Return how many steps to train."""
        return 2 if self.quick else wanted

    def new(self, task: Task, name: str, steps: int, init: Path | None = None) -> Path:
        """Make a 2D run: restoration on all scans but the patient's, the others on two labelled volumes."""
        others = tuple(case.id for case in self.project.cases if case.id != PATIENT)
        preset: PresetName = "tiny" if init is None else "progressive"
        config = preset_config(
            preset,
            task,
            name=name,
            init=None if init is None else str(init.resolve()),
            device="cpu",
            train=others if task == "restoration" else others[:LABELLED],
            budget={"steps": self.steps(steps)},
        )
        return create_run(self.project, apply_settings(config, [] if init else ["model.dims=2"]))

    def trained(self, task: Task, name: str, steps: int, init: Path | None = None) -> Path:
        """Train a run, unless the project has a finished one of that name."""
        for run in self.project.runs():
            if run.name.endswith(f"-{name}") and status(run).state == "finished":
                return run
        run = self.new(task, name, steps, init)
        for _ in execute(run):
            pass
        return run


@contextmanager
def asked(picture: str) -> Iterator[tuple[Path, SampleRuns]]:
    """Read the command line: where to draw, and the folder of the project, a temporary one if none is given."""
    parser = argparse.ArgumentParser(description=f"Draw {picture}.")
    parser.add_argument("picture", type=Path, nargs="?", default=Path("docs/images") / picture)
    parser.add_argument("--project", type=Path, help="kept, with its runs, for the next call")
    parser.add_argument("--quick", action="store_true", help="train two steps only")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.project or Path(temporary) / "project"
        yield given.picture, SampleRuns(_project(folder), given.quick)


def _project(folder: Path) -> Project:
    if (folder / "progseg.json").exists():
        return Project.open(folder)
    scans = folder.parent / f"{folder.name}-scans"
    write_cohort(scans, "mr", SCANS)
    return Project.create(folder, scans / "images", scans / "labels", {"structure": (1, 2)})

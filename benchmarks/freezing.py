"""How much time frozen layers save: the loop with a part of the network frozen over the loop with all of it learning.

Run with ``python benchmarks/freezing.py``, or with a project of one's own, ``python benchmarks/freezing.py PROJECT``.
All loops take their steps in turns in one process, so that the ratios hold while the machine's speed drifts.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from efficiency import CASES, loop_of
from napari_progseg.inference.model import choose_device
from napari_progseg.project import Project
from napari_progseg.samples import write_cohort
from timing import seconds_per_call

ROUNDS, STEPS = 9, 3
PARTS: dict[str, tuple[str, ...]] = {
    "all": (),
    "last 10": ("freeze.policy=last_k", "freeze.last=10"),
    "last 4": ("freeze.policy=last_k", "freeze.last=4"),
    "head": ("freeze.policy=head",),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Time loops with frozen layers.")
    parser.add_argument("project", type=Path, nargs="?", help="folder of a project; two-part MR phantoms if not said")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = Project.open(asked.project) if asked.project else phantoms(Path(folder))
        print(f"device {choose_device('auto')}, {torch.get_num_threads()} threads, preset tiny")
        print(f"{'dims':>4}" + "".join(f"{part:>18}" for part in PARTS))
        for dims in (2, 3):
            # a frozen network needs a run to start from; which, is nothing to its speed
            loops = [loop_of(project, "segmentation", dims, settings, init=".")[0] for settings in PARTS.values()]
            report(dims, loops)


def phantoms(folder: Path) -> Project:
    """Make a project of generated patients."""
    cohort = write_cohort(folder / "cohort", "mr", CASES)
    return Project.create(folder / "project", cohort / "images", cohort / "labels")


def report(dims: int, loops: list[Iterator[object]]) -> None:
    """Time the loops in turns; print seconds a step of the first and the ratios of the others with their ranges."""
    for loop in loops:
        next(loop)
    rounds = [[seconds_per_call(loop.__next__, STEPS) for loop in loops] for _ in range(ROUNDS)]
    cells = [f"{statistics.median(times[0] for times in rounds):.3f} s a step"]
    for column in range(1, len(loops)):
        ratios = sorted(times[column] / times[0] for times in rounds)
        cells.append(f"{statistics.median(ratios):.2f} ({ratios[1]:.2f}-{ratios[-2]:.2f})")
    print(f"{dims:>4}" + "".join(f"{cell:>18}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()

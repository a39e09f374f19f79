"""Draw how patches and batches grow, by the published rules.

``python scripts/pictures/pgps.py`` takes a second.
"""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
from canvas import save
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sample_runs import asked

from napari_progseg.schedules.patches import PatchSchedule
from napari_progseg.training.config import PatchChoice, PatchConfig

FINAL, DIVISOR, BATCH = (64, 64, 64), (16, 16, 16), 2
AXES = {"z": "#0072B2", "y": "#D55E00", "x": "#009E73"}
LOOKS: dict[PatchChoice, str] = {"efficiency": "#56B4E9", "performance": "#E69F00"}


def draw(target: Path) -> None:
    """Draw sizes, batches and voxels of a step against the progress of a run."""
    schedules = {choice: PatchSchedule.growing(FINAL, DIVISOR, BATCH, PatchConfig(schedule=choice)) for choice in LOOKS}
    figure = Figure(figsize=(9.6, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    size, batch, voxels = figure.subplots(1, 3)
    starts, stages = zip(*schedules["efficiency"].starts, strict=True)
    for axis, (name, colour) in enumerate(AXES.items()):
        values = [stage.patch[axis] + 0.5 * (axis - 1) for stage in stages]
        size.step([*starts, 1], [*values, values[-1]], where="post", color=colour, label=name)
    size.legend(frameon=False)
    size.set_title("patch (voxels)")
    for choice, colour in LOOKS.items():
        schedule = schedules[choice]
        starts, stages = zip(*schedule.starts, strict=True)
        at = [*starts, 1]
        batches = [stage.batch for stage in stages]
        batch.step(at, [*batches, batches[-1]], where="post", color=colour)
        share = np.array([stage.voxels / (BATCH * prod(FINAL)) for stage in stages])
        voxels.step(at, [*share, share[-1]], where="post", color=colour)
        voxels.axhline(schedule.voxel_ratio, color=colour, linestyle=":")
    batch.set_yscale("log", base=2)
    batch.set_title("patches a step")
    voxels.set_title("voxels a step, relative to the full patch\n(dotted: mean over the run)", fontsize=10)
    for axes in (size, batch, voxels):
        axes.set_xlabel("progress of the run")
        axes.spines[["top", "right"]].set_visible(False)
    save(figure, target, dict(LOOKS))


if __name__ == "__main__":
    with asked("pgps.png") as (picture, _):
        draw(picture)

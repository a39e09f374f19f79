"""Train an automatic model and draw what the live preview shows of a patient that it does not learn from.

``python scripts/pictures/baseline.py`` takes some minutes on two CPU cores.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from canvas import ANSWER, REFERENCE, figure_of, outline, save, show
from clicking import Slice, fullest_slice
from sample_runs import LABELLED, PATIENT, SampleRuns, asked

from napari_progseg.training.events import Previewed
from napari_progseg.training.run import execute
from napari_progseg.training.watch import request

TRAIN, SHOWN = 600, (1, 30, 120, 600)


class Moment(NamedTuple):
    """The live mask (Z, Y, X) of the patient after some steps, and its Dice."""

    step: int
    mask: Slice
    dice: float


def main(target: Path, runs: SampleRuns) -> None:
    """Train, keep live previews near some steps, and draw them."""
    volume, labels = runs.project.volume(PATIENT), runs.project.labels(PATIENT)
    assert labels is not None, "every generated volume has labels"
    moments = list(seen(runs))
    nearest = {min(moments, key=lambda moment: abs(moment.step - step)).step for step in SHOWN}
    chosen = [moment for moment in moments if moment.step in nearest]
    z = fullest_slice(labels.labels)
    sentences = (
        f"Learns from {LABELLED} labelled scans, without clicks; live on a scan that it does not learn from.",
        "Dice is of the whole volume.",
    )
    figure, grid = figure_of(1, len(chosen), sentences, width=2.4)
    for axes, moment in zip(grid[0], chosen, strict=True):
        show(axes, volume.image[z])
        outline(axes, labels.labels[z] > 0, REFERENCE)
        outline(axes, moment.mask[z] > 0, ANSWER)
        axes.set_title(f"step {moment.step}: Dice {moment.dice:.2f}", fontsize=10)
    save(figure, target, {"reference": REFERENCE, "live prediction": ANSWER})


def seen(runs: SampleRuns) -> Iterator[Moment]:
    """Train a run and yield its live previews of the patient."""
    run = runs.new("segmentation", "baseline", TRAIN)
    request(run, preview=PATIENT)
    for event in execute(run):
        if isinstance(event, Previewed):
            with np.load(run / event.path) as preview:
                yield Moment(event.step, preview["labels"], event.dice["structure"] or 0.0)


if __name__ == "__main__":
    with asked("baseline.png") as (picture, sample):
        main(picture, sample)

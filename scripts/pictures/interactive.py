"""Train with clicks and draw how each click is chosen and answered.

``python scripts/pictures/interactive.py`` takes some minutes on two CPU cores.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from canvas import ANSWER, INSIDE, OUTSIDE, REFERENCE, figure_of, mark, outline, save, show
from clicking import Round, Slice, fullest_slice, played
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from sample_runs import LABELLED, PATIENT, SampleRuns, asked

from napari_progseg.evaluation.metrics import dice
from napari_progseg.inference.model import load_trained

TRAIN, CLICKS = 300, 3
MISSED, EXTRA = "#0072B2", "#CC79A7"


def main(target: Path, runs: SampleRuns) -> None:
    """Train where the run is missing, click on two slices of the patient, and draw."""
    model = load_trained(runs.trained("interactive", "clicks", TRAIN), "cpu")
    volume, labels = runs.project.volume(PATIENT), runs.project.labels(PATIENT)
    assert labels is not None, "every generated volume has labels"
    middle = fullest_slice(labels.labels)
    filled = np.flatnonzero((labels.labels > 0).any((1, 2)))
    slices = (middle, int((middle + filled[-1]) // 2))
    sentences = (
        f"Learned from clicks on {LABELLED} labelled scans, {runs.steps(TRAIN)} steps; shown on another scan.",
        "The next click lands innermost in the largest error: inside where the structure is missed, outside where the",
        "answer is extra.",
    )
    figure, grid = figure_of(len(slices), CLICKS + 1, sentences, width=2.4)
    for row, z in zip(grid, slices, strict=True):
        wanted = labels.labels[z] > 0
        rounds = played(model, volume, z, wanted, CLICKS)
        for axes, each in zip(row, rounds, strict=True):
            draw(axes, volume.image[z], wanted, each)
    meaning = {"reference": REFERENCE, "answer": ANSWER, "missed": MISSED, "extra": EXTRA}
    save(figure, target, meaning | {"inside click": INSIDE, "outside click": OUTSIDE})


def draw(axes: Axes, image: Slice, wanted: Slice, each: Round) -> None:
    """Draw one answer over the slice: its errors in colour, and the clicks so far."""
    show(axes, image)
    for wrong, colour in ((wanted & ~each.answer, MISSED), (each.answer & ~wanted, EXTRA)):
        axes.imshow(np.ma.masked_equal(wrong, 0), cmap=ListedColormap([colour]), alpha=0.75)
    outline(axes, wanted, REFERENCE)
    outline(axes, each.answer, ANSWER)
    mark(axes, each.clicks)
    score = dice(each.answer.astype(np.uint8), wanted.astype(np.uint8), [1])[1] or 0.0
    count = len(each.clicks)
    axes.set_title(f"{count} click{'s' * (count != 1)}: Dice {score:.2f}", fontsize=10)


if __name__ == "__main__":
    with asked("interactive.png") as (picture, sample):
        main(picture, sample)

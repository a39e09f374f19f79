"""Train progressively and draw what the network sees before each click.

``python scripts/pictures/progressive.py`` takes some minutes on two CPU cores.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from canvas import ANSWER, INSIDE, OUTSIDE, REFERENCE, figure_of, mark, outline, save, show
from clicking import Round, Slice, fullest_slice, played
from sample_runs import LABELLED, PATIENT, SCANS, SampleRuns, asked

from napari_progseg.evaluation.metrics import dice
from napari_progseg.inference.model import load_trained

LEARN, TRAIN, CLICKS = 1500, 300, 3


def main(target: Path, runs: SampleRuns) -> None:
    """Train where a run is missing, click, and draw."""
    learned = runs.trained("restoration", "learn", LEARN)
    model = load_trained(runs.trained("interactive", "progressive", TRAIN, learned), "cpu")
    volume, labels = runs.project.volume(PATIENT), runs.project.labels(PATIENT)
    assert labels is not None, "every generated volume has labels"
    z = fullest_slice(labels.labels)
    wanted = labels.labels[z] > 0
    sentences = (
        f"1. restoration: {SCANS - 1} scans, no labels, {runs.steps(LEARN)} steps",
        f"2. clicks: the same network, {LABELLED} labelled scans, {runs.steps(TRAIN)} steps",
        "3. on a scan it has not seen: each click corrects the mask before it",
    )
    draw(target, volume.image[z], wanted, played(model, volume, z, wanted, CLICKS), sentences)


def draw(target: Path, image: Slice, wanted: Slice, rounds: list[Round], sentences: tuple[str, ...]) -> None:
    """Draw a row for each number of clicks: the four input channels and the answer."""
    figure, grid = figure_of(len(rounds), 5, sentences)
    for number, (row, each) in enumerate(zip(grid, rounds, strict=True)):
        channels = {"inside clicks": each.inside, "outside clicks": each.outside, "previous mask": each.previous}
        show(row[0], image)
        for axes, channel in zip(row[1:], channels.values(), strict=False):
            show(axes, channel, "magma", 1.0)
        if number == 0:
            for axes, name in zip(row, ("image", *channels), strict=False):
                axes.set_title(name, fontsize=10)
        mark(row[0], each.clicks)
        show(row[4], image)
        outline(row[4], wanted, REFERENCE)
        outline(row[4], each.answer, ANSWER)
        score = dice(each.answer.astype(np.uint8), wanted.astype(np.uint8), [1])[1] or 0.0
        row[4].set_title(f"{number} click{'s' * (number != 1)}: Dice {score:.2f}", fontsize=10)
    colours = {"reference": REFERENCE, "answer": ANSWER, "inside click": INSIDE}
    if not all(click.inside for click in rounds[-1].clicks):
        colours["outside click"] = OUTSIDE
    save(figure, target, colours)


if __name__ == "__main__":
    with asked("progressive.png") as (picture, sample):
        main(picture, sample)

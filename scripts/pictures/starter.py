"""Draw what the starter learns from, and its answers to a drag and two clicks on a scan it has never seen.

``python scripts/pictures/starter.py`` takes some seconds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from canvas import ANSWER, INSIDE, REFERENCE, Slice, figure_of, mark, outline, save, show
from matplotlib.axes import Axes
from matplotlib.patches import Circle
from sample_runs import PATIENT, SampleRuns, asked

from napari_progseg.data.synthesis import draw_tasks
from napari_progseg.guidance.drags import DragPrompt
from napari_progseg.guidance.gestures import first_gesture, next_click
from napari_progseg.guidance.prompts import Prompt, clicks_in
from napari_progseg.inference.starter import StarterSession

COLUMNS, SIZE, SEED = 6, 48, 5
STEPS = 3


def main(target: Path, runs: SampleRuns) -> None:
    """Draw tasks in two rows, and answers in a third."""
    sentences = (
        "Above: generated images; a click or a drag is about one object (outlined). Nothing else was learned from.",
        "Below: a scan that it has never seen, axial and coronal: the answers to a drag and to two clicks after it.",
    )
    figure, grid = figure_of(3, COLUMNS, sentences, width=1.6)
    tasks = draw_tasks(torch.Generator().manual_seed(SEED), 3 * COLUMNS, SIZE)
    for axes, image, wanted in zip(grid[:2].ravel(), tasks.images[:, 0].numpy(), tasks.targets.numpy(), strict=False):
        z = int(wanted.sum((1, 2)).argmax())
        show(axes, image[z], most=1.0)
        outline(axes, wanted[z], REFERENCE)
    draw_answers(list(grid[2]), runs)
    save(figure, target, {"object": REFERENCE, "answer": ANSWER, "drag": INSIDE})


def draw_answers(row: list[Axes], runs: SampleRuns) -> None:
    """Begin a structure of the sample with a drag, and click twice on errors."""
    volume, labels = runs.project.volume(PATIENT), runs.project.labels(PATIENT)
    assert labels is not None, "every generated volume has labels"
    wanted, spacing = labels.labels > 0, volume.geometry.spacing_zyx_mm
    session, marked = StarterSession(), np.zeros(wanted.shape, np.uint16)
    session.set_image(volume)
    prompts: list[Prompt] = []
    for number in range(STEPS):
        generator = np.random.default_rng(0)
        prompt = (
            next_click(marked > 0, wanted, spacing, 1)
            if prompts
            else first_gesture(wanted, spacing, 1, "drag", generator)
        )
        assert prompt is not None
        prompts.append(prompt)
        for region, patch in session.answer(prompts, number, marked.copy()).patches:
            marked[region] = patch
        z, y, _ = clicks_in(prompts)[0].voxel_zyx
        axial, coronal = row[2 * number : 2 * number + 2]
        _draw(axial, volume.image[z], wanted[z], marked[z] > 0)
        _draw(coronal, volume.image[:, y], wanted[:, y], marked[:, y] > 0)
        overlap = 2 * float(((marked > 0) & wanted).sum()) / float((marked > 0).sum() + wanted.sum())
        axial.set_title(f"{('drag', '1 click more', '2 clicks more')[number]}: Dice {overlap:.2f}", fontsize=9)
        if isinstance(prompt, DragPrompt):
            mark(axial, clicks_in([prompt]))
            centre, reach = prompt.voxel_zyx, prompt.reach_mm / spacing[2]
            limits = axial.get_xlim(), axial.get_ylim()
            axial.add_patch(Circle((centre[2], centre[1]), reach, fill=False, color=INSIDE, linewidth=1.5))
            axial.set(xlim=limits[0], ylim=limits[1])


def _draw(axes: Axes, image: Slice, wanted: Slice, answer: Slice) -> None:
    show(axes, image)
    outline(axes, wanted, REFERENCE)
    outline(axes, answer, ANSWER)


if __name__ == "__main__":
    with asked("starter.png") as (picture, sample):
        main(picture, sample)

"""Draw which part of a network learns again, and what the simulated second centre looks like.

``python scripts/pictures/transfer.py`` takes some seconds.
"""

from __future__ import annotations

from pathlib import Path

import torch
from canvas import REFERENCE, figure_of, outline, save, show
from clicking import fullest_slice
from initialisation import CARRIED, GONE, HIPPOCAMPUS, WIDE, box, layers, places, plan_of
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from sample_runs import PATIENT, SampleRuns, asked

from napari_progseg.networks import build_network
from napari_progseg.networks.freeze import freeze
from napari_progseg.samples.centre import CentreShift, shifted
from napari_progseg.training.config import FreezeChoice

POLICIES: dict[str, tuple[FreezeChoice, int]] = {
    "encoder": ("encoder", 0),
    "last 10 (default)": ("last_k", 10),
    "last 4": ("last_k", 4),
    "head": ("head", 0),
}


def main(target: Path, runs: SampleRuns) -> None:
    """Draw two rows: networks by what is frozen, and a patient of each centre."""
    figure, grid = figure_of(2, len(POLICIES), (), width=2.5)
    for axes, (name, (policy, last)) in zip(grid[0], POLICIES.items(), strict=True):
        network_of(axes, policy, last)
        axes.set_title(f"--freeze {policy}" + (f", {name}" if last else ""), fontsize=9)
    volume, labels = runs.project.volume(PATIENT), runs.project.labels(PATIENT)
    assert labels is not None, "every generated volume has labels"
    z = fullest_slice(labels.labels)
    centres = {
        "source centre": (volume, labels),
        "other contrast, noise, resolution": shifted(volume, labels, CentreShift(), 0),
        "and wider contours": shifted(volume, labels, CentreShift(contour=2), 0),
    }
    for axes, (name, (image, drawn)) in zip(grid[1], centres.items(), strict=False):
        show(axes, image.image[z])
        outline(axes, drawn.labels[z] > 0, REFERENCE)
        axes.set_title(name, fontsize=9)
    grid[1][-1].set_axis_off()
    save(figure, target, {"learns again": CARRIED, "stays as it was": GONE, "contour": REFERENCE})


def network_of(axes: Axes, policy: FreezeChoice, last: int) -> None:
    """Draw the network as a U, frozen convolutions in grey."""
    plan = plan_of("segmentation", (HIPPOCAMPUS,))
    network = build_network(plan, seed=0)
    learning = freeze(network, policy, torch.zeros(2, plan.input_channels, *plan.patch), last=max(1, last))
    found = layers(network)
    for layer, x in zip(found, places(found), strict=True):
        bottom, height = box(layer.level)
        colour = CARRIED if layer.name in learning else GONE
        axes.add_patch(Rectangle((x, bottom), WIDE, height, facecolor=colour))
    deepest = max(layer.level for layer in found)
    axes.set(xlim=(-0.5, places(found)[-1] + 1), ylim=(box(deepest)[0] - 0.3, 2.2))
    axes.set_aspect("equal")
    axes.set_axis_off()


if __name__ == "__main__":
    with asked("transfer.png") as (picture, sample):
        main(picture, sample)

"""Draw what a network takes over from another run, from the report that a run prints.

``python scripts/pictures/initialisation.py [docs/images/initialisation.png]``
"""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from torch import nn

from napari_progseg.data.plan import CaseFacts, Plan, make_plan
from napari_progseg.networks import build_network
from napari_progseg.networks.build import convolutions
from napari_progseg.networks.surgery import CarryReport, carry_over
from napari_progseg.training.config import Task, apply_settings, preset_config
from napari_progseg.volume import LabelClass

CARRIED, NEW, ZERO, GONE, LINE = "#0072B2", "#D55E00", "#F0E442", "#BBBBBB", "#666666"
WIDE, STEP, BREAK = 0.52, 0.62, 0.75
HIPPOCAMPUS, TUMOUR = LabelClass("hippocampus", (1, 2)), LabelClass("tumour", (3,))


class Layer(NamedTuple):
    """One convolution: the name of its filters, and how often the image was halved before its answer."""

    name: str
    level: int


def plan_of(task: Task, classes: tuple[LabelClass, ...], source: Plan | None = None) -> Plan:
    """Plan a 2D run of preset tiny on MR volumes of 36 x 50 x 36 voxels."""
    facts = CaseFacts("mr", "mr", (36, 50, 36), (1.0, 1.0, 1.0), np.arange(9, dtype=np.float32))
    config = apply_settings(preset_config("tiny", task, budget={"steps": 1}), ["model.dims=2"])
    return make_plan([facts], config, classes, source)


def taken_over(source: Plan, plan: Plan, origin: str) -> tuple[nn.Module, CarryReport]:
    """Return a network that begins with the weights of another one, and the report."""
    network = build_network(plan, seed=1)
    tensors, report = carry_over(build_network(source, seed=0).state_dict(), source, network, plan, origin=origin)
    network.load_state_dict(tensors)
    return network, report


def layers(network: nn.Module) -> list[Layer]:
    """List the convolutions from input to output."""
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    level, found = 0, []
    for module in convolutions(network):
        coarser: Any = max(module.stride) > 1  # type: ignore[arg-type, type-var]
        level += -int(coarser) if isinstance(module, nn.ConvTranspose2d) else int(coarser)
        found.append(Layer(names[id(module.weight)], level))
    return found


def places(all_layers: list[Layer]) -> list[float]:
    """Place the layers from left to right, with a gap where the resolution changes."""
    x, out, level = 0.0, [], 0
    for layer in all_layers:
        x += BREAK * (layer.level != level)
        out.append(x)
        x, level = x + STEP, layer.level
    return out


def box(level: int) -> tuple[float, float]:
    """Return bottom and height of the layers of a level."""
    height = 3.4 * 0.62**level
    return -2.5 * level - height / 2, height


def draw(axes: Axes, network: nn.Module, report: CarryReport) -> None:
    """Draw the network as a U, each convolution in the colour of where its filters come from."""
    found = layers(network)
    xs = places(found)
    deepest = max(layer.level for layer in found)
    for layer, x in list(zip(found, xs, strict=True))[1:-1]:
        bottom, height = box(layer.level)
        colour = CARRIED if layer.name in report.carried else NEW
        axes.add_patch(Rectangle((x, bottom), WIDE, height, facecolor=colour))
    for number in range(1, len(found)):
        (y0, h0), (y1, h1) = (box(layer.level) for layer in found[number - 1 : number + 1])
        if y0 != y1:
            arrow(axes, (xs[number - 1] + WIDE, y0 + h0 / 2), (xs[number], y1 + h1 / 2))
    for level in range(deepest):
        here = [x for layer, x in zip(found, xs, strict=True) if layer.level == level]
        gap = int(np.argmax(np.diff(here)))
        bottom, height = box(level)
        axes.plot([here[gap] + WIDE + 0.1, here[gap + 1] - 0.1], [bottom + 0.15 * height] * 2, ":", color=LINE)
    inputs(axes, report, xs[0])
    outputs(axes, report, xs[-1])
    axes.set_title("\n".join(textwrap.wrap(report.sentence, 112)), fontsize=9.5, loc="left")
    axes.set(xlim=(-5.2, xs[-1] + 4.6), ylim=(box(deepest)[0] - 0.2, 2.6))
    axes.set_aspect("equal")
    axes.set_axis_off()


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Draw an arrow from layer to layer."""
    axes.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": LINE, "linewidth": 0.9})


def inputs(axes: Axes, report: CarryReport, x: float) -> None:
    """Draw the input convolution in stripes, one for each channel it reads or has read."""
    channels = [*report.channels, *(name for name in report.channels_before if name not in report.channels)]
    bottom, height = box(0)
    stripe = height / len(channels)
    for row, name in enumerate(channels):
        y = bottom + height - (row + 1) * stripe
        gone = name not in report.channels
        colour = GONE if gone else CARRIED if name in report.channels_before else ZERO
        axes.add_patch(Rectangle((x, y), WIDE, stripe, facecolor=colour, edgecolor="white", linewidth=1))
        axes.text(x - 0.9, y + stripe / 2, name, ha="right", va="center", fontsize=8.5, color=LINE if gone else "black")
        if not gone:
            arrow(axes, (x - 0.8, y + stripe / 2), (x, y + stripe / 2))


def outputs(axes: Axes, report: CarryReport, x: float) -> None:
    """Draw the head in stripes, one for each of its outputs."""
    names = dict.fromkeys(report.kept, CARRIED) | dict.fromkeys(report.fresh, NEW)
    bottom, height = box(0)
    stripe = height / len(names)
    for row, (name, colour) in enumerate(names.items()):
        y = bottom + height - (row + 1) * stripe
        axes.add_patch(Rectangle((x, y), WIDE, stripe, facecolor=colour, edgecolor="white", linewidth=1))
        arrow(axes, (x + WIDE, y + stripe / 2), (x + WIDE + 0.8, y + stripe / 2))
        axes.text(x + WIDE + 0.9, y + stripe / 2, name, va="center", fontsize=8.5)


def main(target: Path) -> None:
    """Draw a restoration run taken over for clicks, and that run for automatic masks of one more structure."""
    restoration = plan_of("restoration", ())
    clicks = plan_of("interactive", (HIPPOCAMPUS,), restoration)
    automatic = plan_of("segmentation", (HIPPOCAMPUS, TUMOUR), clicks)
    figure = Figure(figsize=(10, 9.2), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1)
    draw(upper, *taken_over(restoration, clicks, "0001-learn (restoration, step 1200)"))
    draw(lower, *taken_over(clicks, automatic, "0002-clicks (interactive, step 900)"))
    meaning = {
        CARRIED: "carried over",
        ZERO: "new input channel, starts at zero",
        NEW: "new, random",
        GONE: "left out",
    }
    handles = [Patch(facecolor=colour, label=text) for colour, text in meaning.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=9)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images/initialisation.png"))

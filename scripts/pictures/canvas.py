"""How all pictures of slices look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from napari_progseg.guidance.clicks import Click

REFERENCE, ANSWER, INSIDE, OUTSIDE = "#E69F00", "#56B4E9", "#009E73", "#D55E00"
Slice = NDArray[Any]


def figure_of(rows: int, columns: int, sentences: Sequence[str], width: float = 1.92) -> tuple[Figure, Any]:
    """Make a grid of slices below some sentences; axes come as an array (rows, columns)."""
    height = (width + 0.35) * rows + 0.45 + 0.22 * len(sentences)
    figure = Figure(figsize=(width * columns, height), layout="constrained")
    FigureCanvasAgg(figure)
    if sentences:
        figure.suptitle("\n".join(sentences), fontsize=10.5, x=0.02, ha="left")
    return figure, figure.subplots(rows, columns, squeeze=False)


def show(axes: Axes, channel: Slice, colours: str = "gray", most: float | None = None) -> None:
    """Show a slice without axes; `most` is the value at the end of the colours, 0 at their beginning."""
    axes.imshow(channel, cmap=colours, vmin=None if most is None else 0, vmax=most)
    axes.set_xticks([])
    axes.set_yticks([])


def outline(axes: Axes, mask: Slice, colour: str) -> None:
    """Draw the contour of a mask (Y, X)."""
    if mask.any():
        axes.contour(mask, [0.5], colors=colour, linewidths=1.6)


def mark(axes: Axes, clicks: Sequence[Click]) -> None:
    """Mark clicks on a slice."""
    for click in clicks:
        _, y, x = click.voxel_zyx
        colour = INSIDE if click.inside else OUTSIDE
        axes.plot(x, y, "o" if click.inside else "X", color=colour, markeredgecolor="white", markersize=8)


def save(figure: Figure, target: Path, meaning: Mapping[str, str]) -> None:
    """Write the picture, with a legend of colours by name."""
    handles = [Line2D([], [], color=colour, label=name, linewidth=3) for name, colour in meaning.items()]
    if handles:
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=9)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=100)

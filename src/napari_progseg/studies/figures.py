"""Pictures of a study, drawn with matplotlib without a window."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import NullLocator

from ..evaluation.crossed import CrossedInterval
from ..evaluation.report import Figure, png_of
from .analysis import Difference, Mean, Rows, Score, patients_of
from .rows import Point, Row

_STYLE: Any = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a929c",
    "axes.labelcolor": "#1b1f24",
    "axes.grid": True,
    "grid.color": "#e6e9ed",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "font.size": 9.5,
    "axes.titlesize": 10,
    "legend.frameon": False,
    "xtick.color": "#5b6470",
    "ytick.color": "#5b6470",
}
_DODGE = 0.035
_POINTS = 60
# inches that four names take side by side
_WIDTH_OF_LEGEND = 6.2


@dataclass(frozen=True)
class Look:
    """How a line is drawn; `below` puts a score into the background."""

    colour: str
    dash: str = "-"
    marker: str = "o"
    below: bool = False


@dataclass(frozen=True)
class Trace:
    """A line of places with intervals, and thin lines of single seeds."""

    points: tuple[tuple[float, CrossedInterval], ...]
    seeds: tuple[tuple[tuple[float, float], ...], ...] = ()


@rc_context(_STYLE)
def curve_of_means(name: str, caption: str, found: Sequence[Mean], looks: Mapping[Score, Look]) -> Figure:
    """Draw Dice against the number of patients (logarithmic), with intervals, one line a score."""
    drawing, axes = _canvas(7.2, 4.2)
    shown = [score for score in looks if any(mean.score == score for mean in found)]
    for place, score in enumerate(shown):
        own = sorted((mean for mean in found if mean.score == score), key=lambda mean: mean.patients)
        shift = math.exp(_DODGE * (place - (len(shown) - 1) / 2))
        x = [mean.patients * shift for mean in own]
        middle = np.array([mean.interval.mean for mean in own])
        ends = np.array([[mean.interval.low, mean.interval.high] for mean in own]).T
        _line(axes, x, middle, np.abs(ends - middle), score.label, looks[score])
    _patients_axis(axes, [mean.patients for mean in found])
    axes.set_ylabel("test Dice")
    _legend_beside(axes)
    return Figure(name, caption, png_of(drawing))


@rc_context(_STYLE)
def traces(
    name: str,
    caption: str,
    lines: Mapping[str, Trace],
    looks: Mapping[str, Look],
    axes_names: tuple[str, str],
    level: float | None = None,
) -> Figure:
    """Draw lines with intervals; `axes_names` are those of x and y, `level` is marked across."""
    drawing, axes = _canvas(7.2, 4.2)
    for label, trace in lines.items():
        for seed in trace.seeds:
            axes.plot([x for x, _ in seed], [y for _, y in seed], color=looks[label].colour, linewidth=0.7, alpha=0.35)
        middle = np.array([interval.mean for _, interval in trace.points])
        ends = np.array([[interval.low, interval.high] for _, interval in trace.points]).T
        _line(axes, [x for x, _ in trace.points], middle, np.abs(ends - middle), label, looks[label])
    if level is not None:
        axes.axhline(level, color="#1b1f24", linewidth=0.8, linestyle=":")
    axes.set_xlim(left=0)
    axes.set_xlabel(axes_names[0])
    axes.set_ylabel(axes_names[1])
    _legend_beside(axes)
    return Figure(name, caption, png_of(drawing))


@rc_context(_STYLE)
def forest(name: str, caption: str, found: Sequence[Difference], axis: str = "difference of test Dice") -> Figure:
    """Draw differences with their intervals, a row each, those of one comparison together."""
    drawing, axes = _canvas(7.2, 0.9 + 0.24 * len(found) + 0.12 * len({each.comparison.name for each in found}))
    heights: list[float] = []
    labels: list[tuple[str, int]] = []
    height = 0.0
    names = list(dict.fromkeys(each.comparison.name for each in found))
    shades = [f"C{number % 10}" for number in range(len(names))]
    for each in found:
        if heights and labels[-1][0] != each.comparison.name:
            height -= 0.5
        interval = each.interval
        colour = shades[names.index(each.comparison.name)]
        axes.plot([interval.low, interval.high], [height, height], color=colour, linewidth=2, solid_capstyle="round")
        axes.plot([interval.mean], [height], "o", color=colour, markersize=5)
        heights.append(height)
        labels.append((each.comparison.name, each.patients))
        height -= 1
    axes.axvline(0, color="#1b1f24", linewidth=0.8)
    axes.set_yticks(heights, [f"{text}, n = {patients}" for text, patients in labels])
    axes.grid(axis="y", visible=False)
    axes.set_xlabel(axis)
    return Figure(name, caption, png_of(drawing))


@rc_context(_STYLE)
def training_curves(
    name: str, caption: str, rows: Rows, looks: Mapping[str, Look], of: Literal["dice", "mm"] = "dice"
) -> Figure:
    """Draw validation Dice, or mm, against steps, a panel a number of patients: thin lines for seeds, thick means."""
    counts = patients_of(rows)
    columns = min(3, len(counts))
    lines = -(-len(counts) // columns)
    drawing, panels = _panels(lines, columns, max(2.9 * columns + 0.6, _WIDTH_OF_LEGEND), 2.5 * lines + 0.9)
    for axes, patients in zip(panels, counts, strict=False):
        for group, look in looks.items():
            own = [row for (g, n, _), row in rows.items() if (g, n) == (group, patients)]
            _seeds(axes, [_course(row, of) for row in own], group, look)
        axes.set_title(f"{patients} patient{'s' * (patients > 1)}")
        axes.set_xlabel("step")
    for axes in panels[len(counts) :]:
        axes.set_visible(False)
    panels[0].set_ylabel("validation Dice" if of == "dice" else "validation, mm")
    handles, labels = panels[0].get_legend_handles_labels()
    drawing.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 4))
    return Figure(name, caption, png_of(drawing))


@rc_context(_STYLE)
def validation_curves(name: str, caption: str, curves: Mapping[str, Sequence[Point]]) -> Figure:
    """Draw validation Dice against minutes of training, a line a run; validations without a Dice are left out."""
    drawing, axes = _canvas(7.2, 3.8)
    for label, points in curves.items():
        known = [(point.seconds / 60, point.dice) for point in points if point.dice is not None]
        axes.plot([x for x, _ in known], [y for _, y in known], marker="o", markersize=3.5, linewidth=1.6, label=label)
    axes.set_xlabel("minutes of training")
    axes.set_ylabel("validation Dice")
    axes.set_xlim(left=0)
    axes.set_ylim(0, 1)
    _legend_beside(axes)
    return Figure(name, caption, png_of(drawing))


def _course(row: Row, of: Literal["dice", "mm"]) -> list[tuple[int, float]]:
    values = [(point.step, point.dice if of == "dice" else point.mm) for point in row.curve]
    return [(step, value) for step, value in values if value is not None]


def _seeds(axes: Axes, points: Sequence[list[tuple[int, float]]], label: str, look: Look) -> None:
    curves = [([x for x, _ in each], [y for _, y in each]) for each in points if each]
    if not curves:
        return
    for x, y in curves:
        axes.plot(x, y, color=look.colour, linewidth=0.7, alpha=0.35)
    grid = np.linspace(max(x[0] for x, _ in curves), min(x[-1] for x, _ in curves), _POINTS)
    middle = np.mean([np.interp(grid, x, y) for x, y in curves], axis=0)
    axes.plot(grid, middle, color=look.colour, linestyle=look.dash, linewidth=2, label=label)


def _line(axes: Axes, x: Any, y: Any, errors: Any, label: str, look: Look) -> None:
    axes.errorbar(
        x,
        y,
        yerr=errors,
        label=label,
        color=look.colour,
        linestyle=look.dash,
        marker=look.marker,
        markersize=4.5,
        linewidth=1.2 if look.below else 1.8,
        elinewidth=1,
        alpha=0.6 if look.below else 1,
        zorder=2 if look.below else 3,
    )


def _patients_axis(axes: Axes, patients: Sequence[int]) -> None:
    values = sorted(set(patients))
    axes.set_xscale("log")
    axes.set_xticks(values, [str(value) for value in values])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(values[0] / 1.25, values[-1] * 1.25)
    axes.set_xlabel("training patients (logarithmic)")


def _legend_beside(axes: Axes) -> None:
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), borderaxespad=0)


def _canvas(width: float, height: float) -> tuple[Drawing, Axes]:
    drawing, panels = _panels(1, 1, width, height)
    return drawing, panels[0]


def _panels(lines: int, columns: int, width: float, height: float) -> tuple[Drawing, list[Axes]]:
    drawing = Drawing(figsize=(width, height), layout="constrained")
    panels = drawing.subplots(lines, columns, sharey=True, squeeze=False)
    return drawing, list(panels.flat)

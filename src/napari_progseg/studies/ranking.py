"""A picture of a ranking: the most and the least similar cases, and how similar all are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from numpy.typing import NDArray

from ..evaluation.report import png_of
from ..training.ranking import RunRanking

_SHOWN = 5
_BEGINS, _JOINS = "#0072b2", "#9aa2ac"


def ranking_picture(images: Mapping[str, NDArray[np.float32]], ranking: RunRanking, begins: int) -> bytes:
    """Draw a ranking as PNG.

    Parameters
    ----------
    images : dict of case to ndarray, (Z, Y, X) or (Y, X)
        Small images in [0, 1]; the middle slice is shown.
    begins : int
        How many cases a run would begin with.
    """
    drawing = Drawing(figsize=(9.0, 5.2), layout="constrained")
    ends = [*ranking.cases[:_SHOWN], *ranking.cases[_SHOWN:][-_SHOWN:]]
    metrics = list(ranking.scores[ranking.cases[0]])
    above, below = drawing.subfigures(2, 1, height_ratios=[1, 1.5], squeeze=False)[:, 0]
    for axes, case in zip(np.atleast_1d(above.subplots(1, len(ends))), ends, strict=True):
        image = images[case]
        axes.imshow(image if image.ndim == 2 else image[len(image) // 2], cmap="gray", vmin=0, vmax=1)
        place = ranking.cases.index(case) + 1
        axes.set_title(f"{place}. {case}", fontsize=7, color=_BEGINS if place <= begins else "black")
        axes.set_axis_off()
    for axes, metric in zip(np.atleast_1d(below.subplots(1, len(metrics))), metrics, strict=True):
        _bars(axes, ranking, metric, begins)
    return png_of(drawing)


def _bars(axes: Axes, ranking: RunRanking, metric: str, begins: int) -> None:
    values = [ranking.scores[case][metric] for case in ranking.cases]
    colours: Any = [_BEGINS if place < begins else _JOINS for place in range(len(values))]
    axes.scatter(range(1, len(values) + 1), values, c=colours, s=14)
    # more is more alike in every chart
    name = "−MSE" if metric == "mse" else metric.upper()
    axes.set_title(f"{name}, mean to all others", fontsize=9)
    axes.set_xlabel("rank", fontsize=8)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)

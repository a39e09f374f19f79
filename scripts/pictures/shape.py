"""Draw corresponding points of every scale, and the modes of variation, of generated bodies.

``python scripts/pictures/shape.py`` takes half a minute: it finds the points on twelve bodies.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from canvas import save
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.axes3d import Axes3D
from numpy.typing import NDArray
from sample_runs import asked

from napari_progseg.samples.supershapes import supershape
from napari_progseg.shape.correspondences import build_correspondences
from napari_progseg.shape.mesh import Mesh, surface_of
from napari_progseg.shape.model import ShapeModel

PATIENTS, SPAN = 12, 3
ELEVATION, AZIMUTH = 20, -55
_UP, _ROUND = np.radians([ELEVATION, AZIMUTH])
# ordered (z, y, x)
TO_THE_EYE = np.array([np.sin(_UP), np.cos(_UP) * np.sin(_ROUND), np.cos(_UP) * np.cos(_ROUND)])


def draw(target: Path, *, quick: bool) -> None:
    """Draw the scales in the upper row, two modes at −3, 0 and 3 standard deviations in the lower one."""
    model = built(4 if quick else PATIENTS)
    figure = Figure(figsize=(9.6, 5.4), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subfigures(2, 1, height_ratios=(1.25, 1))
    for number, count in enumerate(model.scales):
        axes = upper.add_subplot(1, 4, number + 1, projection="3d")
        mean = model.points.mean(axis=0)[:count]
        show(axes, model.surface, mean)
        axes.set_title(f"{count} points", fontsize=10)
    level = model.levels[-1]
    shown = [(mode, value) for mode in range(min(2, len(level.modes))) for value in (-SPAN, 0, SPAN)]
    for number, (mode, value) in enumerate(shown):
        scores = np.zeros(len(level.modes))
        scores[mode] = value
        axes = lower.add_subplot(1, 6, number + 1, projection="3d")
        show(axes, model.surface_at(level.shapes(scores)[0]))
        axes.set_title(f"mode {mode + 1}, {value:+d} SD" if value else "mean", fontsize=9)
    save(figure, target, {})


def built(patients: int) -> ShapeModel:
    """Find corresponding points on the masks of generated bodies."""
    surfaces = {}
    for patient in range(patients):
        _, labels, _ = supershape(patient)
        surfaces[f"{patient}"], _ = surface_of(labels.labels > 0, labels.geometry.spacing_zyx_mm)
    return ShapeModel.of(build_correspondences(surfaces), "body")


def show(axes: Axes3D, mesh: Mesh, points: NDArray[np.float64] | None = None) -> None:
    """Draw a surface, shaded, and points on it."""
    z, y, x = mesh.vertices.T
    axes.plot_trisurf(x, y, z, triangles=mesh.faces, color="#9CC5E8", linewidth=0, antialiased=False, alpha=0.9)
    if points is not None:
        near = points[(points - points.mean(axis=0)) @ TO_THE_EYE > 0]
        axes.computed_zorder = False
        axes.scatter(near[:, 2], near[:, 1], near[:, 0], color="#A63603", s=4, depthshade=False, zorder=3)
    axes.set_box_aspect(np.ptp(mesh.vertices[:, ::-1], axis=0), zoom=1.5 if points is not None else 1.15)
    axes.view_init(elev=ELEVATION, azim=AZIMUTH)
    axes.set_axis_off()


if __name__ == "__main__":
    with asked("shape.png") as (picture, runs):
        draw(picture, quick=runs.quick)

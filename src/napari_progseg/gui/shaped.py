"""The predicted shape of a patient and how it changes along the modes of variation; knows neither Qt nor napari."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ..geometry import Geometry

if TYPE_CHECKING:
    from ..inference.shapes import PredictedShape
    from ..shape.model import ShapeModel

Points = NDArray[np.float64]
Start = Literal["patient", "mean"]


@dataclass(frozen=True, eq=False)
class Form:
    """A shape where the patient's lies: centred mm.

    Parameters
    ----------
    points : tuple of ndarray, (P_s, 3) float64
        Corresponding points of each scale, coarse to fine.
    vertices : ndarray, (V, 3) float64
        Of the surface.
    """

    points: tuple[Points, ...]
    vertices: Points


@dataclass(frozen=True, eq=False)
class Shaped:
    """What is shown of a predicted shape.

    A surface follows its points by a warp that is linear in them; so what a standard deviation of a mode moves is known
    once, and every place of the slider is a sum.

    Parameters
    ----------
    run : str
        Name of the run that predicted it.
    structure : str
        Name of the class whose shape it is.
    geometry : Geometry
        The grid of the patient's image.
    patient, mean : Form
        The predicted shape, and the mean of the training patients in the pose of this one.
    faces : ndarray, (F, 3) int32
        Of both surfaces.
    moves : tuple of Form
        What one standard deviation of each mode adds to a form.
    shares : tuple of float
        Of the variance, mode by mode.
    mask : ndarray of uint8, (Z, Y, X), or None
        What the mask head says, on the image's grid.
    notes : tuple of str
        What the user should know.
    """

    run: str
    structure: str
    geometry: Geometry
    patient: Form
    mean: Form
    faces: NDArray[np.int32]
    moves: tuple[Form, ...]
    shares: tuple[float, ...]
    mask: NDArray[np.uint8] | None = None
    notes: tuple[str, ...] = ()

    @property
    def scales(self) -> tuple[int, ...]:
        """Number of points of each scale."""
        return tuple(len(points) for points in self.patient.points)

    def at(self, start: Start, mode: int, deviations: float) -> Form:
        """Return the patient's or the mean shape, moved along a mode by so many standard deviations."""
        form = self.patient if start == "patient" else self.mean
        if not self.moves or not deviations:
            return form
        move = self.moves[mode]
        points = (own + deviations * more for own, more in zip(form.points, move.points, strict=True))
        return Form(tuple(points), form.vertices + deviations * move.vertices)


def shaped_of(run: str, model: ShapeModel, predicted: PredictedShape, geometry: Geometry) -> Shaped:
    """Lay mean and modes of a model over a prediction. Warps a surface for each mode, so it runs in a worker."""
    finest = model.levels[-1]
    counts = [len(points) for points in predicted.points]
    still = model.surface_at(finest.mean)

    def placed(local: Points) -> Points:
        return predicted.placed(replace(still, vertices=local)).vertices

    nowhere = placed(np.zeros((1, 3)))

    def form(points: Points, vertices: Points) -> Form:
        return Form(tuple(points[:count] for count in counts), vertices)

    def move(mode: Points) -> Form:
        vertices = model.surface_at(finest.mean + mode).vertices - still.vertices
        return form(placed(mode) - nowhere, placed(vertices) - nowhere)

    return Shaped(
        run=run,
        structure=model.structure,
        geometry=geometry,
        patient=Form(predicted.points, predicted.surface.vertices),
        mean=form(placed(finest.mean), placed(still.vertices)),
        faces=predicted.surface.faces,
        moves=tuple(move(mode) for mode in finest.modes),
        shares=tuple(float(share) for share in finest.share),
        mask=predicted.mask,
        notes=predicted.notes,
    )


def outline(vertices: Points, faces: NDArray[np.int32], axis: int, level: float) -> Points:
    """Cut a surface with the plane on which the coordinate `axis` is `level`.

    Returns
    -------
    ndarray, (N, 2, 3) float64
        Beginning and end of each piece of the outline, in no order.
    """
    height = vertices[:, axis] - level
    height = np.where(height == 0, 1e-9, height)  # a corner on the plane is just above it
    above = height[faces] > 0
    cut = above.any(axis=1) & ~above.all(axis=1)
    above, corners = above[cut], faces[cut]
    alone = np.where(above.sum(axis=1) == 1, above.argmax(axis=1), above.argmin(axis=1))
    first, *others = (corners[np.arange(len(corners)), (alone + step) % 3] for step in range(3))
    ends = []
    for other in others:
        part = (height[first] / (height[first] - height[other]))[:, None]
        ends.append(vertices[first] + part * (vertices[other] - vertices[first]))
    return np.stack(ends, axis=1)

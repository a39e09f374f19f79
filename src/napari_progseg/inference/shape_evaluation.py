"""How far predicted shapes lie from labelled ones, scale by scale, and from the plain way: segment, then fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from ..evaluation.metrics import dice
from ..shape.correspondences import Correspondences, fit_correspondences
from ..shape.distances import SurfaceDistance, point_rmse, surface_distance
from ..shape.mesh import Mesh, surface_of
from ..shape.model import ShapeModel
from ..shape.pose import fitted
from ..volume import LabelClass, LabelMap
from .cases import ReferenceCase
from .shapes import PredictedShape, TrainedShapes, predict_shape


@dataclass(frozen=True)
class ShapeErrors:
    """How well a shape was found in one case; mm.

    Parameters
    ----------
    case : str
        Its id.
    scales : tuple of int
        Points of each scale.
    surfaces : tuple of SurfaceDistance
        Between the labelled surface and the mean surface warped to the points of each scale.
    points_rmse : tuple of float
        Root of the mean squared distance between the points of each scale and those that were fitted to the label.
    mask : SurfaceDistance or None
        Of the mask head's own surface; None where there is no mask head, or its mask is empty.
    mask_dice : float or None
        Of the mask head.
    fitted : SurfaceDistance or None
        The plain way: the shape model fitted to the mask.
    """

    case: str
    scales: tuple[int, ...]
    surfaces: tuple[SurfaceDistance, ...]
    points_rmse: tuple[float, ...]
    mask: SurfaceDistance | None
    mask_dice: float | None
    fitted: SurfaceDistance | None


def evaluate_shapes(
    trained: TrainedShapes, cases: Sequence[ReferenceCase], *, mirrored: bool = False
) -> tuple[ShapeErrors, ...]:
    """Predict cases and compare with their labels."""
    return tuple(evaluate_shape(trained, case, mirrored=mirrored) for case in cases)


def to_json(trained: TrainedShapes, errors: Sequence[ShapeErrors]) -> dict[str, Any]:
    """Return errors as a JSON-able document; distances in mm."""
    return {
        "run": trained.name,
        "step": trained.step,
        "scales": list(trained.model.scales),
        "cases": [asdict(each) for each in errors],
        "mean_surface_mm": [
            float(np.mean([each.surfaces[number].mean_mm for each in errors]))
            for number in range(len(trained.model.scales))
        ],
    }


def evaluate_shape(trained: TrainedShapes, case: ReferenceCase, *, mirrored: bool = False) -> ShapeErrors:
    """Predict one case and compare with its label."""
    labels = case.labels()
    structure = trained.plan.classes[0]
    truth, _ = labelled_surface(labels, structure, case.id)
    predicted = predict_shape(trained, case.volume(), mirrored=mirrored)
    known = points_on(trained.model, truth, mirrored=mirrored)
    by_mask = _of_mask(trained.model, predicted, labels, structure, truth)
    return ShapeErrors(
        case=case.id,
        scales=trained.model.scales,
        surfaces=tuple(
            surface_distance(surface_through(trained.model, points, mirrored=mirrored), truth)
            for points in predicted.points
        ),
        points_rmse=tuple(point_rmse(points, known[: len(points)]) for points in predicted.points),
        mask=by_mask[0],
        mask_dice=by_mask[1],
        fitted=by_mask[2],
    )


def labelled_surface(labels: LabelMap | None, structure: LabelClass, case: str) -> tuple[Mesh, tuple[str, ...]]:
    """Return the surface of a labelled structure in centred mm, with notes.

    Raises
    ------
    UserError
        If there is no label, or none of this structure.
    """
    mask = None if labels is None else np.isin(labels.labels, structure.values)
    if labels is None or mask is None or not mask.any():
        raise UserError(
            f"case {case} has no label of {structure.name}; nothing was changed; label it or leave the case out"
        )
    mesh, notes = surface_of(mask, labels.geometry.spacing_zyx_mm)
    return mesh, tuple(f"case {case}: {note}" for note in notes)


def points_on(model: ShapeModel, surface: Mesh, *, mirrored: bool = False) -> NDArray[np.float64]:
    """Find the model's points on a surface that it has not seen, (P, 3) centred mm."""
    points, _ = fit_correspondences(_correspondences(model), _mirror(surface) if mirrored else surface)
    return _mirrored(points) if mirrored else points


def surface_through(model: ShapeModel, points: NDArray[np.float64], *, mirrored: bool = False) -> Mesh:
    """Warp the mean surface to points (P_s, 3) in centred mm."""
    goal = _mirrored(points) if mirrored else points
    pose = fitted(model.points.mean(axis=0)[: len(goal)], goal)
    local = model.surface_at(pose.inverse(goal))
    surface = Mesh(pose.apply(local.vertices), local.faces)
    return _mirror(surface) if mirrored else surface


def _of_mask(
    model: ShapeModel, predicted: PredictedShape, labels: LabelMap, structure: LabelClass, truth: Mesh
) -> tuple[SurfaceDistance | None, float | None, SurfaceDistance | None]:
    """Measure the mask itself, and the model fitted to it."""
    if predicted.mask is None:
        return None, None, None
    score = dice(predicted.mask, np.isin(labels.labels, structure.values).astype(np.uint8), (1,))[1]
    if not predicted.mask.any():
        return None, score, None
    surface, _ = surface_of(predicted.mask > 0, labels.geometry.spacing_zyx_mm)
    points = points_on(model, surface, mirrored=predicted.mirrored)
    goal = _mirrored(points) if predicted.mirrored else points
    pose = fitted(model.points.mean(axis=0), goal)
    level = model.levels[-1]
    local = pose.inverse(goal)[None, : len(level.mean)]
    plausible = pose.apply(level.shapes(level.scores(local))[0])
    plausible = _mirrored(plausible) if predicted.mirrored else plausible
    through = surface_through(model, plausible, mirrored=predicted.mirrored)
    return surface_distance(surface, truth), score, surface_distance(through, truth)


def _correspondences(model: ShapeModel) -> Correspondences:
    return Correspondences(
        model.cases, model.points, model.mirrored, model.surface, model.points.mean(axis=0), model.notes
    )


def _mirrored(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(points * np.array([1.0, 1.0, -1.0]))


def _mirror(surface: Mesh) -> Mesh:
    return Mesh(_mirrored(surface.vertices), np.ascontiguousarray(surface.faces[:, ::-1]))

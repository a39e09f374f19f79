"""What a finished run scores."""

from __future__ import annotations

from napari_progseg.inference.shape_evaluation import ShapeErrors
from napari_progseg.shape.distances import SurfaceDistance
from napari_progseg.studies.scoring import distances

_SURFACES = (SurfaceDistance(3.0, 9.0), SurfaceDistance(2.0, 8.0))


def test_every_distance_of_a_case_has_a_name() -> None:
    errors = ShapeErrors("a", (8, 16), _SURFACES, (1.5, 1.0), SurfaceDistance(0.5, 4.0), 0.9, SurfaceDistance(0.7, 5.0))
    assert distances(errors) == {
        "surface": 2.0,
        "largest": 8.0,
        "points": 1.0,
        "surface 8": 3.0,
        "surface 16": 2.0,
        "mask": 0.5,
        "fitted": 0.7,
    }


def test_one_scale_has_no_names_of_scales_and_no_mask_head_no_mask() -> None:
    errors = ShapeErrors("a", (16,), _SURFACES[1:], (1.0,), None, None, None)
    assert list(distances(errors)) == ["surface", "largest", "points"]


def test_a_mask_head_that_found_nothing_is_not_a_missing_one() -> None:
    errors = ShapeErrors("a", (16,), _SURFACES[1:], (1.0,), None, 0.0, None)
    assert distances(errors) | {"mask": None, "fitted": None} == distances(errors)

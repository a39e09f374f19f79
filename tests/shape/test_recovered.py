"""The whole way from masks to modes, on bodies whose every point is known."""

import numpy as np
import pytest

from napari_progseg.samples import supershape
from napari_progseg.shape.correspondences import build_correspondences
from napari_progseg.shape.distances import distances_to
from napari_progseg.shape.mesh import surface_of
from napari_progseg.shape.model import Level
from napari_progseg.shape.pose import aligned
from napari_progseg.shape.warp import thin_plate

CASES = 8
POINTS = 128


def surface(patient, voxels):
    step = 64 / voxels
    _, labels, _ = supershape(patient, shape_zyx=(voxels,) * 3, spacing_zyx_mm=(step,) * 3)
    return surface_of(labels.labels > 0, (step,) * 3)[0]


@pytest.fixture(scope="module")
def known():
    """The true points of all cases, (8, 512, 3) centred mm."""
    return np.array([supershape(patient)[2] for patient in range(CASES)])


@pytest.fixture(scope="module")
def built():
    return build_correspondences({f"case {n}": surface(n, 32) for n in range(CASES)}, POINTS)


def scores_of(points):
    local, _ = aligned(points)
    return Level.of(local, modes=3).scores(local)


def canonical_correlations(a, b):
    """How well combinations of the columns of one table agree with combinations of the other's, (3,)."""
    bases = [np.linalg.qr(each - each.mean(axis=0))[0] for each in (a, b)]
    return np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)


def explained(known, by):
    """Share of the variance of each column that a linear fit to the other cases predicts of a case left out, (3,)."""
    table = np.column_stack([np.ones(len(by)), by])
    hat = table @ np.linalg.pinv(table)
    errors = (known - hat @ known) / (1 - np.diag(hat))[:, None]
    return 1 - (errors**2).sum(axis=0) / ((known - known.mean(axis=0)) ** 2).sum(axis=0)


# Measured with 8 and 12 cases of other seeds: the first two modes correlate as well (0.95 and more), a third with less
# than 2 % of the true variance does not, since points slide by about 0.7 mm and make modes of their own. Here the
# third has 6 %.
def test_the_three_modes_are_found_up_to_a_rotation(known, built):
    truth, found = scores_of(known), scores_of(built.points)
    # measured: 1.000, 0.999 and 0.990
    assert canonical_correlations(truth, found).min() > 0.97
    # measured: 0.99, 0.95 and 0.95
    assert explained(truth, found).min() > 0.85


@pytest.mark.parametrize("shift", range(1, CASES))
def test_scores_of_other_cases_would_not_pass_for_them(known, built, shift):
    truth, found = scores_of(known), np.roll(scores_of(built.points), shift, axis=0)
    assert canonical_correlations(truth, found).min() < 0.5
    assert explained(truth, found).min() < 0


def test_few_modes_explain_the_built_points(built):
    # measured: 0.96, where the true points have 0.998
    assert Level.of(aligned(built.points)[0], modes=3).share.sum() > 0.94


def test_a_point_means_about_the_same_place_in_all_cases(known, built):
    mean = aligned(known)[0].mean(axis=0)
    cases = zip(known, built.points, strict=True)
    places = np.array([thin_plate(true_points, mean)(points) for true_points, points in cases])
    slid = np.linalg.norm(places - places.mean(axis=0), axis=2)
    # measured: 0.68, 1.67 and 2.55 mm; the points lie 5 mm apart and the voxels 2 mm
    assert slid.mean() < 0.85
    assert np.quantile(slid, 0.95) < 2.0
    assert slid.max() < 3.5


def test_points_lie_on_the_true_surface(built):
    finer = [surface(patient, 64) for patient in range(3)]
    away = np.array([distances_to(points, mesh) for points, mesh in zip(built.points, finer, strict=False)])
    # measured: 0.16 and 0.94 mm, less than half a voxel
    assert away.mean() < 0.2
    assert away.max() < 1.2


def test_sizes_are_those_of_the_cases(known, built):
    # measured: 0.8 %; cases differ by 16 %
    np.testing.assert_allclose(aligned(built.points)[1].scales, aligned(known)[1].scales, rtol=0.012)

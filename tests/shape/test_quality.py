import numpy as np
import pytest

from napari_progseg.shape.distances import point_rmse
from napari_progseg.shape.model import Level
from napari_progseg.shape.quality import Quality, compactness, generalisation, specificity

DEVIATIONS = (3.0, 2.0, 1.0)


def shapes(rng, count=20, noise=0.0):
    """Shapes of three modes, (count, 40, 3) mm, and independent noise on every coordinate."""
    axes = np.linalg.qr(rng.normal(size=(120, 3)))[0].T.reshape(3, 40, 3)
    weights = rng.normal(size=(count, 3)) * DEVIATIONS
    mean = rng.normal(0, 15, (40, 3))
    return mean + np.tensordot(weights, axes, axes=1) + noise * rng.normal(size=(count, 40, 3))


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def test_as_many_modes_as_there_are_describe_an_unseen_case(rng):
    quality = Quality.of(shapes(rng), rng)
    assert [len(each) for each in (quality.compactness, quality.generalisation, quality.specificity)] == [18] * 3
    assert quality.compactness[2] == pytest.approx(1)
    assert quality.compactness[1] < 0.99
    np.testing.assert_allclose(quality.generalisation[2:], 0, atol=1e-9)
    assert (quality.generalisation[:2] > 0.1).all()


def test_noise_of_the_points_remains_in_unseen_cases_and_not_in_known_ones(rng):
    points = shapes(rng, count=30, noise=0.1)
    known = Level.of(points, modes=29)
    assert point_rmse(known.shapes(known.scores(points[:1]))[0], points[0]) < 1e-9
    # of three coordinates a point, and a little more since mean and modes are learned from noise too
    assert 1 < generalisation(points)[2] / (0.1 * np.sqrt(3)) < 1.15


def test_a_mode_more_keeps_more_and_never_describes_worse(rng):
    quality = Quality.of(shapes(rng, noise=0.5), rng)
    assert (np.diff(quality.compactness) > 0).all()
    assert (np.diff(quality.generalisation) < 0).all()


def test_generalisation_leaves_the_case_out(rng):
    points = shapes(rng, count=5, noise=0.5)
    errors = []
    for case in range(5):
        level = Level.of(np.delete(points, case, axis=0), modes=3)
        errors.append(point_rmse(level.shapes(level.scores(points[case][None]))[0], points[case]))
    assert generalisation(points)[2] == pytest.approx(np.mean(errors))


def test_specificity_is_the_distance_of_random_shapes_to_the_nearest_case(rng):
    points = shapes(rng, count=6, noise=0.3)
    level = Level.of(points, modes=5)
    found = specificity(level, points, np.random.default_rng(1), count=50)
    scores = np.random.default_rng(1).standard_normal((50, 5))
    for modes in (1, 3, 5):
        drawn = level.shapes(scores * (np.arange(5) < modes))
        expected = np.mean([min(point_rmse(shape, case) for case in points) for shape in drawn])
        assert found[modes - 1] == pytest.approx(expected)


def test_random_shapes_lie_the_nearer_the_more_cases_there_are(rng):
    points = shapes(rng, count=60)
    few, many = (Quality.of(points[:count], np.random.default_rng(0)).specificity[2] for count in (8, 60))
    assert many < 0.8 * few


def test_the_figures_at_a_number_of_modes_are_those_of_the_curves(rng):
    quality = Quality.of(shapes(rng, count=5, noise=0.5), rng)
    assert quality.at(2) == (quality.compactness[1], quality.generalisation[1], quality.specificity[1])
    for modes in (0, 4):
        with pytest.raises(ValueError, match=f"1 to 3 modes, not with {modes}"):
            quality.at(modes)


def test_compactness_sums_the_shares_of_a_level(rng):
    level = Level.of(shapes(rng), modes=3)
    np.testing.assert_allclose(compactness(level), [level.share[0], level.share[:2].sum(), 1])


def test_three_cases_are_enough_and_two_are_refused(rng):
    assert len(Quality.of(shapes(rng, count=3), rng).generalisation) == 1
    with pytest.raises(ValueError, match="at least 3"):
        Quality.of(shapes(rng, count=2), rng)

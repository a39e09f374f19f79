import numpy as np
import pytest
import trimesh

from napari_progseg.errors import UserError
from napari_progseg.shape.correspondences import Correspondences
from napari_progseg.shape.distances import distances_to
from napari_progseg.shape.farthest import farthest_order
from napari_progseg.shape.mesh import Mesh
from napari_progseg.shape.model import Level, ShapeModel
from napari_progseg.shape.pose import Poses

BALL = trimesh.creation.icosphere(subdivisions=3)
SHARES = np.array([16.0, 4.0, 1.0]) / 21


def shapes(rng, count=12, weights=(4.0, 2.0, 1.0)):
    """Shapes with exactly so many modes of these standard deviations, (count, 30, 3) mm."""
    modes = len(weights)
    scores = rng.normal(size=(count, modes))
    scores = np.linalg.qr(scores - scores.mean(axis=0))[0] * np.sqrt(count - 1)
    axes = np.linalg.qr(rng.normal(size=(90, modes)))[0].T.reshape(modes, 30, 3)
    return rng.normal(0, 20, (30, 3)) + np.tensordot(scores * weights, axes, axes=1)


@pytest.fixture
def rng():
    return np.random.default_rng(11)


class TestLevel:
    def test_scores_of_zero_give_the_mean_itself(self, rng):
        points = shapes(rng)
        level = Level.of(points)
        np.testing.assert_array_equal(level.shapes(np.zeros((1, len(level.modes))))[0], level.mean)
        np.testing.assert_allclose(level.mean, points.mean(axis=0), atol=1e-12)

    def test_training_shapes_come_back_at_their_true_scores(self, rng):
        points = rng.normal(0, 20, (9, 30, 3))
        level = Level.of(points, modes=8)
        np.testing.assert_allclose(level.shapes(level.scores(points)), points, atol=1e-9)

    def test_scores_are_standard_deviations(self, rng):
        points = shapes(rng)
        scores = Level.of(points, variance=1.0).scores(points)
        assert scores.shape == (12, 3)
        np.testing.assert_allclose(scores.mean(axis=0), 0, atol=1e-9)
        np.testing.assert_allclose(np.cov(scores.T), np.eye(3), atol=1e-9)

    def test_a_mode_is_the_displacement_of_one_standard_deviation_the_strongest_first(self, rng):
        level = Level.of(shapes(rng), variance=1.0)
        np.testing.assert_allclose(np.sqrt((level.modes**2).sum(axis=(1, 2))), [4, 2, 1], atol=1e-9)
        np.testing.assert_allclose(level.share, SHARES, atol=1e-12)

    @pytest.mark.parametrize(
        ("variance", "expected"),
        [
            (0.5, 1),
            (SHARES[0], 1),
            (SHARES[0] + 1e-6, 2),
            (SHARES[:2].sum(), 2),
            (0.95, 2),
            (0.96, 3),
            (1.0, 3),
        ],
    )
    def test_as_few_modes_as_keep_the_variance(self, rng, variance, expected):
        assert len(Level.of(shapes(rng), variance).modes) == expected

    def test_a_number_of_modes_is_kept_up_to_one_less_than_the_cases(self, rng):
        points = rng.normal(size=(6, 30, 3))
        assert [len(Level.of(points, modes=number).modes) for number in (1, 4, 5, 9)] == [1, 4, 5, 5]
        assert len(Level.of(points, variance=1.0).modes) == 5

    def test_a_mode_without_variance_moves_nothing_and_scores_nothing(self, rng):
        points = shapes(rng)
        level = Level.of(points, modes=5)
        np.testing.assert_array_equal(level.modes[3:], 0)
        np.testing.assert_array_equal(level.share[3:], 0)
        scores = level.scores(points)
        np.testing.assert_array_equal(scores[:, 3:], 0)
        np.testing.assert_allclose(level.shapes(scores), points, atol=1e-9)

    def test_shapes_that_are_all_the_same_have_one_empty_mode(self, rng):
        points = np.repeat(rng.normal(size=(1, 30, 3)), 4, axis=0)
        level = Level.of(points)
        assert level.modes.shape == (1, 30, 3)
        np.testing.assert_array_equal(level.shapes([[2.5]])[0], level.mean)
        np.testing.assert_array_equal(level.scores(points), 0)

    def test_signs_do_not_depend_on_the_order_of_cases(self, rng):
        points = shapes(rng)
        first, shuffled = Level.of(points, variance=1.0), Level.of(points[rng.permutation(12)], variance=1.0)
        np.testing.assert_allclose(shuffled.modes, first.modes, atol=1e-9)
        flat = first.modes.reshape(3, -1)
        assert (flat[np.arange(3), np.abs(flat).argmax(axis=1)] > 0).all()

    def test_signs_are_turned_where_the_solver_gave_the_other(self, rng):
        points = shapes(rng)
        # the mirror image of all deviations has the same modes
        mirrored = 2 * points.mean(axis=0) - points
        np.testing.assert_allclose(Level.of(mirrored).modes, Level.of(points).modes, atol=1e-9)

    @pytest.mark.parametrize("wrong", [{"variance": 0.0}, {"variance": 1.5}, {"modes": 0}])
    def test_what_cannot_be_kept_is_refused(self, rng, wrong):
        with pytest.raises(ValueError, match="share of the variance"):
            Level.of(shapes(rng), **wrong)


def correspondences(rng, count=6):
    """Ellipsoids of several sizes and poses with 96 corresponding points."""
    vertices = np.array(BALL.vertices)
    order = farthest_order(vertices, 96)
    poses = Poses.of(
        np.hstack([rng.normal(0, 0.1, (count, 3)), rng.normal(0, 0.05, (count, 1)), rng.normal(0, 3, (count, 3))])
    )
    solids = [poses[n].apply(vertices * rng.normal((20, 12, 8), 1)) for n in range(count)]
    names = tuple(f"case {number}" for number in range(count))
    mesh = Mesh(solids[0], np.array(BALL.faces, dtype=np.int32))
    points = np.array([solid[order] for solid in solids])
    return Correspondences(names, points, np.arange(count) == 1, mesh, points[0], ("a note",))


@pytest.fixture(scope="module")
def found():
    return correspondences(np.random.default_rng(2))


@pytest.fixture(scope="module")
def model(found):
    return ShapeModel.of(found, "ball", scales=(16, 48, 96))


def test_poses_bring_the_points_back_to_their_cases(model, found):
    for number, points in enumerate(found.points):
        np.testing.assert_allclose(model.poses[number].apply(model.points[number]), points, atol=1e-9)
    assert (model.cases, model.notes) == (found.cases, ("a note",))
    np.testing.assert_array_equal(model.mirrored, found.mirrored)


def test_levels_are_nested_and_each_has_its_own_modes(model):
    assert [level.mean.shape for level in model.levels] == [(16, 3), (48, 3), (96, 3)]
    for level, count in zip(model.levels, model.scales, strict=True):
        np.testing.assert_array_equal(level.mean, model.levels[-1].mean[:count])
        own = Level.of(model.points[:, :count])
        np.testing.assert_array_equal(level.modes, own.modes)
        assert level.share.sum() >= 0.95
    coarse, fine = model.levels[0].modes[0], model.levels[-1].modes[0, :16]
    assert np.abs(coarse - fine).max() > 1e-3


def test_a_number_of_modes_holds_at_every_level(found):
    fixed = ShapeModel.of(found, "ball", scales=(16, 96), modes=4)
    assert [len(level.modes) for level in fixed.levels] == [4, 4]


def test_the_mean_surface_runs_through_the_mean_points(model):
    assert distances_to(model.points.mean(axis=0), model.surface).max() < 0.05
    np.testing.assert_allclose(model.surface.vertices.mean(axis=0), 0, atol=0.5)


@pytest.mark.parametrize("level", [0, 1, 2])
def test_the_surface_at_a_shape_runs_through_its_points(model, level):
    points = model.levels[level].shapes(model.levels[level].scores(model.points[:, : model.scales[level]]))[2]
    surface = model.surface_at(points)
    assert distances_to(points, surface).max() < 0.1
    np.testing.assert_array_equal(surface.faces, model.surface.faces)
    assert distances_to(points, model.surface).max() > 0.5


def test_the_surface_at_the_mean_is_the_mean_surface(model):
    surface = model.surface_at(model.levels[0].mean)
    np.testing.assert_allclose(surface.vertices, model.surface.vertices, atol=1e-6)


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_cases_are_refused(found, count):
    few = Correspondences(
        found.cases[:count], found.points[:count], found.mirrored[:count], found.template, found.template_points
    )
    with pytest.raises(UserError, match=rf"ball needs at least 3 labelled cases and there are {count}.*label more"):
        ShapeModel.of(few, "ball", scales=(16,))


def test_more_points_than_there_are_are_refused(found):
    with pytest.raises(UserError, match="finest scale asks for 128 points and the correspondences have 96"):
        ShapeModel.of(found, "ball", scales=(64, 128))


@pytest.mark.parametrize("scales", [(), (0, 16), (32, 16), (16, 16)])
def test_scales_that_do_not_grow_are_refused(found, scales):
    with pytest.raises(UserError, match="must grow"):
        ShapeModel.of(found, "ball", scales=scales)

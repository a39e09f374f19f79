import numpy as np
import pytest

from napari_progseg.shape import warp
from napari_progseg.shape.mesh import Mesh
from napari_progseg.shape.warp import thin_plate, warped


@pytest.fixture
def rng():
    return np.random.default_rng(2)


def test_points_are_carried_exactly_to_their_targets(rng):
    source, shift = rng.normal(30, 10, (80, 3)), rng.normal(0, 2, (80, 3))
    np.testing.assert_allclose(thin_plate(source, source + shift)(source), source + shift, atol=1e-8)


def test_an_affine_map_is_found_everywhere(rng):
    source, matrix = rng.normal(0, 10, (12, 3)), rng.normal(0, 1, (3, 3))
    far = rng.normal(0, 100, (20, 3))
    np.testing.assert_allclose(thin_plate(source, source @ matrix.T + 5)(far), far @ matrix.T + 5, atol=1e-8)


def test_between_points_the_warp_is_smooth():
    axis = np.arange(-10.0, 11.0, 5.0)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    bent = thin_plate(grid, grid + 0.01 * grid[:, [1]] ** 2)
    between = np.random.default_rng(0).uniform(-7, 7, (50, 3))
    np.testing.assert_allclose(bent(between), between + 0.01 * between[:, [1]] ** 2, atol=0.08)


def test_regularisation_trades_the_targets_for_smoothness(rng):
    source = rng.normal(0, 10, (60, 3))
    noisy = source + rng.normal(0, 1, (60, 3))
    missed = [np.abs(thin_plate(source, noisy, regularisation=mm)(source) - noisy).mean() for mm in (0.0, 1.0, 100.0)]
    assert missed[0] < 1e-8 < missed[1] < missed[2]
    affine = np.hstack([source, np.ones((60, 1))])
    best = affine @ np.linalg.lstsq(affine, noisy)[0]
    np.testing.assert_allclose(thin_plate(source, noisy, regularisation=1e9)(source), best, atol=1e-4)


def test_the_answer_does_not_depend_on_how_much_is_asked_at_once(rng, monkeypatch):
    source, points = rng.normal(0, 10, (10, 3)), rng.normal(0, 10, (25, 3))
    carry = thin_plate(source, source + rng.normal(0, 1, (10, 3)))
    whole = carry(points)
    monkeypatch.setattr(warp, "_MOST_DISTANCES", 30)
    np.testing.assert_allclose(carry(points), whole, atol=1e-12)
    assert carry(np.empty((0, 3))).shape == (0, 3)


def test_points_in_one_plane_and_doubled_points_are_carried_too(rng):
    flat = np.column_stack([rng.normal(0, 10, (20, 2)), np.zeros(20)])
    shifted = flat + np.array([0.0, 0.0, 4.0])
    np.testing.assert_allclose(thin_plate(flat, shifted)(flat), shifted, atol=1e-6)
    doubled = np.vstack([rng.normal(0, 10, (8, 3))] * 2)
    np.testing.assert_allclose(thin_plate(doubled, doubled + 1)(doubled), doubled + 1, atol=1e-6)


def test_a_surface_goes_along_with_the_points(rng):
    mesh = Mesh(rng.normal(0, 5, (6, 3)), np.array([[0, 1, 2], [3, 4, 5]], dtype=np.int32))
    source = rng.normal(0, 10, (20, 3))
    moved = warped(mesh, source, source * 2 + 1)
    np.testing.assert_allclose(moved.vertices, mesh.vertices * 2 + 1, atol=1e-8)
    assert moved.faces is mesh.faces


def test_each_point_needs_one_target():
    with pytest.raises(ValueError, match="one target"):
        thin_plate(np.zeros((3, 3)), np.zeros((4, 3)))

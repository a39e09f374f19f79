import numpy as np
import pytest
import trimesh

from napari_progseg.shape.distances import closest_on, distances_to, point_rmse, surface_distance
from napari_progseg.shape.mesh import Mesh


def sphere(radius, subdivisions=3):
    made = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)
    return Mesh(np.array(made.vertices), np.array(made.faces, dtype=np.int32))


def box(extents):
    made = trimesh.creation.box(extents=extents)
    return Mesh(np.array(made.vertices), np.array(made.faces, dtype=np.int32))


def test_points_near_a_box_find_its_sides_edges_and_corners():
    # triangles this large reach far beyond their middles
    mesh = box((2.0, 20.0, 4.0))
    points = np.array([[3.0, 4.0, 0.5], [5.0, 14.0, 0.0], [2.0, 11.0, 3.0], [0.5, 0.0, 0.0]])
    found = [[1.0, 4.0, 0.5], [1.0, 10.0, 0.0], [1.0, 10.0, 2.0], [1.0, 0.0, 0.0]]
    np.testing.assert_allclose(closest_on(points, mesh), found, atol=1e-12)
    np.testing.assert_allclose(distances_to(points, mesh), [2.0, np.hypot(4, 4), np.sqrt(3), 0.5], atol=1e-12)


def test_the_nearest_of_all_triangles_is_found():
    mesh = sphere(10.0, subdivisions=2)
    # from far inside to far outside, with a few triangles much larger than the others
    squeezed = Mesh(mesh.vertices * [1.0, 0.2, 3.0], mesh.faces)
    points = np.random.default_rng(3).normal(0, 12, (40, 3))
    triangles = squeezed.vertices[squeezed.faces]
    for point, found in zip(points, closest_on(points, squeezed), strict=True):
        every = trimesh.triangles.closest_point(triangles, np.repeat(point[None], len(triangles), axis=0))
        best = np.linalg.norm(every - point, axis=1).min()
        assert np.linalg.norm(found - point) == pytest.approx(best, abs=1e-12)


def test_spheres_in_one_another_lie_the_difference_of_their_radii_apart():
    found = surface_distance(sphere(10.0), sphere(12.0))
    assert found.mean_mm == pytest.approx(2.0, abs=0.05)
    assert found.hausdorff_mm == pytest.approx(2.0, abs=0.05)


def test_both_directions_count():
    whole = sphere(10.0)
    spiked = Mesh(whole.vertices.copy(), whole.faces)
    spiked.vertices[7] *= 1.5
    there, back = surface_distance(whole, spiked), surface_distance(spiked, whole)
    assert there == back
    assert there.hausdorff_mm == pytest.approx(5.0, abs=0.1)
    assert 0 < there.mean_mm < 0.1


def test_no_points_have_no_distances():
    assert distances_to(np.empty((0, 3)), sphere(1.0)).shape == (0,)


def test_point_rmse_is_the_root_of_the_mean_squared_distance():
    a = np.zeros((2, 3))
    assert point_rmse(a, [[3.0, 4.0, 0.0], [0.0, 0.0, 0.0]]) == pytest.approx(np.sqrt(25 / 2))
    assert point_rmse(a, a) == 0

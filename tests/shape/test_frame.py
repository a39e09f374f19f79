import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_progseg.geometry import Geometry
from napari_progseg.shape.frame import from_world, to_centred, to_voxels, to_world


@pytest.fixture
def oblique():
    turn = Rotation.from_euler("xyz", [10, -20, 5], degrees=True).as_matrix()
    affine = np.eye(4)
    affine[:3, :3] = turn * [0.5, -0.75, 3.0]
    affine[:3, 3] = [12.0, -40.0, 7.0]
    return Geometry((20, 30, 11), affine)


def test_the_middle_of_the_volume_is_the_origin_and_steps_are_millimetres():
    geometry = Geometry.from_spacing((5, 7, 9), (3.0, 2.0, 0.5))
    np.testing.assert_allclose(to_centred([[2, 3, 4]], geometry), [[0, 0, 0]])
    np.testing.assert_allclose(to_centred([[3, 2, 4.5]], geometry), [[3.0, -2.0, 0.25]])


def test_an_even_number_of_voxels_has_its_middle_between_two():
    geometry = Geometry.from_spacing((4, 4, 4), (1.0, 1.0, 2.0))
    np.testing.assert_allclose(to_centred([[0, 0, 0]], geometry), [[-1.5, -1.5, -3.0]])


def test_voxels_and_world_are_found_again(oblique):
    points = np.random.default_rng(0).normal(0, 20, (50, 3))
    np.testing.assert_allclose(to_centred(to_voxels(points, oblique), oblique), points, atol=1e-10)
    np.testing.assert_allclose(from_world(to_world(points, oblique), oblique), points, atol=1e-10)


def test_the_world_is_the_files_own(oblique):
    ijk = np.array([[3.0, 4.0, 5.0], [0.0, 29.0, 10.0]])
    expected = ijk @ oblique.affine_lps[:3, :3].T + oblique.affine_lps[:3, 3]
    centred = to_centred(oblique.voxels_to_canonical(ijk), oblique)
    np.testing.assert_allclose(to_world(centred, oblique), expected, atol=1e-10)


def test_distances_are_the_same_in_the_world(oblique):
    points = np.random.default_rng(1).normal(0, 20, (2, 3))
    world = to_world(points, oblique)
    assert np.linalg.norm(world[1] - world[0]) == pytest.approx(np.linalg.norm(points[1] - points[0]))

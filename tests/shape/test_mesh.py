import numpy as np
import pytest

from napari_progseg.errors import UserError
from napari_progseg.shape.mesh import Mesh, surface_of


def ball(radius, spacing=(1.0, 1.0, 1.0), shift=(0.0, 0.0, 0.0)):
    sizes = [2 * int(radius / step) + 9 for step in spacing]
    axes = [(np.arange(n) - (n - 1) / 2) * step - s for n, step, s in zip(sizes, spacing, shift, strict=True)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    return z**2 + y**2 + x**2 < radius**2


def edges_of(mesh):
    return np.vstack([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]])


@pytest.mark.parametrize("radius", [6.0, 12.0])
def test_a_ball_becomes_a_smooth_sphere_of_its_radius(radius):
    mask = ball(radius)
    mesh, notes = surface_of(mask, (1.0, 1.0, 1.0))
    # the ball of as many voxels
    radius = (mask.sum() * 3 / (4 * np.pi)) ** (1 / 3)
    distances = np.linalg.norm(mesh.vertices, axis=1)
    inner = np.linalg.norm(mesh.vertices[mesh.faces].mean(axis=1), axis=1)
    assert notes == ()
    # vertices lie a little outside and the middles of the triangles as much inside
    assert (distances.mean() + inner.mean()) / 2 == pytest.approx(radius, abs=0.03)
    # the steps of the mask itself are about 0.3 voxels high
    assert distances.std() < 0.12
    outwards = (mesh.normals * mesh.vertices).sum(axis=1) / distances
    assert np.degrees(np.arccos(np.clip(outwards, -1, 1))).mean() < 8


def test_the_surface_holds_the_volume_of_the_mask():
    mask = ball(9.0, (3.0, 1.0, 1.0))
    mesh, _ = surface_of(mask, (3.0, 1.0, 1.0))
    assert mesh.volume_mm3 == pytest.approx(mask.sum() * 3.0, rel=0.002)


def test_the_surface_is_closed_and_runs_one_way_round():
    mesh, _ = surface_of(ball(7.0), (1.0, 1.0, 1.0))
    edges = edges_of(mesh)
    assert len(np.unique(edges, axis=0)) == len(edges)
    assert {tuple(edge) for edge in edges} == {tuple(edge[::-1]) for edge in edges}
    assert (len(mesh.vertices), mesh.faces.dtype) == (len(edges) // 6 + 2, np.int32)


def test_the_surface_lies_where_the_structure_does():
    mask = np.zeros((40, 30, 30), dtype=bool)
    mask[25:35, 3:9, 10:20] = True
    mesh, _ = surface_of(mask, (2.0, 1.0, 0.5))
    middle = (mesh.vertices.min(axis=0) + mesh.vertices.max(axis=0)) / 2
    np.testing.assert_allclose(middle, [(29.5 - 19.5) * 2, 5.5 - 14.5, (14.5 - 14.5) * 0.5], atol=0.05)


def test_only_the_largest_part_is_kept_and_a_note_says_so():
    mask = np.pad(ball(6.0), ((0, 20), (0, 0), (0, 0)))
    mask[-4:-1, 5:8, 5:8] = True
    mesh, notes = surface_of(mask, (1.0, 1.0, 1.0))
    assert len(notes) == 1
    assert "largest" in notes[0]
    alone, _ = surface_of(np.where(np.arange(len(mask))[:, None, None] < 21, mask, False), (1.0, 1.0, 1.0))
    np.testing.assert_array_equal(mesh.vertices, alone.vertices)


def test_a_structure_at_the_border_is_closed_there():
    mesh, _ = surface_of(np.ones((6, 6, 6), dtype=bool), (1.0, 1.0, 1.0))
    assert mesh.volume_mm3 == pytest.approx(216, rel=0.01)


def test_a_cavity_has_no_surface():
    mask = ball(9.0)
    hollow = mask & ~np.pad(ball(3.0), 6)
    full, _ = surface_of(mask, (1.0, 1.0, 1.0))
    filled, _ = surface_of(hollow, (1.0, 1.0, 1.0))
    np.testing.assert_array_equal(filled.vertices, full.vertices)


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 8, 8), (2, 2, 9)])
def test_thin_structures_keep_a_surface(shape):
    mask = np.zeros((9, 12, 12), dtype=bool)
    mask[tuple(slice(2, 2 + n) for n in shape)] = True
    mesh, _ = surface_of(mask, (1.0, 1.0, 1.0))
    assert mesh.volume_mm3 == pytest.approx(mask.sum(), rel=0.1)


def test_large_structures_get_larger_triangles():
    mesh, _ = surface_of(ball(50.0), (1.0, 1.0, 1.0))
    assert len(mesh.vertices) < 20_000
    assert np.linalg.norm(mesh.vertices, axis=1).mean() == pytest.approx(50, abs=0.1)


def test_an_empty_mask_is_refused():
    with pytest.raises(UserError, match="empty"):
        surface_of(np.zeros((4, 4, 4), dtype=bool), (1.0, 1.0, 1.0))


def test_a_mirrored_surface_still_points_outwards():
    mesh, _ = surface_of(ball(6.0, shift=(0.0, 0.0, 1.5)), (1.0, 1.0, 1.0))
    other = mesh.mirrored()
    np.testing.assert_allclose(other.vertices.mean(axis=0)[2], -mesh.vertices.mean(axis=0)[2])
    assert other.volume_mm3 == pytest.approx(mesh.volume_mm3)


def test_area_volume_and_normals_of_a_tetrahedron():
    corners = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    mesh = Mesh(corners, np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], dtype=np.int32))
    assert mesh.volume_mm3 == pytest.approx(1 / 6)
    assert mesh.area_mm2 == pytest.approx(1.5 + np.sqrt(3) / 2)
    np.testing.assert_allclose(mesh.normals[0], -np.ones(3) / np.sqrt(3))

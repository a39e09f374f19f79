from pathlib import Path

import numpy as np
import pytest
import trimesh
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist
from scipy.spatial.transform import Rotation

from napari_progseg import io
from napari_progseg.errors import UserError
from napari_progseg.shape.correspondences import build_correspondences, fit_correspondences
from napari_progseg.shape.distances import distances_to, surface_distance
from napari_progseg.shape.mesh import Mesh, surface_of
from napari_progseg.shape.pose import aligned
from napari_progseg.shape.warp import warped

BALL = trimesh.creation.icosphere(subdivisions=3)
AXES = [(20.0, 10.0, 7.0), (23.0, 9.0, 7.5), (18.0, 11.0, 6.5), (21.0, 10.5, 8.0), (19.0, 9.5, 6.0)]


def ellipsoid(axes, turn=(0.0, 0.0, 0.0), shift=(0.0, 0.0, 0.0)):
    rotation = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    return Mesh(np.array(BALL.vertices) * axes @ rotation.T + shift, np.array(BALL.faces, dtype=np.int32))


def horn(lean=6.0, size=1.0, degrees=0.0):
    """An ellipsoid bent towards +x and +y, so that it is not its own mirror image."""
    mesh = ellipsoid((20.0, 9.0, 6.0))
    z, y, x = mesh.vertices.T
    bent = size * np.stack([z, y + 4 * np.maximum(z / 20, 0) ** 2, x + lean * (z / 20 - 0.3) ** 2], axis=1)
    return Mesh(bent @ Rotation.from_euler("xyz", [degrees] * 3, degrees=True).as_matrix().T, mesh.faces)


@pytest.fixture(scope="module")
def ellipsoids():
    cases = {
        f"case {number}": ellipsoid(axes, (5 * number, -4 * number, 3), (number, 0, 2))
        for number, axes in enumerate(AXES)
    }
    calls = []
    return cases, build_correspondences(cases, 128, report=lambda *each: calls.append(each)), calls


def directions(points, axes, turn, shift):
    rotation = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    return (points - np.array(shift)) @ rotation / axes


def test_points_lie_on_the_surfaces_of_the_cases_in_their_order(ellipsoids):
    cases, found, _ = ellipsoids
    assert found.cases == tuple(cases)
    assert found.points.shape == (5, 128, 3)
    assert not found.mirrored.any()
    for points, mesh in zip(found.points, cases.values(), strict=True):
        assert distances_to(points, mesh).max() < 1e-9
    assert found.notes == ()


def test_points_of_ellipsoids_lie_at_the_same_parameters(ellipsoids):
    _, found, _ = ellipsoids
    parameters = np.array(
        [
            directions(points, axes, (5 * number, -4 * number, 3), (number, 0, 2))
            for number, (points, axes) in enumerate(zip(found.points, AXES, strict=True))
        ]
    )
    apart = np.linalg.norm(parameters - parameters.mean(axis=0), axis=2)
    # in radii; the points themselves lie about 0.3 apart
    assert apart.mean() < 0.04
    assert apart.max() < 0.15


def test_few_modes_explain_ellipsoids(ellipsoids):
    _, found, _ = ellipsoids
    local, _ = aligned(found.points)
    variance = np.linalg.svd((local - local.mean(axis=0)).reshape(5, -1), compute_uv=False) ** 2
    assert variance[:2].sum() > 0.97 * variance.sum()


def test_first_parts_of_the_points_are_spread_evenly(ellipsoids):
    cases, found, _ = ellipsoids
    for points, mesh in zip(found.points, cases.values(), strict=True):
        for count in (32, 128):
            spacing = np.sqrt(2 * mesh.area_mm2 / (np.sqrt(3) * count))
            assert pdist(points[:count]).min() > 0.4 * spacing
            assert cKDTree(points[:count]).query(mesh.vertices)[0].max() < 1.2 * spacing


def test_the_template_is_one_of_the_cases_and_carries_its_points(ellipsoids):
    cases, found, _ = ellipsoids
    place = [mesh is found.template for mesh in cases.values()].index(True)
    np.testing.assert_array_equal(found.template_points, found.points[place])


def test_every_case_is_reported_once(ellipsoids):
    assert ellipsoids[2] == [(done, 5) for done in range(1, 6)]


def test_an_unseen_ellipsoid_is_matched_like_the_others(ellipsoids):
    _, found, _ = ellipsoids
    axes, turn, shift = (20.5, 9.7, 7.3), (-6.0, 4.0, 8.0), (3.0, -2.0, 1.0)
    mesh = ellipsoid(axes, turn, shift)
    before = found.points.copy()
    points, mirrored = fit_correspondences(found, mesh)
    assert not mirrored
    assert distances_to(points, mesh).max() < 1e-9
    known = directions(found.points[0], AXES[0], (0, 0, 3), (0, 0, 2))
    assert np.linalg.norm(directions(points, axes, turn, shift) - known, axis=1).mean() < 0.05
    np.testing.assert_array_equal(found.points, before)


def test_the_same_surfaces_give_the_same_points(ellipsoids):
    cases, found, _ = ellipsoids
    again = build_correspondences(cases, 128)
    np.testing.assert_array_equal(again.points, found.points)


def test_mirrored_shapes_are_recognised():
    rights = {f"right {n}": horn(lean, size, turn) for n, (lean, size, turn) in enumerate([(6, 1, 0), (7, 1.1, 4)])}
    left = horn(6.5, 0.95, -3).mirrored()
    found = build_correspondences({**rights, "left": left}, 64, reflect=True)
    assert found.mirrored[0] == found.mirrored[1] != found.mirrored[2]
    for points, mesh, mirrored in zip(found.points, [*rights.values(), left], found.mirrored, strict=True):
        assert distances_to(points, mesh.mirrored() if mirrored else mesh).max() < 1e-9
    right = horn(5.5)
    (on_right, one), (on_left, other) = (
        fit_correspondences(found, mesh, reflect=True) for mesh in (right, right.mirrored())
    )
    assert one == found.mirrored[0] != other
    np.testing.assert_allclose(on_right, on_left, atol=1e-6)


def test_without_reflection_nothing_is_mirrored():
    found = build_correspondences({"a": horn(), "b": horn(7), "c": horn(6).mirrored()}, 64)
    assert not found.mirrored.any()


def test_a_case_that_lies_the_other_way_round_is_turned_and_named():
    over = Rotation.from_euler("x", 180, degrees=True).as_matrix()
    shapes = {f"case {lean}": horn(lean, degrees=lean) for lean in (5.0, 6.0, 7.0)}
    turned = horn(6.2)
    shapes["turned"] = Mesh(turned.vertices @ over.T, turned.faces)
    found = build_correspondences(shapes, 64)
    assert [note.split(":")[0] for note in found.notes] == ["turned"]
    assert "turned by" in found.notes[0]


def test_a_case_of_another_shape_is_named():
    shapes = {f"case {number}": ellipsoid(axes) for number, axes in enumerate(AXES)}
    shapes["odd"] = ellipsoid((12.0, 12.0, 12.0))
    found = build_correspondences(shapes, 64)
    assert [note.split(":")[0] for note in found.notes] == ["odd"]
    assert "check its label" in found.notes[0]


def test_a_surface_of_few_triangles_takes_more_points_than_it_has_vertices():
    rough = trimesh.creation.icosphere(subdivisions=1)
    rough = Mesh(np.array(rough.vertices) * (5.0, 4.0, 3.0), np.array(rough.faces, dtype=np.int32))
    found = build_correspondences({"a": rough, "b": Mesh(rough.vertices * 1.1, rough.faces)}, 256)
    assert found.points.shape == (2, 256, 3)
    assert pdist(found.template_points).min() > 0.1


def test_no_surfaces_and_too_few_points_are_refused():
    with pytest.raises(UserError, match="no surface"):
        build_correspondences({})
    with pytest.raises(ValueError, match="at least 4"):
        build_correspondences({"a": horn()}, 3)


def test_the_mean_of_real_hippocampi_warps_onto_each_of_them(shared_data: Path):
    files = sorted((shared_data / "msd_hippocampus" / "labels").glob("*.nii.gz"))[:40:8]
    maps = [io.read_labels(path) for path in files]
    surfaces = [surface_of(each.labels > 0, each.geometry.spacing_zyx_mm)[0] for each in maps]
    known = {path.name: mesh for path, mesh in zip(files[:4], surfaces, strict=False)}
    found = build_correspondences(known)
    unseen, _ = fit_correspondences(found, surfaces[4])
    mean = aligned(found.points)[0].mean(axis=0)
    average = warped(found.template, found.template_points, mean)
    for points, mesh in zip([*found.points, unseen], surfaces, strict=True):
        assert surface_distance(warped(average, mean, points), mesh).mean_mm < 0.13

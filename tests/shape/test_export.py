import csv

import numpy as np
import pytest
import trimesh

from napari_progseg.errors import UserError
from napari_progseg.geometry import Geometry
from napari_progseg.shape.export import write_points, write_surface
from napari_progseg.shape.frame import from_world, to_centred
from napari_progseg.shape.mesh import surface_of
from napari_progseg.shape.particles import read_particles

SHAPE = (20, 16, 12)
# canonical indices of the structure, which has no symmetry
BOX = (slice(4, 14), slice(3, 9), slice(5, 10))


def geometry(signs, order=(0, 1, 2), spacing=(0.9, 1.1, 2.0), turn=0.0):
    """A grid whose file axes i, j, k run along the world axes `order` with these signs, turned about the vertical."""
    direction = np.zeros((3, 3))
    for axis, (world, sign) in enumerate(zip(order, signs, strict=True)):
        direction[world, axis] = sign
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    affine = np.eye(4)
    affine[:3, :3] = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]]) @ direction * spacing
    affine[:3, 3] = (-40, 55, -300)
    world_shape = dict(zip(("x", "y", "z"), SHAPE[::-1], strict=True))
    return Geometry(tuple(world_shape["xyz"[world]] for world in order), affine)


# orientations of the files; the third and the last are left-handed
GEOMETRIES = {
    "LPS": geometry((1, 1, 1)),
    "RAS": geometry((-1, -1, 1)),
    "LPI": geometry((1, 1, -1)),
    "sagittal": geometry((1, -1, 1), order=(1, 2, 0)),
    "oblique": geometry((1, 1, 1), turn=20),
    "oblique RPS": geometry((-1, 1, 1), turn=-15),
}


@pytest.fixture(params=GEOMETRIES)
def placed(request):
    """A grid, the surface of a box on it, and the corners of the box as (z, y, x) indices."""
    grid = GEOMETRIES[request.param]
    mask = np.zeros(SHAPE, dtype=bool)
    mask[BOX] = True
    mesh, _ = surface_of(mask, grid.spacing_zyx_mm)
    return grid, mask, mesh


def world_of(indices_zyx, grid):
    """Go from voxels to the world by the affine of the canonical grid, without the code under test."""
    return np.asarray(indices_zyx) @ grid.world_from_zyx[:3, :3].T + grid.world_from_zyx[:3, 3]


@pytest.mark.parametrize("ending", [".ply", ".stl", ".PLY"])
def test_a_surface_lies_in_the_world_where_its_voxels_do_and_faces_outwards(tmp_path, placed, ending):
    grid, mask, mesh = placed
    path = tmp_path / f"box{ending}"
    write_surface(path, mesh, grid)
    read = trimesh.load(path, file_type=ending[1:].lower())
    assert read.is_watertight
    assert len(read.faces) == len(mesh.faces)
    # the mask's volume in mm³, positive only where the faces look outwards
    assert read.volume == pytest.approx(mask.sum() * np.prod(grid.spacing_zyx_mm), rel=0.01)
    inside = world_of(np.argwhere(mask), grid)
    np.testing.assert_allclose(read.center_mass, inside.mean(axis=0), atol=0.1)
    # voxels' outer sides lie half a voxel beyond their centres
    for axis in range(3):
        reach = 0.5 * np.abs(grid.world_from_zyx[axis, :3]).sum()
        assert read.vertices[:, axis].max() == pytest.approx(inside[:, axis].max() + reach, abs=0.7)
        assert read.vertices[:, axis].min() == pytest.approx(inside[:, axis].min() - reach, abs=0.7)


def test_vertices_of_a_ply_are_those_of_the_mesh_in_the_world(tmp_path, placed):
    grid, _, mesh = placed
    write_surface(tmp_path / "box.ply", mesh, grid)
    read = trimesh.load(tmp_path / "box.ply", process=False)
    np.testing.assert_allclose(from_world(read.vertices, grid), mesh.vertices, atol=1e-4)


@pytest.mark.parametrize("ending", [".csv", ".particles"])
def test_points_lie_in_the_world_where_their_voxels_do(tmp_path, placed, ending):
    grid, *_ = placed
    indices = np.random.default_rng(1).uniform(0, SHAPE, (9, 3))
    path = tmp_path / f"points{ending}"
    write_points(path, to_centred(indices, grid), grid)
    if ending == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            heading, *rows = csv.reader(file)
        assert heading == ["point", "x_mm", "y_mm", "z_mm"]
        assert [row[0] for row in rows] == [str(number) for number in range(9)]
        read = np.array([row[1:] for row in rows], dtype=float)
    else:
        read = read_particles(path)
    np.testing.assert_allclose(read, world_of(indices, grid), atol=1e-6)


def test_an_unknown_ending_is_refused_and_nothing_written(tmp_path, placed):
    grid, _, mesh = placed
    with pytest.raises(UserError, match=r"a\.obj ends in none of \.ply, \.stl; nothing was written"):
        write_surface(tmp_path / "a.obj", mesh, grid)
    with pytest.raises(UserError, match=r"a\.txt ends in none of \.particles, \.csv"):
        write_points(tmp_path / "a.txt", mesh.vertices, grid)
    assert not list(tmp_path.iterdir())

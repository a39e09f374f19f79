import json

import numpy as np
import pytest
import trimesh

from napari_progseg.errors import UserError
from napari_progseg.shape.correspondences import Correspondences
from napari_progseg.shape.distances import distances_to
from napari_progseg.shape.farthest import farthest_order
from napari_progseg.shape.files import correspondences_from_particles, load_model, save_model
from napari_progseg.shape.mesh import Mesh
from napari_progseg.shape.model import ShapeModel
from napari_progseg.shape.pose import Poses

BALL = trimesh.creation.icosphere(subdivisions=2)
FACES = np.array(BALL.faces, dtype=np.int32)


@pytest.fixture(scope="module")
def solids():
    """Vertices of ellipsoids in several poses, (5, 162, 3)."""
    rng = np.random.default_rng(2)
    vectors = np.hstack([rng.normal(0, 0.2, (5, 3)), rng.normal(0, 0.1, (5, 1)), rng.normal(0, 3, (5, 3))])
    poses = Poses.of(vectors)
    return np.array([poses[n].apply(np.array(BALL.vertices) * rng.normal((20, 12, 8), 1)) for n in range(5)])


@pytest.fixture(scope="module")
def model(solids):
    order = farthest_order(BALL.vertices, 48)
    points = solids[:, order]
    names = ("Ärztin 1", "b", "c", "d", "e")
    mirrored = np.array([False, True, False, False, True])
    found = Correspondences(names, points, mirrored, Mesh(solids[0], FACES), points[0], ("b: turned", "c: odd"))
    return ShapeModel.of(found, "left hippocampus", scales=(16, 48), variance=0.9)


def test_a_model_comes_back_as_it_was(tmp_path, model):
    save_model(tmp_path / "model.npz", model)
    again = load_model(tmp_path / "model.npz")
    for name in ("structure", "cases", "scales", "variance", "modes", "notes"):
        assert getattr(again, name) == getattr(model, name)
    for name in ("points", "mirrored"):
        np.testing.assert_array_equal(getattr(again, name), getattr(model, name))
    for name in ("vertices", "faces"):
        np.testing.assert_array_equal(getattr(again.surface, name), getattr(model.surface, name))
    np.testing.assert_allclose(again.poses.vectors, model.poses.vectors, atol=1e-12)
    for one, other in zip(again.levels, model.levels, strict=True):
        np.testing.assert_array_equal(one.modes, other.modes)


def test_a_number_of_modes_comes_back(tmp_path, model):
    save_model(
        tmp_path / "model.npz",
        ShapeModel(
            model.structure, model.cases, model.points, model.poses, model.mirrored, (48,), 0.9, 3, model.surface
        ),
    )
    assert [len(level.modes) for level in load_model(tmp_path / "model.npz").levels] == [3]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"there is no shape model .*model\.npz"):
        load_model(tmp_path / "model.npz")


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_truncated_file_is_refused(tmp_path, model, share):
    path = tmp_path / "model.npz"
    save_model(path, model)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match="no intact shape model"):
        load_model(path)


def test_a_file_with_a_damaged_part_is_refused(tmp_path, model):
    path = tmp_path / "model.npz"
    save_model(path, model)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(64)
    path.write_bytes(content)
    with pytest.raises(UserError, match="no intact shape model"):
        load_model(path)


def test_foreign_files_are_refused(tmp_path):
    (tmp_path / "text.npz").write_text("no archive", encoding="ascii")
    np.savez(tmp_path / "other.npz", points=np.zeros((3, 4, 3)))
    np.save(tmp_path / "array.npz.npy", np.zeros(3))
    (tmp_path / "array.npz.npy").rename(tmp_path / "array.npz")
    np.savez(tmp_path / "pickled.npz", facts=np.array([{"version": 1}], dtype=object))
    (tmp_path / "folder.npz").mkdir()
    for name in ("text", "other", "array", "pickled", "folder"):
        with pytest.raises(UserError, match=rf"{name}\.npz is no intact shape model.*build it again"):
            load_model(tmp_path / f"{name}.npz")


def test_a_file_of_a_later_version_is_refused(tmp_path, model):
    path = tmp_path / "model.npz"
    save_model(path, model)
    with np.load(path) as stored:
        arrays = dict(stored)
    facts = json.loads(arrays["facts"].tobytes()) | {"version": 2}
    np.savez(path, **arrays | {"facts": np.frombuffer(json.dumps(facts).encode(), np.uint8)})
    with pytest.raises(UserError, match="newer version"):
        load_model(path)


def test_arrays_that_do_not_belong_together_are_refused(tmp_path, model):
    path = tmp_path / "model.npz"
    for wrong in ({"points": np.zeros((4, 48, 3))}, {"poses": np.zeros((6, 7))}, {"mirrored": np.zeros(2, bool)}):
        save_model(path, model)
        with np.load(path) as stored:
            arrays = dict(stored)
        np.savez(path, **arrays | wrong)
        with pytest.raises(UserError, match="no intact shape model"):
            load_model(path)


class TestParticles:
    @pytest.fixture
    def joined(self, solids):
        shuffled = np.random.default_rng(0).permutation(solids.shape[1])[:80]
        particles = {f"case {n}": solid[shuffled] for n, solid in enumerate(solids)}
        # surfaces in another order than the particles
        surfaces = {f"case {n}": Mesh(solids[n], FACES) for n in range(4, -1, -1)}
        return particles, surfaces, correspondences_from_particles(particles, surfaces)

    def test_all_cases_are_put_into_the_same_new_order(self, joined):
        particles, _, found = joined
        assert found.cases == tuple(particles)
        assert not found.mirrored.any()
        places = [int(np.linalg.norm(particles["case 0"] - point, axis=1).argmin()) for point in found.points[0]]
        assert sorted(places) == list(range(80))
        for points, given in zip(found.points, particles.values(), strict=True):
            np.testing.assert_array_equal(points, given[places])

    def test_first_parts_of_the_points_are_spread_evenly(self, joined):
        particles, _, found = joined
        for points, given in zip(found.points, particles.values(), strict=True):
            away = np.linalg.norm(given[:, None] - points[None, :20], axis=2).min(axis=1).max()
            as_given = np.linalg.norm(given[:, None] - given[None, :20], axis=2).min(axis=1).max()
            assert away < 0.8 * as_given

    def test_the_template_is_the_surface_of_a_case_that_carries_its_points(self, joined):
        _, surfaces, found = joined
        (case,) = (name for name, mesh in surfaces.items() if mesh is found.template)
        np.testing.assert_array_equal(found.template_points, found.points[found.cases.index(case)])
        assert distances_to(found.template_points, found.template).max() < 1e-9

    def test_they_make_a_shape_model(self, joined):
        model = ShapeModel.of(joined[2], "ball", scales=(16, 80))
        assert distances_to(model.points.mean(axis=0), model.surface).max() < 0.05

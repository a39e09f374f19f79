import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_progseg.shape.pose import Pose, Poses, aligned, fitted


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def drawn_poses(rng, count, degrees=60.0):
    vectors = np.hstack(
        [
            np.radians(degrees) * rng.uniform(-0.5, 0.5, (count, 3)),
            rng.normal(0, 0.2, (count, 1)),
            rng.normal(0, 9, (count, 3)),
        ]
    )
    return Poses.of(vectors)


def test_a_pose_scales_turns_and_shifts_and_its_inverse_undoes_that(rng):
    quarter = Pose(Rotation.from_rotvec([0, 0, np.pi / 2]).as_matrix(), 2.0, np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(quarter.apply([[1.0, 0.0, 0.0]]), [[1.0, 4.0, 3.0]], atol=1e-12)
    points = rng.normal(0, 20, (7, 3))
    np.testing.assert_allclose(quarter.inverse(quarter.apply(points)), points, atol=1e-12)


def test_poses_survive_the_way_through_their_vectors(rng):
    poses = drawn_poses(rng, 6, degrees=170)
    again = Poses.of(poses.vectors)
    assert poses.vectors.shape == (6, 7)
    assert len(again) == 6
    for name in ("rotations", "scales", "translations"):
        np.testing.assert_allclose(getattr(again, name), getattr(poses, name), atol=1e-12)
    np.testing.assert_allclose(again.vectors, poses.vectors, atol=1e-12)


def test_the_identity_is_the_vector_of_zeros():
    pose = Poses.of(np.zeros((1, 7)))[0]
    np.testing.assert_array_equal(pose.rotation, np.eye(3))
    assert pose.scale == 1
    np.testing.assert_array_equal(pose.translation, np.zeros(3))


def test_a_fit_finds_the_similarity_that_was_applied(rng):
    moving = rng.normal(0, [10, 6, 3], (40, 3)) + 4
    true = drawn_poses(rng, 1, degrees=300)[0]
    found = fitted(moving, true.apply(moving))
    np.testing.assert_allclose(found.rotation, true.rotation, atol=1e-12)
    assert found.scale == pytest.approx(true.scale, rel=1e-12)
    np.testing.assert_allclose(found.translation, true.translation, atol=1e-10)


def test_a_fit_never_reflects_and_no_small_change_makes_it_better(rng):
    moving = rng.normal(0, [10, 6, 3], (40, 3))
    fixed = moving * [1, 1, -1] + rng.normal(0, 0.5, (40, 3))
    found = fitted(moving, fixed)
    assert np.linalg.det(found.rotation) == pytest.approx(1)
    best = ((found.apply(moving) - fixed) ** 2).sum()
    vector = Poses(found.rotation[None], np.array([found.scale]), found.translation[None]).vectors
    for index, step in np.ndindex(7, 2):
        changed = vector.copy()
        changed[0, index] += (-1e-3, 1e-3)[step]
        assert ((Poses.of(changed)[0].apply(moving) - fixed) ** 2).sum() > best


def test_points_that_coincide_have_no_pose():
    with pytest.raises(ValueError, match="coincide"):
        fitted(np.ones((5, 3)), np.arange(15.0).reshape(5, 3))
    with pytest.raises(ValueError, match="coincide"):
        fitted(np.arange(15.0).reshape(5, 3), np.ones((5, 3)))


def test_alignment_recovers_the_known_similarities_of_one_shape(rng):
    true = drawn_poses(rng, 8)
    shape = rng.normal(0, [12, 7, 4], (50, 3))
    points = np.array([true[i].apply(shape) for i in range(8)])
    local, poses = aligned(points)
    np.testing.assert_allclose(local, np.broadcast_to(local[0], local.shape), atol=1e-9)
    # the frame is free up to one similarity, so pairs of cases tell: from case 0 to case i
    for i in range(1, 8):
        np.testing.assert_allclose(
            poses.rotations[i] @ poses.rotations[0].T, true.rotations[i] @ true.rotations[0].T, atol=1e-9
        )
        assert poses.scales[i] / poses.scales[0] == pytest.approx(true.scales[i] / true.scales[0], rel=1e-9)
        np.testing.assert_allclose(poses[i].apply(poses[0].inverse(points[0])), points[i], atol=1e-9)


def test_the_local_frame_keeps_its_conventions_and_poses_bring_the_points_back(rng):
    true = drawn_poses(rng, 9)
    shape = rng.normal(0, [12, 7, 4], (50, 3)) + 5
    points = np.array([true[i].apply(shape + rng.normal(0, 0.8, shape.shape)) for i in range(9)])
    local, poses = aligned(points)
    mean = local.mean(axis=0)
    np.testing.assert_allclose(mean.mean(axis=0), 0, atol=1e-9)
    assert np.log(poses.scales).mean() == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(Rotation.from_matrix(poses.rotations).mean().as_matrix(), np.eye(3), atol=1e-9)
    for i, case in enumerate(points):
        np.testing.assert_allclose(poses[i].apply(local[i]), case, atol=1e-9)
        # a case fitted anew to the mean gets the pose it has
        np.testing.assert_allclose(fitted(mean, case).apply(mean), poses[i].apply(mean), atol=1e-8)


def test_alignment_does_not_depend_on_the_pose_of_the_first_case(rng):
    true, shape = drawn_poses(rng, 5, degrees=30), rng.normal(0, [12, 7, 4], (30, 3))
    points = np.array([true[i].apply(shape + rng.normal(0, 0.8, shape.shape)) for i in range(5)])
    first, last = aligned(points)[0], aligned(points[::-1])[0][::-1]
    np.testing.assert_allclose(first, last, atol=1e-8)

import numpy as np
import pytest

from napari_progseg.errors import UserError
from napari_progseg.shape.particles import read_all, read_particles, write_particles


@pytest.fixture
def points():
    return np.random.default_rng(4).uniform(-3000, 3000, (64, 3))


def test_points_come_back_in_their_order_to_a_millionth_of_a_millimetre(tmp_path, points):
    write_particles(tmp_path / "a.particles", points)
    np.testing.assert_allclose(read_particles(tmp_path / "a.particles"), points, rtol=0, atol=1e-6)


def test_a_line_is_one_point_of_three_numbers(tmp_path):
    write_particles(tmp_path / "a.particles", [[1.5, -2.0, 3.25], [0.0, 1e-3, 100.0]])
    assert (tmp_path / "a.particles").read_text(encoding="ascii") == "1.5 -2 3.25\n0 0.001 100\n"


def test_files_of_shapeworks_with_other_blanks_and_exponents_are_read(tmp_path):
    (tmp_path / "a.particles").write_bytes(b" 1.5e+01  -2   3\r\n\r\n4\t5 6 \r\n")
    np.testing.assert_array_equal(read_particles(tmp_path / "a.particles"), [[15, -2, 3], [4, 5, 6]])


@pytest.mark.parametrize("line", ["1 2", "1 2 3 4", "1 2 x", "1,2,3"])
def test_a_line_that_is_no_point_is_named(tmp_path, line):
    (tmp_path / "odd.particles").write_text(f"1 2 3\n\n{line}\n4 5 6\n", encoding="ascii")
    with pytest.raises(UserError, match=r"odd\.particles, line 3.*nothing was changed"):
        read_particles(tmp_path / "odd.particles")


@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_a_file_without_points_is_refused(tmp_path, content):
    (tmp_path / "a.particles").write_bytes(content)
    with pytest.raises(UserError, match=r"a\.particles holds no"):
        read_particles(tmp_path / "a.particles")


@pytest.mark.parametrize("number", ["nan", "inf"])
def test_a_point_that_is_nowhere_is_named(tmp_path, number):
    (tmp_path / "a.particles").write_text(f"1 2 3\n1 {number} 3\n", encoding="ascii")
    with pytest.raises(UserError, match=r"a\.particles, line 2"):
        read_particles(tmp_path / "a.particles")


def test_a_file_that_is_no_text_or_not_there_is_named(tmp_path):
    (tmp_path / "a.particles").write_bytes(b"\xff\xfe\x00\x81")
    for name in ("a.particles", "b.particles"):
        with pytest.raises(UserError, match=rf"{name} cannot be read"):
            read_particles(tmp_path / name)


def test_all_cases_are_read_by_their_names(tmp_path, points):
    write_particles(tmp_path / "a.particles", points)
    write_particles(tmp_path / "b_world.particles", points + 1)
    write_particles(tmp_path / "c.particles", points + 2)
    found = read_all(tmp_path, ["b", "a"])
    assert list(found) == ["b", "a"]
    np.testing.assert_allclose(found["b"] - found["a"], 1, atol=1e-5)


def test_world_particles_are_taken_before_local_ones(tmp_path, points):
    write_particles(tmp_path / "a_local.particles", points)
    write_particles(tmp_path / "a_world.particles", points + 1)
    np.testing.assert_allclose(read_all(tmp_path, ["a"])["a"], points + 1, atol=1e-5)


def test_a_missing_case_is_named(tmp_path, points):
    write_particles(tmp_path / "a.particles", points)
    with pytest.raises(UserError, match=r"has no b\.particles"):
        read_all(tmp_path, ["a", "b"])


def test_cases_with_other_numbers_of_points_are_named(tmp_path, points):
    for name, count in (("a", 64), ("b", 32), ("c", 64)):
        write_particles(tmp_path / f"{name}.particles", points[:count])
    with pytest.raises(UserError, match="b has 32 particles and a has 64"):
        read_all(tmp_path, ["a", "b", "c"])

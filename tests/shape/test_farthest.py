import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from napari_progseg.shape.farthest import farthest_order


def test_on_a_line_the_ends_come_first_then_the_middle():
    line = np.column_stack([np.arange(9.0), np.zeros(9), np.zeros(9)])
    assert farthest_order(line, 3, first=0).tolist() == [0, 8, 4]
    assert sorted(farthest_order(line, 9)) == list(range(9))


def test_every_first_part_is_spread_evenly():
    directions = np.random.default_rng(0).normal(size=(4000, 3))
    sphere = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    order = farthest_order(sphere, 256)
    for count in (16, 64, 256):
        chosen = sphere[order[:count]]
        # as a share of the spacing of a hexagonal pattern with as many points
        spacing = np.sqrt(8 * np.pi / (np.sqrt(3) * count))
        assert pdist(chosen).min() > 0.6 * spacing
        assert cKDTree(chosen).query(sphere)[0].max() < pdist(chosen).min() * 1.01


def test_points_that_coincide_are_each_chosen_once():
    points = np.repeat([[0.0, 0, 0], [1, 0, 0]], 3, axis=0)
    order = farthest_order(points, 6)
    assert sorted(order) == list(range(6))
    assert (order[0] < 3) != (order[1] < 3)


def test_more_points_than_there_are_cannot_be_chosen():
    with pytest.raises(ValueError, match="5 of 4"):
        farthest_order(np.zeros((4, 3)), 5)
    assert farthest_order(np.zeros((4, 3)), 0).shape == (0,)

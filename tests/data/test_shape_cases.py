"""Shapes of training cases, and those that warped samples take."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_progseg.data.shape_cases import ShapeTable
from napari_progseg.shape.model import ShapeModel

FACTORS = {f"p{number}": np.array([1.0, 1.01, 0.98]) for number in range(6)}


@pytest.fixture
def table(shape_model: ShapeModel) -> ShapeTable:
    return ShapeTable.of(shape_model, FACTORS, "kde", seed=0)


def test_real_shapes_are_those_of_the_cases_on_the_networks_grid(table: ShapeTable, shape_model: ShapeModel) -> None:
    found = table.real(torch.arange(6))
    for row in range(6):
        known = shape_model.poses[row].apply(shape_model.points[row]) * FACTORS["p0"]
        assert np.abs(found.points[row].numpy() - known).max() < 1e-3
    assert found.pose.mean(0).abs().max() < 1e-4


def test_drawn_shapes_lie_about_their_case_and_poses_spread_like_those_of_all(
    table: ShapeTable, shape_model: ShapeModel
) -> None:
    rows = torch.zeros(400, dtype=torch.long)
    found = table.drawn(rows, torch.Generator().manual_seed(0))
    scores = shape_model.levels[-1].scores(found.local.numpy())
    own = shape_model.levels[-1].scores(shape_model.points[:1])[0]
    assert np.abs(scores.mean(0) - own).max() < 0.25
    assert 0.3 < scores.std(0).mean() < 1.5
    assert found.pose.std(0).tolist() == pytest.approx([1.0] * 7, abs=0.15)


def test_the_same_seed_draws_the_same(table: ShapeTable, shape_model: ShapeModel) -> None:
    again = ShapeTable.of(shape_model, FACTORS, "kde", seed=0)
    other = ShapeTable.of(shape_model, FACTORS, "kde", seed=1)
    assert torch.equal(table.offsets, again.offsets)
    assert not torch.equal(table.offsets, other.offsets)


def test_a_case_that_no_draw_lies_about_stays_as_it_is(table: ShapeTable) -> None:
    alone = ShapeTable(**{**vars(table), "about": tuple(each[:0] for each in table.about)})
    found = alone.drawn(torch.tensor([2]), torch.Generator().manual_seed(0))
    assert torch.allclose(found.local[0], table.local[2])

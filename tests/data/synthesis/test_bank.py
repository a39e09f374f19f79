"""Shapes of real anatomy read from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_progseg.data.synthesis import draw_tasks
from napari_progseg.data.synthesis.bank import HEADS, ORGANS, ShapeBank, read_bank
from napari_progseg.errors import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.savez(tmp_path / ORGANS, flat=np.ones((4, 8, 16), np.bool_), speck=np.ones((2, 2, 2), np.bool_))
    head = np.zeros((20, 22, 24), np.uint8)
    head[4:10, 6:16, 8:12] = 5
    head[0, 0, 0] = 7
    np.savez(tmp_path / HEADS, first=head, second=np.zeros_like(head))
    return tmp_path


def test_organs_fill_their_cubes_along_the_longest_side_and_specks_are_left_out(folder: Path) -> None:
    bank = read_bank(folder)
    assert bank.organs.shape == (1, 32, 32, 32)
    inside = bank.organs[0] > 0.5
    spans = [int(inside.any(dim=tuple({0, 1, 2} - {axis})).sum()) for axis in range(3)]
    assert spans == [8, 16, 32]
    assert bank.organs.min() >= 0
    assert bank.organs.max() <= 1


def test_structures_of_heads_are_listed_with_value_middle_and_longest_side(folder: Path) -> None:
    bank = read_bank(folder)
    assert bank.heads.shape == (2, 20, 22, 24)
    assert bank.structures.tolist() == [[0.0, 5.0, 6.5, 10.5, 9.5, 10.0]]


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / HEADS).unlink()
    with pytest.raises(UserError, match=f"no {HEADS}; nothing was trained"):
        read_bank(folder)


def test_tasks_are_drawn_from_a_bank(folder: Path) -> None:
    bank = read_bank(folder).to("cpu")
    assert isinstance(bank, ShapeBank)
    generator = torch.Generator().manual_seed(0)
    assert sum(len(draw_tasks(generator, 2, 16, bank).images) for _ in range(10)) > 8

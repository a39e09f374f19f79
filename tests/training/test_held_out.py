"""Generated tasks that nobody trains on."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from napari_progseg.data import synthesis
from napari_progseg.data.synthesis import Task
from napari_progseg.training import held_out
from napari_progseg.training.held_out import COUNTS, measure_held_out

INSIDE, OUTSIDE, PREVIOUS = 1, 2, 3


class Stroke(nn.Module):
    """Marks what lies within 3 voxels of inside clicks and keeps the previous mask: each click marks more."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        near, wrong = (inputs[:, [channel]] > 0.32 for channel in (INSIDE, OUTSIDE))
        mask = ((inputs[:, [PREVIOUS]] > 0.5) | near) & ~wrong
        return mask.float() * 2 - 1, torch.zeros(len(inputs))


@pytest.fixture(autouse=True)
def small_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw smaller windows than usual, so that a test takes no minute."""

    def draw(generator: torch.Generator, batch: int, size: int) -> Task:
        return synthesis.draw_tasks(generator, batch // 2, size // 2)

    monkeypatch.setattr(held_out, "draw_tasks", draw)


def test_dice_is_told_after_each_number_of_clicks_and_rises_with_a_network_that_marks_more_with_each() -> None:
    found = measure_held_out(Stroke(), tasks=4)
    assert list(found["dice"]) == [str(count) for count in COUNTS]
    dice = list(found["dice"].values())
    assert 0 < dice[0] < dice[1] < dice[2] < dice[3] < 1
    assert found["mean"] == pytest.approx(sum(dice) / 4, abs=1e-3)
    assert found["tasks"] == 4


def test_every_network_gets_the_same_tasks() -> None:
    assert measure_held_out(Stroke(), tasks=2) == measure_held_out(Stroke(), tasks=2)

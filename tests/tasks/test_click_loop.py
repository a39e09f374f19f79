"""The simulated user of training listens: every further click is about what the network answered to the one before.

That is the rule of the paper and of `clicks.previous` ``answers``; masks that are drawn with mistakes ask no network.

The network of this file answers differently after every click, so that a loop that never looks at new answers, looks at
old ones, or looks at another structure is told from one that does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from napari_progseg.data.plan import Plan
from napari_progseg.data.sampler import Batch
from napari_progseg.tasks.interactive import Interactive
from napari_progseg.volume import LabelClass

BOTH = (LabelClass("a", (1,)), LabelClass("b", (2,)))
SIDE, MOST, SAMPLES = 36, 5, 48
STRUCTURES = (slice(31, 34), slice(2, 5)), (slice(31, 34), slice(22, 25))


def square(clicks: int, structure: int, *, shown_a_mask: bool) -> tuple[int, int]:
    """Return the middle of the 5×5 voxels that the network marks."""
    return 2 + 6 * (2 * structure + shown_a_mask), 2 + 6 * clicks


class Wandering(nn.Module):
    """Marks a square, always wrong, whose place tells how many clicks it was shown, and whether a mask before them."""

    def forward(self, inputs: Tensor) -> Tensor:
        out = torch.full((len(inputs), 2, SIDE, SIDE), -9.0)
        for sample, (_, inside, outside, previous) in enumerate(inputs):
            clicks = int((inside > 0.999).sum() + (outside > 0.999).sum())
            for structure in range(2):
                y, x = square(clicks, structure, shown_a_mask=bool(previous.any()))
                out[sample, structure, y - 2 : y + 3, x - 2 : x + 3] = 9.0
        return out


@pytest.fixture
def prepared(plan_of: Callable[..., Plan]) -> tuple[Tensor, Tensor]:
    """Return the inputs (B, 4, Y, X) of a batch, and the structure (B,) that is clicked in each sample."""
    plain: dict[str, Any] = {
        **{"background": 0.0, "none": 0.0, "previous_dropout": 0.0, "min_component": 0, "bent": 0.0, "after": 0.0},
        **{"sigma_mm": 1.0, "most": MOST, "decoys": 0.0, "previous": "answers"},
    }
    plan = plan_of(clicks=plain, task="interactive", classes=BOTH, patch=(SIDE, SIDE))
    labels = torch.zeros((SAMPLES, SIDE, SIDE), dtype=torch.uint8)
    for value, place in enumerate(STRUCTURES, 1):
        labels[:, *place] = value
    batch = Batch(torch.zeros(SAMPLES, 1, SIDE, SIDE), labels)
    inputs, targets = Interactive(plan).prepare(batch, Wandering(), 1.0, torch.Generator().manual_seed(0))
    # every channel learns the structure that is clicked
    chosen = targets.masks[:, 0, STRUCTURES[1][0].start, STRUCTURES[1][1].start].long()
    assert set(chosen.tolist()) == {0, 1}
    return inputs, chosen


def places(channel: Tensor) -> set[tuple[int, int]]:
    return {(y, x) for y, x in (channel > 0.999).nonzero().tolist()}


def test_each_click_lies_in_what_was_answered_to_the_one_before(prepared: tuple[Tensor, Tensor]) -> None:
    counts = set()
    for (_, inside, outside, _), structure in zip(*prepared, strict=True):
        rows, columns = STRUCTURES[structure]
        assert places(inside) == {(rows.start + 1, columns.start + 1)}, "the first: innermost in the structure"
        further = places(outside)
        counts.add(len(further))
        # answer 1 saw the mask of answer 0, and so on
        expected = {square(number, int(structure), shown_a_mask=True) for number in range(1, len(further) + 1)}
        assert further == expected
    assert counts == set(range(MOST))


def test_the_mask_before_the_last_click_is_shown_beside_it(prepared: tuple[Tensor, Tensor]) -> None:
    for (_, _, outside, previous), structure in zip(*prepared, strict=True):
        answers = len(places(outside))
        y, x = square(answers, int(structure), shown_a_mask=answers > 0)
        expected = torch.zeros(SIDE, SIDE)
        expected[y - 2 : y + 3, x - 2 : x + 3] = 1
        assert torch.equal(previous, expected)

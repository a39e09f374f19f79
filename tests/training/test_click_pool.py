"""Tasks that are answered click after click."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from napari_progseg.data.synthesis import Task
from napari_progseg.training.click_pool import GUESSED_REACH, MOST_CLICKS, ClickPool, degraded

SIZE = 16
IMAGE, INSIDE, OUTSIDE, PREVIOUS = range(4)
REACH = 6
AXIS = torch.arange(SIZE) - SIZE / 2 + 0.5
BALL = (AXIS[:, None, None] ** 2 + AXIS[:, None] ** 2 + AXIS**2) < 25


class Balls:
    """Draws tasks of one ball each; the image of the n-th task is n / 1000 everywhere."""

    def __init__(self, batch: int = 3) -> None:
        self.drawn, self._batch = 0, batch

    def __call__(self) -> Task:
        numbers = torch.arange(self.drawn, self.drawn + self._batch)
        self.drawn += self._batch
        images = (numbers / 1000).view(-1, 1, 1, 1, 1).expand(-1, 1, SIZE, SIZE, SIZE).clone()
        return Task(images, BALL.expand(self._batch, -1, -1, -1).clone())


def pool_of(size: int, seed: int = 0, draw: Callable[[], Task] | None = None) -> ClickPool:
    return ClickPool(draw or Balls(), size, torch.Generator().manual_seed(seed))


def numbers(inputs: Tensor) -> list[int]:
    """Tell which tasks are shown."""
    return [round(1000 * value) for value in inputs[:, IMAGE, 0, 0, 0].tolist()]


def newest(maps: Tensor, older: Tensor | None = None) -> Tensor:
    """Return the voxels of the newest click of a map, (Z, Y, X) bool: clicks lie between eight voxels."""
    return maps > 0.9 if older is None else (maps > 0.9) & (older < 0.9)


def test_a_pool_shows_as_many_tasks_as_asked_each_with_a_click() -> None:
    shown = pool_of(8).show(5)
    assert shown.inputs.shape == (5, 7, SIZE, SIZE, SIZE)
    assert len(set(shown.rows.tolist())) == 5
    assert torch.equal(shown.targets, BALL.expand(5, -1, -1, -1))
    begun = shown.inputs[:, PREVIOUS].flatten(1).any(1)
    assert (shown.inputs[~begun, INSIDE].flatten(1).amax(1) > 0.8).all()


def test_new_tasks_begin_with_a_click_inside_the_target_on_an_empty_mask() -> None:
    shown = pool_of(60).show(60)
    fresh = ~shown.inputs[:, PREVIOUS].flatten(1).any(1)
    assert 0.65 < fresh.float().mean() < 0.95
    for inside in shown.inputs[fresh, INSIDE]:
        assert newest(inside).sum() == 8
        assert BALL[newest(inside)].float().mean() >= 0.5
    assert not shown.inputs[fresh, OUTSIDE].any()


def test_some_tasks_begin_with_a_mask_that_is_nearly_right_and_some_of_these_without_a_click_in_the_window() -> None:
    shown = pool_of(100).show(100)
    begun = shown.inputs[:, PREVIOUS].flatten(1).any(1)
    assert 0.05 < begun.float().mean() < 0.35
    clicked = shown.inputs[:, [INSIDE, OUTSIDE]].flatten(1).any(1)
    assert clicked[~begun].all()
    assert 0 < (~clicked[begun]).sum() < begun.sum()


def test_about_half_of_the_first_clicks_are_drags_that_say_the_reach_within_a_fifth() -> None:
    shown = pool_of(100).show(100)
    dragged = shown.inputs[:, REACH].flatten(1).any(1) & ~shown.guessed
    assert 0.25 < dragged.float().mean() < 0.65
    assert not (dragged & shown.inputs[:, PREVIOUS].flatten(1).any(1)).any()
    for inputs in shown.inputs[dragged]:
        centre = newest(inputs[INSIDE]).nonzero().float().mean(0)
        assert any(0.79 * far <= reach_in(inputs) <= 1.21 * far for far in farthest(centre))


def test_some_reaches_are_guessed_from_the_window_and_such_tasks_are_shown_once() -> None:
    pool = pool_of(100)
    shown = pool.show(100)
    assert 0.02 < shown.guessed.float().mean() < 0.3
    for inputs in shown.inputs[shown.guessed]:
        assert reach_in(inputs) == pytest.approx(SIZE / GUESSED_REACH, rel=0.01)
    pool.answer(shown.rows, torch.zeros_like(shown.targets))
    left = set(numbers(pool.show(100).inputs))
    guessed = set(numbers(shown.inputs[shown.guessed]))
    assert not guessed & left
    assert len(set(numbers(shown.inputs)) & left) > 50


def reach_in(inputs: Tensor) -> float:
    """Read the reach from its cone, which falls from 1 at the click to a half where the reach ends."""
    centre = newest(inputs[INSIDE]).nonzero().float().mean(0)
    distance = ((torch.cartesian_prod(*[torch.arange(SIZE)] * 3) - centre) ** 2).sum(1).sqrt()
    cone = inputs[REACH].flatten()
    return float((distance / (2 * (1 - cone)))[cone > 0].median())


def farthest(centre: Tensor) -> list[float]:
    """Return how far the ball reaches from a place in each of the three slices through it."""
    found = []
    for axis in range(3):
        voxels = BALL.nonzero()
        voxels = voxels[voxels[:, axis] == int(centre[axis])]
        away = (voxels - centre)[:, [other for other in range(3) if other != axis]]
        found.append(float((away**2).sum(1).amax().sqrt()) if len(voxels) else 1.0)
    return found


def test_an_answer_becomes_the_previous_mask_and_gets_another_click_on_an_error_of_it() -> None:
    pool = pool_of(40)
    shown = pool.show(40)
    few = BALL & (AXIS < 0)[:, None, None]
    many = BALL | ((AXIS.abs() < 3)[:, None, None] & (AXIS > 4)[:, None] & (AXIS.abs() < 3))
    answers = torch.stack([few, many]).repeat(20, 1, 1, 1)
    before = dict(zip(shown.rows.tolist(), shown.inputs, strict=True))
    pool.answer(shown.rows, answers)
    again = pool.show(40)
    kept = 0
    for row, number, inputs in zip(again.rows.tolist(), numbers(again.inputs), again.inputs, strict=True):
        if number != row or not before[row][[INSIDE, OUTSIDE]].any():
            continue
        answer = answers[shown.rows.tolist().index(row)]
        if not torch.equal(inputs[PREVIOUS] > 0.5, answer):
            continue
        kept += 1
        error = (BALL & ~answer) if (BALL & ~answer).any() else (answer & ~BALL)
        channel = INSIDE if (BALL & ~answer).any() else OUTSIDE
        added = newest(inputs[channel], before[row][channel])
        assert added.sum() == 8
        assert error[added].float().mean() >= 0.5
    assert kept > 15


def test_tasks_that_are_right_are_replaced() -> None:
    balls = Balls()
    pool = pool_of(6, draw=balls)
    shown = pool.show(6)
    pool.answer(shown.rows, shown.targets)
    assert sorted(numbers(pool.show(6).inputs)) == list(range(6, 12))
    assert balls.drawn == 12


def test_tasks_that_stay_wrong_get_click_after_click_and_are_replaced_in_the_end() -> None:
    pool = pool_of(12)
    shows: dict[int, int] = {}
    for _ in range(2 * MOST_CLICKS):
        shown = pool.show(12)
        for number in numbers(shown.inputs):
            shows[number] = shows.get(number, 0) + 1
        pool.answer(shown.rows, torch.zeros_like(shown.targets))
    gone = set(shows) - set(numbers(pool.show(12).inputs))
    assert set(range(12)) <= gone
    assert min(shows[number] for number in gone) == 1
    assert 3 < max(shows.values()) < MOST_CLICKS


def test_one_seed_gives_one_sequence() -> None:
    def sequence(seed: int) -> list[Tensor]:
        pool, found = pool_of(6, seed), []
        for _ in range(4):
            shown = pool.show(3)
            found.append(shown.inputs)
            pool.answer(shown.rows, shown.inputs[:, PREVIOUS] > 0.5)
        return found

    for first, again in zip(sequence(1), sequence(1), strict=True):
        assert torch.equal(first, again)
    assert not all(torch.equal(a, b) for a, b in zip(sequence(1), sequence(2), strict=True))


def test_degraded_masks_are_wrong_but_not_far_off() -> None:
    targets = BALL.expand(40, -1, -1, -1)
    masks = degraded(targets, torch.Generator().manual_seed(0))
    overlap = 2 * (masks & targets).flatten(1).sum(1) / (masks.flatten(1).sum(1) + targets.flatten(1).sum(1))
    assert (overlap < 1).float().mean() > 0.9
    assert overlap.median() > 0.7


def all_of(pool: ClickPool) -> tuple[list[int], Tensor]:
    """Return the places of all of eight tasks and what is shown of them."""
    shown = pool.show(8)
    return shown.rows.tolist(), shown.inputs


@pytest.mark.parametrize("batch", [1, 3])
def test_masks_of_other_tasks_stay_as_they_are(batch: int) -> None:
    pool = pool_of(8)
    before = dict(zip(*all_of(pool), strict=True))
    shown = pool.show(batch)
    pool.answer(shown.rows, torch.zeros_like(shown.targets))
    answered = set(shown.rows.tolist())
    for row, inputs in zip(*all_of(pool), strict=True):
        if row not in answered:
            assert torch.equal(inputs, before[row])

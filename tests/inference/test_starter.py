"""Gestures answered by a model that marks what it should: what the session makes of its answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from napari_progseg.guidance.boxes import BoxPrompt
from napari_progseg.guidance.clicks import Click
from napari_progseg.guidance.drags import DragPrompt
from napari_progseg.guidance.prompts import Prompt
from napari_progseg.inference.answer import Answer
from napari_progseg.inference.click_model import Look, Said
from napari_progseg.inference.click_window import ClickWindow
from napari_progseg.inference.starter import StarterSession, StructureModel
from napari_progseg.volume import Volume

SHAPE = (40, 64, 64)
BRIGHT = 100
LEFT_AT, RIGHT_AT = (20, 30, 16), (20, 30, 48)


def ball(middle: tuple[int, int, int], radius: float, shape: tuple[int, int, int] = SHAPE) -> Any:
    z, y, x = np.indices(shape)
    return (z - middle[0]) ** 2 + (y - middle[1]) ** 2 + (x - middle[2]) ** 2 <= radius**2


LEFT, RIGHT = ball(LEFT_AT, 9), ball(RIGHT_AT, 6)


class Perfect:
    """Marks the bright objects that inside clicks lie in, as far as a window shows them; deaf to outside clicks."""

    def __init__(self) -> None:
        self.windows: list[ClickWindow] = []
        self.masks: list[Any] = []
        self.said: list[Said] = []
        self.limits: list[Any] = []

    def look(
        self,
        image: Any,
        windows: Sequence[ClickWindow],
        said: Said,
        masks: Any = None,
        limits: Any = None,
        *,
        guess_reach: bool = False,
    ) -> list[Look]:
        self.windows += windows
        self.masks += [None] * len(windows) if masks is None else list(masks)
        self.said.append(said)
        self.limits.append(limits)
        return [self._look(window, image, said) for window in windows]

    def _look(self, window: ClickWindow, image: Any, said: Said) -> Look:
        values = window.cut(image).astype(np.float32) / BRIGHT - 0.5
        pieces, _ = ndimage.label(values > 0)
        found = set()
        for place in np.rint(window.to_window(said.voxels_zyx[said.inside])).astype(int):
            if ((place >= 0) & (place < window.size)).all():
                found |= set(np.unique(pieces[tuple(slice(max(0, c - 1), c + 2) for c in place)]).tolist())
        mask = np.isin(pieces, list(found - {0}))
        ends = any(mask.take(end, axis).any() for axis in range(3) for end in (0, -1))
        return Look(window, np.where(mask, values, -np.abs(values) - 0.1), 0.1 if ends or mask.sum() < 60 else 0.9)


Started = tuple[StarterSession, Perfect]


@pytest.fixture
def two_balls(volume_of: Callable[..., Volume]) -> Started:
    return on_scan(volume_of((LEFT | RIGHT).astype(np.int16) * BRIGHT))


def on_scan(volume: Volume) -> Started:
    model = Perfect()
    session = StarterSession(model)  # type: ignore[arg-type]
    session.set_image(volume)
    return session, model


def on(mask: Any, answer: Answer) -> Any:
    mask = mask.copy()
    for region, labels in answer.patches:
        mask[region] = labels
    return mask


def empty() -> Any:
    return np.zeros(SHAPE, np.uint16)


def dice(mask: Any, wanted: Any) -> float:
    return float(2 * (mask & wanted).sum() / (mask.sum() + wanted.sum()))


def after(session: StarterSession, prompts: Sequence[Prompt], start: Any = None) -> list[Any]:
    """Return the mask before the first prompt and after each."""
    masks = [empty() if start is None else start]
    for number in range(1, len(prompts) + 1):
        masks.append(on(masks[-1], session.answer(prompts[:number], number, masks[-1].copy())))
    return masks


DRAG = DragPrompt(LEFT_AT, 9.0, 1)


def test_one_drag_marks_a_whole_structure_in_3d(two_balls: Started) -> None:
    session, model = two_balls
    answer = session.answer([DRAG], 7)
    assert answer.revision == 7
    assert answer.seconds > 0
    mask = on(empty(), answer)
    assert dice(mask == 1, LEFT) > 0.9
    assert not (mask[RIGHT]).any()
    assert model.said[0].reach_mm == 9.0
    assert model.windows[0].centre_zyx == LEFT_AT


def test_a_bare_click_finds_its_own_scale(two_balls: Started) -> None:
    session, model = two_balls
    mask = on(empty(), session.answer([Click(RIGHT_AT, True, 2)], 1))
    assert dice(mask == 2, RIGHT) > 0.85
    assert len({window.step_mm for window in model.windows}) > 3


def test_a_box_shows_the_place_and_confines_its_plane_alone(two_balls: Started) -> None:
    box = BoxPrompt((20, 25, 8), (20, 35, 24), 0, 1)
    mask = on(empty(), two_balls[0].answer([box], 1))
    assert (mask[20, 25:36, 8:25] == 1).sum() > 150
    inside = np.zeros(SHAPE[1:], bool)
    inside[25:36, 8:25] = True
    assert not mask[20][~inside].any()
    assert (mask[19][LEFT[19] & ~inside] == 1).mean() > 0.9


def test_a_box_takes_away_what_lies_outside_of_it_in_its_whole_plane(two_balls: Started) -> None:
    start = empty()
    start[20, 60, 60] = start[21, 60, 60] = 1
    start[20, 60, 62] = 2
    mask = on(start, two_balls[0].answer([BoxPrompt((20, 21, 7), (20, 39, 25), 0, 1)], 1, start))
    assert mask[20, 60, 60] == 0
    assert mask[21, 60, 60] == 1
    assert mask[20, 60, 62] == 2


def test_later_clicks_stay_within_an_earlier_box(two_balls: Started) -> None:
    box = BoxPrompt((20, 25, 8), (20, 35, 24), 0, 1)
    mask = on(empty(), two_balls[0].answer([box, Click((18, 30, 16), True, 1)], 1, local=False))
    assert (mask[20] == 1).any()
    assert not mask[20, :25].any()
    assert not mask[20, 36:].any()
    assert mask[19, 24, 16] == 1


def test_prompts_that_are_gone_are_taken_back_exactly(two_balls: Started) -> None:
    session, _ = two_balls
    start = empty()
    start[2:5, 2:5, 2:5] = 1
    start[18:22, 30, 14:17] = 2
    prompts: list[Prompt] = [
        DRAG,
        Click((20, 30, 12), False, 1),
        DragPrompt(RIGHT_AT, 6.0, 2),
        Click((16, 30, 16), True, 1),
    ]
    masks = after(session, prompts, start)
    assert len({mask.tobytes() for mask in masks}) > 3
    for number in (3, 2, 1, 0):
        back = on(masks[-1], session.answer(prompts[:number], 9, masks[-1].copy()))
        np.testing.assert_array_equal(back, masks[number])


def test_a_prompt_in_the_middle_that_is_gone_leaves_what_the_others_say(two_balls: Started) -> None:
    session, _ = two_balls
    outside = Click((20, 30, 12), False, 1)
    *_, mask = after(session, [DRAG, outside, DragPrompt(RIGHT_AT, 6.0, 2)])
    mask = on(mask, session.answer([DRAG, DragPrompt(RIGHT_AT, 6.0, 2)], 9, mask.copy()))
    assert mask[outside.voxel_zyx] == 1
    assert dice(mask == 2, RIGHT) > 0.85


def test_a_prompt_that_was_undone_and_is_made_again_is_answered_again(two_balls: Started) -> None:
    session, _ = two_balls
    mask = on(empty(), session.answer([DRAG], 1, empty()))
    assert not on(mask, session.answer([], 2, mask.copy())).any()
    np.testing.assert_array_equal(on(empty(), session.answer([DRAG], 3, empty())), mask)


def test_what_is_answered_already_is_not_answered_again(two_balls: Started) -> None:
    session, model = two_balls
    mask = on(empty(), session.answer([DRAG], 1, empty()))
    looks = len(model.windows)
    assert session.answer([DRAG], 2, mask.copy()).patches == ()
    assert len(model.windows) == looks


def test_an_answer_that_the_mask_on_screen_does_not_show_is_given_again(two_balls: Started) -> None:
    session, _ = two_balls
    mask = on(empty(), session.answer([DRAG], 1, empty()))
    np.testing.assert_array_equal(on(empty(), session.answer([DRAG], 2, empty())), mask)


def test_other_structures_keep_their_voxels(two_balls: Started) -> None:
    start = empty()
    start[LEFT & (np.indices(SHAPE)[1] < 26)] = 2
    mask = on(start, two_balls[0].answer([DRAG], 1, start.copy()))
    np.testing.assert_array_equal(mask == 2, start == 2)
    assert dice(mask == 1, LEFT & (start == 0)) > 0.9


def test_a_mask_that_is_there_stays_where_nothing_was_clicked(two_balls: Started) -> None:
    start = empty()
    start[30:36, 50:60, 50:60] = 1
    mask = on(start, two_balls[0].answer([DRAG], 1, start.copy()))
    assert (mask[30:36, 50:60, 50:60] == 1).all()
    assert dice(mask[:, :, :40] == 1, LEFT[:, :, :40]) > 0.9


@pytest.mark.parametrize("inside", [True, False])
def test_a_clicked_voxel_ends_on_the_side_that_was_clicked_and_stays_there(two_balls: Started, inside: bool) -> None:
    """The model obeys neither: the outside click lies in its object, the inside click in the dark beside it."""
    clicked = Click((20, 30, 12) if not inside else (20, 30, 28), inside, 1)
    masks = after(two_balls[0], [DRAG, clicked, Click((16, 30, 16), True, 1)])
    for mask in masks[2:]:
        assert (mask[clicked.voxel_zyx] == 1) == inside


def test_an_outside_click_on_an_empty_mask_marks_nothing(two_balls: Started) -> None:
    session, _ = two_balls
    assert not on(empty(), session.answer([Click(LEFT_AT, False, 1)], 1, empty())).any()
    assert not on(empty(), session.answer([Click((5, 5, 5), False, 1)], 2, empty())).any()


def test_the_next_click_is_shown_the_mask_that_stands_and_all_clicks_of_its_structure(two_balls: Started) -> None:
    session, model = two_balls
    after(session, [DRAG, DragPrompt(RIGHT_AT, 6.0, 2), Click((20, 30, 12), False, 1)])
    assert model.said[-1].voxels_zyx.tolist() == [list(map(float, LEFT_AT)), [20.0, 30.0, 12.0]]
    assert model.said[-1].inside.tolist() == [True, False]
    shown = model.masks[-1]
    assert shown.sum() * model.windows[-1].step_mm ** 3 == pytest.approx(LEFT.sum(), rel=0.2)


def test_the_first_click_is_shown_the_mask_that_it_corrects(two_balls: Started) -> None:
    session, model = two_balls
    start = empty()
    start[LEFT] = 1
    session.answer([Click((20, 30, 12), False, 1)], 1, start)
    assert model.masks[0].sum() * model.windows[0].step_mm ** 3 == pytest.approx(LEFT.sum(), rel=0.2)


def test_a_window_grows_while_the_mask_leaves_it(two_balls: Started) -> None:
    session, model = two_balls
    mask = on(empty(), session.answer([DragPrompt(LEFT_AT, 4.0, 1)], 1))
    assert dice(mask == 1, LEFT) > 0.9
    assert model.windows[-1].side_mm > model.windows[0].side_mm


def test_a_window_does_not_grow_beyond_the_scan(volume_of: Callable[..., Volume]) -> None:
    session, model = on_scan(volume_of(np.full((20, 20, 20), BRIGHT, np.int16)))
    mask = on(np.zeros((20, 20, 20), np.uint16), session.answer([DragPrompt((10, 10, 10), 10.0, 1)], 1))
    assert (mask == 1).all()
    assert len(model.windows) == 1


def test_a_second_piece_far_away_is_marked_beside_the_first(volume_of: Callable[..., Volume]) -> None:
    shape = (24, 40, 120)
    near, far = ball((12, 20, 12), 5, shape), ball((12, 20, 106), 5, shape)
    session, _ = on_scan(volume_of((near | far).astype(np.int16) * BRIGHT))
    labels = np.zeros(shape, np.uint16)
    prompts: list[Prompt] = [DragPrompt((12, 20, 12), 5.0, 1)]
    labels = on(labels, session.answer(prompts, 1, labels.copy()))
    first = labels[:, :, :60].copy()
    labels = on(labels, session.answer([*prompts, Click((12, 20, 106), True, 1)], 2, labels.copy()))
    assert dice(labels[:, :, 60:] == 1, far[:, :, 60:]) > 0.75
    assert dice(labels[:, :, :60] == 1, first == 1) > 0.75


def test_a_ct_is_shown_in_a_range_around_what_was_clicked_and_an_mr_as_it_is(volume_of: Callable[..., Volume]) -> None:
    air = np.where(LEFT, BRIGHT, -900).astype(np.int16)
    for image, limits in ((air, (BRIGHT - 300.0, BRIGHT + 300.0)), ((air > 0).astype(np.int16) * BRIGHT, None)):
        session, model = on_scan(volume_of(image))
        session.answer([DRAG], 1)
        assert set(model.limits) == {limits}


@pytest.mark.parametrize("again", [DRAG, BoxPrompt((20, 21, 7), (20, 39, 25), 0, 1)], ids=["drag", "box"])
def test_a_drag_or_box_renews_what_it_is_about_also_where_its_voxel_is_marked_already(
    two_balls: Started, again: Prompt
) -> None:
    start = empty()
    start[18:23, 28:33, 14:19] = 1
    *_, mask = after(two_balls[0], [DragPrompt(RIGHT_AT, 6.0, 1), again], start)
    assert dice(mask[:, :, :32] == 1, LEFT[:, :, :32]) > 0.85


def test_anisotropic_scans_are_answered_in_mm(volume_of: Callable[..., Volume]) -> None:
    z, y, x = np.indices((12, 64, 64))
    body = ((z - 6) * 5) ** 2 + (y - 32) ** 2 + (x - 32) ** 2 <= 15**2
    session, _ = on_scan(volume_of(body.astype(np.int16) * BRIGHT, (5.0, 1.0, 1.0)))
    mask = on(np.zeros(body.shape, np.uint16), session.answer([DragPrompt((6, 32, 32), 15.0, 1)], 1))
    assert dice(mask == 1, body) > 0.85


def test_without_an_image_it_says_so() -> None:
    with pytest.raises(RuntimeError, match="set_image"):
        StarterSession(Perfect()).answer([DRAG], 1)  # type: ignore[arg-type]


def test_what_learned_a_structure_answers_on_it_and_the_starter_on_all_others(volume_of: Any) -> None:
    starter, learned = Perfect(), Perfect()
    session = StarterSession(starter, {2: StructureModel(learned)})  # type: ignore[arg-type]
    session.set_image(volume_of(BRIGHT * (LEFT | RIGHT).astype(np.int16)))
    session.answer([Click(LEFT_AT, inside=True, label=2)], 0)
    assert learned.windows
    assert not starter.windows
    answered = len(learned.windows)
    session.answer([Click(LEFT_AT, inside=True, label=2), Click(RIGHT_AT, inside=True, label=1)], 1)
    assert starter.windows
    assert len(learned.windows) == answered

"""Clicks answered one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_progseg.guidance.boxes import BoxPrompt
from napari_progseg.guidance.clicks import Click
from napari_progseg.inference.answer import Answer
from napari_progseg.inference.model import TrainedModel
from napari_progseg.inference.session import InteractiveSession
from napari_progseg.networks import build_network
from napari_progseg.volume import LabelClass, Volume

from .conftest import Contrary, WhichOne

ModelOf = Callable[..., TrainedModel]
VolumeOf = Callable[..., Volume]
SHAPE = (6, 40, 40)
BOTH = (LabelClass("a", (3,)), LabelClass("b", (7,)))
CLICKS = [
    Click((2, 10, 10), True, 1),
    Click((2, 16, 12), True, 1),
    Click((3, 20, 20), True, 1),
    Click((2, 13, 11), False, 1),
    Click((2, 30, 30), True, 1),
    Click((3, 22, 21), False, 1),
]


def shown(mask: Any, answer: Answer) -> Any:
    mask = mask.copy()
    for region, labels in answer.patches:
        mask[region] = labels
    return mask


def session(model: TrainedModel, volume: Volume) -> InteractiveSession:
    one = InteractiveSession(model)
    one.set_image(volume)
    return one


def empty(shape: tuple[int, ...] = SHAPE) -> Any:
    return np.zeros(shape, np.uint8)


@pytest.fixture
def dark(volume_of: VolumeOf) -> Volume:
    return volume_of(empty())


@pytest.fixture(params=[(16, 16), (4, 16, 16)], ids=["2D", "3D"])
def model(request: pytest.FixtureRequest, interactive_of: ModelOf) -> TrainedModel:
    return interactive_of(patch=request.param)


@pytest.fixture(params=[(16, 16), (4, 16, 16)], ids=["2D", "3D"])
def real(request: pytest.FixtureRequest, interactive_of: ModelOf) -> TrainedModel:
    """A real network with weights of chance."""
    fake = interactive_of(patch=request.param)
    network = build_network(fake.plan, seed=3).eval()
    return TrainedModel(network, fake.plan, fake.config, fake.device, fake.name, 1, None)


def test_a_click_marks_its_place_and_says_how_long_it_took(model: TrainedModel, dark: Volume) -> None:
    answer = session(model, dark).answer([Click((2, 10, 12), True, 1)], 5)
    mask = shown(empty(), answer)
    assert mask[2, 10, 12] == 1
    assert answer.revision == 5
    assert answer.seconds > 0
    np.testing.assert_allclose(np.argwhere(mask[2]).mean(0), [10, 12], atol=0.01)


def test_clicks_of_both_kinds_reach_the_network(real: TrainedModel, dark: Volume) -> None:
    """Guards against clicks that are taken and never shown to the network (MONAI's DeepEdit in inference)."""
    seen: list[Any] = []
    real.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].clone()))
    session(real, dark).answer([Click((2, 10, 10), True, 1), Click((2, 16, 16), False, 1)], 1)
    inputs = seen[-1][0]
    assert inputs[1].max() == pytest.approx(1)
    assert inputs[2].max() == pytest.approx(1)
    assert (inputs[1] - inputs[2]).abs().max() > 0.9


def test_a_click_changes_only_its_window(model: TrainedModel, dark: Volume) -> None:
    before = np.full(SHAPE, 1, np.uint8)
    answer = session(model, dark).answer([Click((2, 20, 20), False, 1)], 1, before)
    window = np.zeros(SHAPE, bool)
    window[(slice(2, 3) if model.plan.dims == 2 else slice(0, 4)), 12:28, 12:28] = True
    after = shown(before, answer)
    assert after[2, 20, 20] == 0
    assert (after[~window] == 1).all()
    assert [labels.shape for _, labels in answer.patches] == [model.plan.patch_zyx]


def test_a_window_at_the_border_is_moved_inside(model: TrainedModel, dark: Volume) -> None:
    for corner in ((0, 0, 0), (5, 39, 39)):
        answer = session(model, dark).answer([Click(corner, True, 1)], 1)
        assert shown(empty(), answer)[corner] == 1
        assert answer.patches[0][1].shape == model.plan.patch_zyx


def test_an_image_smaller_than_the_patch_is_answered(model: TrainedModel, volume_of: VolumeOf) -> None:
    shape = (3, 7, 9)
    answer = session(model, volume_of(empty(shape))).answer([Click((1, 3, 4), True, 1)], 1)
    assert shown(empty(shape), answer)[1, 3, 4] == 1


def test_clicks_one_by_one_equal_all_at_once(real: TrainedModel, volume_of: VolumeOf) -> None:
    volume = volume_of(np.random.default_rng(0).integers(0, 100, SHAPE))
    at_once = shown(empty(), session(real, volume).answer(CLICKS, 1))
    for cuts in ((1, 2, 3, 4, 5, 6), (2, 6), (4, 5, 6)):
        one, mask = session(real, volume), empty()
        for revision, count in enumerate(cuts):
            mask = shown(mask, one.answer(CLICKS[:count], revision, mask))
        np.testing.assert_array_equal(mask, at_once)


def test_a_shorter_list_takes_back_exactly(real: TrainedModel, volume_of: VolumeOf) -> None:
    rng = np.random.default_rng(0)
    volume = volume_of(rng.integers(0, 100, SHAPE))
    start = rng.integers(0, 2, SHAPE).astype(np.uint8)
    one, mask, history = session(real, volume), start, [start]
    for count in range(1, len(CLICKS) + 1):
        mask = shown(mask, one.answer(CLICKS[:count], count, mask))
        history.append(mask)
    for count in (5, 4, 2, 0):
        mask = shown(mask, one.answer(CLICKS[:count], 10, mask))
        np.testing.assert_array_equal(mask, history[count])
    np.testing.assert_array_equal(shown(mask, one.answer(CLICKS, 20, mask)), history[-1])


def test_taking_back_an_overlapping_click_keeps_the_mask_that_was_there(model: TrainedModel, dark: Volume) -> None:
    start = np.full(SHAPE, 1, np.uint8)
    one = session(model, dark)
    first = shown(start, one.answer([Click((2, 12, 12), True, 1)], 1, start))
    both = [Click((2, 12, 12), True, 1), Click((2, 22, 22), True, 1)]
    second = shown(first, one.answer(both, 2, first))
    assert second.all()
    np.testing.assert_array_equal(shown(second, one.answer(both[:1], 3, second)), first)


def test_a_replaced_click_leaves_no_trace(real: TrainedModel, dark: Volume) -> None:
    fresh = shown(empty(), session(real, dark).answer(CLICKS[1:2], 1, empty()))
    one = session(real, dark)
    mask = shown(empty(), one.answer(CLICKS[:1], 1, empty()))
    np.testing.assert_array_equal(shown(mask, one.answer(CLICKS[1:2], 2, mask)), fresh)


def test_the_next_answer_brings_what_a_dropped_one_held(model: TrainedModel, dark: Volume) -> None:
    clicks = [Click((1, 8, 8), True, 1), Click((4, 30, 30), True, 1)]
    one = session(model, dark)
    one.answer(clicks[:1], 1, empty())
    mask = shown(empty(), one.answer(clicks, 2, empty()))
    assert mask[1, 8, 8] == mask[4, 30, 30] == 1
    one.answer([], 3, mask)
    mask = shown(mask, one.answer(clicks[1:], 4, mask))
    assert (mask[1, 8, 8], mask[4, 30, 30]) == (0, 1)


def test_earlier_clicks_are_not_computed_again(real: TrainedModel, dark: Volume) -> None:
    passes: list[int] = []
    real.network.register_forward_pre_hook(lambda _, inputs: passes.append(len(inputs[0])))
    one = session(real, dark)
    one.answer(CLICKS[:2], 1)
    passes.clear()
    assert one.answer(CLICKS[:2], 2).patches == ()
    assert not passes
    one.answer(CLICKS[:3], 3)
    assert len(passes) == 1


def test_answers_do_not_depend_on_clicks_of_other_slices(interactive_of: ModelOf, volume_of: VolumeOf) -> None:
    model = interactive_of(classes=BOTH)
    start = empty()
    start[2] = 7
    alone = session(model, volume_of(empty())).answer([Click((2, 10, 10), True, 3)], 1, start)
    far = [Click((5, 30, 30), True, 7), Click((2, 10, 10), True, 3)]
    beside = shown(start, session(model, volume_of(empty())).answer(far, 1, start))
    np.testing.assert_array_equal(beside[2], shown(start, alone)[2])


@pytest.mark.parametrize("patch", [(16, 16), (4, 16, 16)])
def test_each_class_hears_its_own_clicks(interactive_of: ModelOf, dark: Volume, patch: tuple[int, ...]) -> None:
    model = interactive_of(patch=patch, classes=BOTH)
    clicks = [Click((2, 14, 14), True, 3), Click((2, 20, 20), True, 7)]
    one = session(model, dark)
    mask = shown(empty(), one.answer(clicks, 1))
    assert (mask[2, 14, 14], mask[2, 20, 20]) == (3, 7)
    assert set(np.unique(mask)) == {0, 3, 7}
    clicks.append(Click((2, 20, 20), False, 7))
    mask = shown(mask, one.answer(clicks, 2))
    assert (mask[2, 14, 14], mask[2, 20, 20]) == (3, 0)


@pytest.mark.parametrize("patch", [(16, 16), (4, 16, 16)])
@pytest.mark.parametrize("spacing", [(1.0, 0.5, 0.5), (2.0, 1.7, 1.3)])
def test_clicks_find_their_place_on_resampled_grids(
    interactive_of: ModelOf, volume_of: VolumeOf, patch: tuple[int, ...], spacing: Any
) -> None:
    model = interactive_of(patch=patch)
    mask = shown(empty(), session(model, volume_of(empty(), spacing)).answer([Click((3, 21, 17), True, 1)], 1))
    assert mask[3, 21, 17] == 1
    np.testing.assert_allclose(np.argwhere(mask[3]).mean(0), [21, 17], atol=0.6)


def test_the_previous_mask_reaches_the_network(model: TrainedModel, dark: Volume) -> None:
    start = empty()
    start[2, 14:16, 22:25] = 1
    mask = shown(start, session(model, dark).answer([Click((2, 20, 20), True, 1)], 1, start))
    assert (mask[2, 14:16, 22:25] == 1).all()


def test_a_slice_without_clicks_is_answered_too(interactive_of: ModelOf, volume_of: VolumeOf) -> None:
    image = empty()
    image[3, 5:9, 30:34] = 100
    found = session(interactive_of(), volume_of(image)).automatic(3)
    np.testing.assert_array_equal(found, image[3] > 90)


def test_models_and_sessions_that_cannot_answer_say_so(model_of: ModelOf, interactive_of: ModelOf) -> None:
    with pytest.raises(ValueError, match="takes no clicks"):
        InteractiveSession(model_of())
    with pytest.raises(RuntimeError, match="set_image"):
        InteractiveSession(interactive_of()).answer([], 1)


def test_a_correction_leaves_the_rest_of_its_window_alone_unless_asked(
    model: TrainedModel, volume_of: VolumeOf
) -> None:
    image = empty()
    image[2, 5:7, 5:7] = 100
    volume = volume_of(image)
    there = empty()
    there[2, 30:34, 30:34] = 1
    clicks = [Click((2, 31, 31), True, 1), Click((2, 12, 12), True, 1)]
    mask = shown(there, session(model, volume).answer(clicks, 1, there))
    assert mask[2, 12, 12] == 1
    assert not mask[2, 5:7, 5:7].any(), "the model would mark this, too, and nobody asked"
    mask = shown(there, session(model, volume).answer(clicks, 1, there, local=False))
    assert mask[2, 5:7, 5:7].all()


def test_on_the_users_own_mask_also_a_first_click_only_corrects(model: TrainedModel, volume_of: VolumeOf) -> None:
    image = empty()
    image[2, 5:7, 5:7] = 100
    own = empty()
    own[2, 30:34, 30:34] = 1
    one = InteractiveSession(model, own_mask=True)
    one.set_image(volume_of(image))
    mask = shown(own, one.answer([Click((2, 12, 12), True, 1)], 1, own))
    assert mask[2, 12, 12] == 1
    assert not mask[2, 5:7, 5:7].any()
    assert (mask[2, 30:34, 30:34] == 1).all()
    right = shown(own, one.answer([Click((2, 32, 32), True, 1)], 2, own))
    np.testing.assert_array_equal(right, own)


def bones(*columns: int, depth: int = 6, size: int = 160) -> Any:
    """Make round things of radius 6 in every slice, 40 rows high, at these columns."""
    rows, places = np.indices((40, size))
    slices = [((rows - 20) ** 2 + (places - at) ** 2 <= 36) for at in columns]
    return np.repeat(np.any(slices, axis=0)[None], depth, axis=0)


@pytest.mark.parametrize("patch", [(32, 64), (6, 32, 64)], ids=["2D", "3D"])
@pytest.mark.parametrize("away", [20, 50, 70])
def test_a_first_click_on_what_was_missed_clears_what_was_marked_instead(
    interactive_of: ModelOf, volume_of: VolumeOf, patch: tuple[int, ...], away: int
) -> None:
    """With a network that is always right about which thing is meant, one click must give the right mask."""
    wanted, other = bones(20), bones(20 + away)
    volume = volume_of(np.where(wanted | other, 100, 0).astype(np.int16))
    start = other.astype(np.uint8)
    mask = shown(
        start, session(interactive_of(WhichOne, patch=patch), volume).answer([Click((2, 20, 20), True, 1)], 1, start)
    )
    if len(patch) == 3:
        np.testing.assert_array_equal(mask, wanted)
    else:
        np.testing.assert_array_equal(mask[2], wanted[2])
        np.testing.assert_array_equal(mask[[0, 1, 3, 4, 5]], start[[0, 1, 3, 4, 5]])


@pytest.mark.parametrize("patch", [(32, 32), (6, 32, 32)], ids=["2D", "3D"])
def test_a_first_click_keeps_the_far_parts_of_the_thing_it_lies_in_and_of_others_that_were_clicked(
    interactive_of: ModelOf, volume_of: VolumeOf, patch: tuple[int, ...]
) -> None:
    """A window without a click is answered as if nothing were there; what hangs together with a click is no news."""
    long = empty((6, 40, 100))
    long[:, 18:22, 5:90] = 1
    volume = volume_of(long * 100)
    mask = shown(
        long, session(interactive_of(WhichOne, patch=patch), volume).answer([Click((2, 20, 20), True, 1)], 1, long)
    )
    np.testing.assert_array_equal(mask, long)


def test_a_first_click_leaves_other_structures_and_other_slices_alone(
    interactive_of: ModelOf, volume_of: VolumeOf
) -> None:
    model = interactive_of(WhichOne, patch=(32, 64), classes=BOTH)
    wanted, other = bones(20), bones(45)
    volume = volume_of(np.where(wanted, 100, 0).astype(np.int16))
    start = np.where(other, 7, 0).astype(np.uint8)
    mask = shown(start, session(model, volume).answer([Click((2, 20, 20), True, 3)], 1, start))
    np.testing.assert_array_equal(mask == 7, start == 7)
    np.testing.assert_array_equal(mask[2] == 3, wanted[2])


@pytest.mark.parametrize("patch", [(32, 64), (6, 32, 64)], ids=["2D", "3D"])
def test_later_clicks_do_not_clear_what_was_clicked_before(
    interactive_of: ModelOf, volume_of: VolumeOf, patch: tuple[int, ...]
) -> None:
    wanted = bones(20, 90)
    volume = volume_of(np.where(wanted, 100, 0).astype(np.int16))
    one, start = session(interactive_of(WhichOne, patch=patch), volume), empty(wanted.shape)
    mask = shown(start, one.answer([Click((2, 20, 20), True, 1), Click((2, 20, 90), True, 1)], 1, start))
    np.testing.assert_array_equal(mask[2], wanted[2])


@pytest.mark.parametrize("local", [True, False])
@pytest.mark.parametrize("patch", [(16, 16), (4, 16, 16)], ids=["2D", "3D"])
def test_every_clicked_voxel_ends_on_the_side_that_was_clicked(
    interactive_of: ModelOf, dark: Volume, patch: tuple[int, ...], local: bool
) -> None:
    """Whatever the model says: this one always says the contrary."""
    clicks = [*CLICKS, Click((2, 12, 12), True, 1), Click((2, 14, 12), False, 1)]
    one, mask = session(interactive_of(Contrary, patch=patch), dark), empty()
    for count in range(1, len(clicks) + 1):
        mask = shown(mask, one.answer(clicks[:count], count, mask, local=local))
        said = {click.voxel_zyx: click.inside for click in clicks[:count]}
        assert {at: mask[at] == 1 for at in said} == said


def test_a_click_takes_a_voxel_from_another_structure_only_where_it_says_inside(
    interactive_of: ModelOf, dark: Volume
) -> None:
    model, start = interactive_of(Contrary, classes=BOTH), np.full(SHAPE, 7, np.uint8)
    inside = shown(start, session(model, dark).answer([Click((2, 10, 10), True, 3)], 1, start))
    assert inside[2, 10, 10] == 3
    outside = shown(start, session(model, dark).answer([Click((2, 10, 10), False, 3)], 1, start))
    assert outside[2, 10, 10] == 7


@pytest.mark.parametrize("patch", [(16, 16), (6, 16, 16)], ids=["2D", "3D"])
def test_clicks_on_a_right_mask_make_it_no_worse_than_noise(
    interactive_of: ModelOf, volume_of: VolumeOf, patch: tuple[int, ...]
) -> None:
    """The model would fill half of the window; what agrees with the mask already opens no door for that."""
    right = empty()
    right[:, 10:20, 10:20] = 1
    volume = volume_of(right * 100)
    one = session(interactive_of(patch=patch), volume)
    mask = shown(right, one.answer([Click((2, 15, 15), True, 1)], 1, right))
    again = [
        Click((2, 15, 15), True, 1),
        Click((2, 12, 17), True, 1),
        Click((2, 30, 30), False, 1),
        Click((2, 15, 21), False, 1),
    ]
    after = shown(mask, one.answer(again, 2, mask))
    np.testing.assert_array_equal(after, mask)
    np.testing.assert_array_equal(mask, right)


def test_what_a_first_click_cleared_far_away_is_taken_back_exactly(
    interactive_of: ModelOf, volume_of: VolumeOf
) -> None:
    start = bones(90, 140).astype(np.uint8)
    volume = volume_of(np.where(bones(20, 90, 140), 100, 0).astype(np.int16))
    one = session(interactive_of(WhichOne, patch=(32, 64)), volume)
    clicks = [Click((2, 20, 20), True, 1), Click((2, 20, 90), True, 1), Click((3, 20, 20), True, 1)]
    history = [start]
    for count in range(1, 4):
        history.append(shown(history[-1], one.answer(clicks[:count], count, history[-1])))
    assert not history[1][2, :, 60:].any()
    mask = history[-1]
    for count in (2, 0):
        mask = shown(mask, one.answer(clicks[:count], 9, mask))
        np.testing.assert_array_equal(mask, history[count])
    at_once = shown(start, session(one.model, volume).answer(clicks, 1, start))
    np.testing.assert_array_equal(at_once, history[-1])


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("local", [True, False])
def test_a_box_clicks_its_middle_and_keeps_its_plane_empty_around_it(
    model: TrainedModel, dark: Volume, axis: int, local: bool
) -> None:
    first, last = [1, 8, 9], [4, 14, 17]
    first[axis] = last[axis] = (2, 11, 13)[axis]
    box = BoxPrompt(tuple(first), tuple(last), axis, 1)
    before = np.ones(SHAPE, np.uint8)
    one = session(model, dark)
    mask = shown(before, one.answer([box, Click((2, 18, 18), False, 1)], 1, before, local=local))
    assert mask[box.middle.voxel_zyx] == 1
    plane = np.moveaxis(mask, axis, 0)[box.plane].copy()
    inner = [slice(a, b + 1) for n, (a, b) in enumerate(zip(first, last, strict=True)) if n != axis]
    plane[tuple(inner)] = 0
    assert not plane.any()
    assert mask.sum() > 0.8 * mask.size


def test_a_box_is_taken_back_exactly_and_its_slice_stands_again(real: TrainedModel, dark: Volume) -> None:
    start = np.ones(SHAPE, np.uint8)
    box = BoxPrompt((2, 8, 9), (2, 14, 17), 0, 1)
    one = session(real, dark)
    first = shown(start, one.answer(CLICKS[:2], 1, start))
    boxed = shown(first, one.answer([*CLICKS[:2], box], 2, first))
    assert (boxed[2] != first[2]).any()
    np.testing.assert_array_equal(shown(boxed, one.answer(CLICKS[:2], 3, boxed)), first)


def test_the_clicks_of_a_line_are_answered_in_one_batch(interactive_of: ModelOf, dark: Volume) -> None:
    sizes: list[int] = []
    fake = interactive_of(patch=(16, 16), batch=8)
    fake.network.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    line = [Click((z, 10, 10), True, 1) for z in range(SHAPE[0])]
    session(fake, dark).answer(line, 1)
    assert sizes == [SHAPE[0]]

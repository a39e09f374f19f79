"""The simulated person: where it clicks, when it stops, what it paints, and what that counts as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from napari_progseg.errors import UserError
from napari_progseg.geometry import Geometry
from napari_progseg.guidance.clicks import Click
from napari_progseg.guidance.robot import worst_error
from napari_progseg.inference.answer import Answer
from napari_progseg.studies.annotator import Annotator, Costs, Labelled, patient_dice, slices_of
from napari_progseg.volume import LabelClass, LabelMap, Volume

BALL, BOX = LabelClass("ball", (1,)), LabelClass("box", (2, 3))
SHAPE = (5, 16, 16)
GEOMETRY = Geometry.from_spacing(SHAPE, (3.0, 1.0, 1.0))


class Desk:
    """Remembers the clicks; repairs the slice of each click where it is told the truth."""

    def __init__(self, truth: NDArray[Any] | None = None) -> None:
        self.truth, self.clicks = truth, list[Click]()

    def set_image(self, volume: Volume) -> None:
        self.clicks = []

    def answer(self, clicks: Sequence[Click], revision: int, current: NDArray[Any] | None = None) -> Answer:
        assert revision == len(clicks)
        self.clicks = list(clicks)
        if self.truth is None:
            return Answer(revision, (), 0.0)
        z = clicks[-1].voxel_zyx[0]
        region = (slice(z, z + 1), slice(0, 16), slice(0, 16))
        return Answer(revision, ((region, self.truth[region]),), 0.0)


def truth_of(*sides: int) -> NDArray[np.uint8]:
    """Mark a square of value 1 in each slice, of these sides."""
    labels = np.zeros(SHAPE, np.uint8)
    for z, side in enumerate(sides):
        labels[z, 3 : 3 + side, 3 : 3 + side] = 1
    return labels


def label(
    annotator: Annotator,
    truth: NDArray[Any],
    desk: Desk | None,
    start: NDArray[Any] | None = None,
    *,
    dims: int = 2,
    classes: tuple[LabelClass, ...] = (BALL,),
    seed: int = 0,
) -> Labelled:
    volume = Volume(np.zeros(SHAPE, np.int16), GEOMETRY)
    begin = np.zeros(SHAPE, np.uint8) if start is None else start
    reference = LabelMap(truth, GEOMETRY)
    return annotator.label(desk, dims, volume, reference, begin, classes, np.random.default_rng(seed))


def test_it_clicks_the_largest_error_first_and_stops_once_the_mask_is_good_enough() -> None:
    truth = truth_of(0, 4, 8, 6, 1)
    desk = Desk(truth)
    done = label(Annotator(accept=0.9, jitter_mm=0), truth, desk)
    assert [click.voxel_zyx[0] for click in desk.clicks] == [2, 3]  # 100 of 117 voxels: Dice 0.92
    assert (done.clicks, done.strokes) == (2, 0)
    assert done.before == 0
    assert done.dice == patient_dice(done.labels, truth, (BALL,)) == pytest.approx(200 / 217)
    more = label(Annotator(accept=0.95, jitter_mm=0), truth, desk)
    assert (more.clicks, more.strokes) == (3, 0)


def test_without_jitter_it_clicks_the_innermost_voxel() -> None:
    desk = Desk()
    truth = truth_of(0, 0, 5, 0, 0)
    label(Annotator(most_clicks=1, jitter_mm=0), truth, desk)
    assert desk.clicks == [Click((2, 5, 5), inside=True, label=1)]


@pytest.mark.parametrize(("least", "clicks"), [(16, 1), (17, 0)])
def test_errors_that_training_leaves_alone_get_no_click_but_a_stroke(least: int, clicks: int) -> None:
    desk, truth, start = Desk(), truth_of(0, 8, 4, 0, 0), truth_of(0, 8, 0, 0, 0)
    volume, annotator = Volume(np.zeros(SHAPE, np.int16), GEOMETRY), Annotator(accept=1, most_clicks=1)
    reference, rng = LabelMap(truth, GEOMETRY), np.random.default_rng(0)
    done = annotator.label(desk, 2, volume, reference, start, (BALL,), rng, least)
    assert (done.clicks, done.strokes) == (clicks, 1)


def test_the_largest_error_of_all_structures_is_clicked() -> None:
    desk, truth = Desk(), truth_of(0, 3, 0, 0, 0)
    truth[3, 2:9, 2:9] = 2
    label(Annotator(most_clicks=1, jitter_mm=0), truth, desk, classes=(BALL, BOX))
    assert desk.clicks == [Click((3, 5, 5), inside=True, label=2)]


def test_surplus_is_clicked_outside() -> None:
    desk, truth, start = Desk(), truth_of(0, 8, 0, 0, 0), truth_of(0, 8, 0, 7, 0)
    label(Annotator(most_clicks=1, jitter_mm=0), truth, desk, start)
    assert desk.clicks == [Click((3, 6, 6), inside=False, label=1)]


def test_a_good_mask_costs_nothing_and_the_start_is_left_as_it_was() -> None:
    desk, truth = Desk(), truth_of(3, 4, 5, 4, 3)
    start = truth.copy()
    done = label(Annotator(), truth, desk, start)
    assert (done.clicks, done.strokes, done.before, done.dice, desk.clicks) == (0, 0, 1.0, 1.0, [])
    assert done.labels is not start
    worse = truth_of(0, 4, 5, 4, 0)
    label(Annotator(accept=1), truth, desk, worse)
    assert np.array_equal(worse, truth_of(0, 4, 5, 4, 0))


def test_after_the_last_click_the_most_wrong_slices_are_painted_until_it_is_good_enough() -> None:
    truth = truth_of(0, 4, 8, 6, 1)
    desk = Desk()
    done = label(Annotator(accept=0.9, most_clicks=4), truth, desk)
    assert (done.clicks, done.strokes) == (4, 2)
    assert np.array_equal(done.labels[[2, 3]], truth[[2, 3]])
    assert not done.labels[[0, 1, 4]].any()
    assert done.dice == pytest.approx(200 / 217)
    all_of_it = label(Annotator(accept=1, most_clicks=0), truth, desk)
    assert (all_of_it.clicks, all_of_it.strokes, all_of_it.dice) == (0, 4, 1.0)
    assert np.array_equal(all_of_it.labels, truth)


def test_slices_that_are_good_enough_are_not_painted() -> None:
    truth, start = truth_of(0, 8, 8, 2, 2), truth_of(0, 8, 8, 0, 0)
    start[1:3, 3, 3:5] = 0  # 2 of 64 voxels missing each, Dice 0.98
    done = label(Annotator(accept=0.965, most_clicks=0), truth, Desk(), start)
    assert done.strokes == 1
    assert np.array_equal(done.labels[3], truth[3])
    assert np.array_equal(done.labels[1:3], start[1:3])


def test_a_slice_that_holds_none_of_it_is_wiped_with_one_stroke() -> None:
    truth, start = truth_of(0, 8, 0, 0, 0), truth_of(0, 8, 3, 2, 0)
    done = label(Annotator(accept=0.95, most_clicks=0), truth, Desk(), start)
    assert done.strokes == 1
    assert not done.labels[2].any()
    assert np.array_equal(done.labels[[0, 1, 3, 4]], start[[0, 1, 3, 4]])


def test_a_useless_prediction_is_not_taken_over() -> None:
    truth, start = truth_of(0, 4, 4, 0, 0), truth_of(9, 9, 9, 9, 9)
    done = label(Annotator(accept=1, most_clicks=0), truth, Desk(), start)
    assert done.before == pytest.approx(64 / (32 + 405))
    assert done.strokes == 2
    assert np.array_equal(done.labels, truth)
    nothing = label(Annotator(), truth_of(), Desk(), start)
    assert (nothing.clicks, nothing.strokes, nothing.before, nothing.dice) == (0, 0, 0.0, None)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("jitter", [2.0, 30.0])
@pytest.mark.parametrize(("start", "inside"), [(truth_of(), True), (truth_of(2, 6, 9, 3, 9), False)])
def test_a_click_misses_but_stays_in_the_image_and_says_what_is_true(
    dims: int, jitter: float, start: NDArray[np.uint8], inside: bool
) -> None:
    truth = truth_of(2, 6, 9, 3, 0)
    found = worst_error(start == 1, truth == 1, 1, dims)
    assert found is not None
    aim = found.click
    assert aim.inside is inside
    hits = set()
    for seed in range(20):
        desk = Desk()
        label(Annotator(most_clicks=1, jitter_mm=jitter), truth, desk, start, dims=dims, seed=seed)
        (click,) = desk.clicks
        assert click.inside is inside
        assert all(0 <= at < size for at, size in zip(click.voxel_zyx, SHAPE, strict=True))
        assert (truth[click.voxel_zyx] == click.label) == inside
        assert dims == 3 or click.voxel_zyx[0] == aim.voxel_zyx[0]
        hits.add(click.voxel_zyx)
    assert len(hits) > (5 if jitter < 5 else 1)


def test_the_same_seed_clicks_the_same() -> None:
    truth, desks = truth_of(2, 6, 9, 3, 0), [Desk(), Desk(), Desk()]
    for desk, seed in zip(desks, (3, 3, 4), strict=True):
        label(Annotator(), truth, desk, seed=seed)
    assert desks[0].clicks == desks[1].clicks != desks[2].clicks


def test_structures_are_clicked_by_their_largest_error_and_painted_one_stroke_each() -> None:
    truth = truth_of(0, 4, 4, 0, 0)
    truth[1:4, 9:15, 9:15] = 2
    desk = Desk()
    done = label(Annotator(accept=1, most_clicks=1), truth, desk, classes=(BALL, BOX))
    assert desk.clicks[0].label == 2
    assert (done.clicks, done.strokes, done.dice) == (1, 5, 1.0)
    assert np.array_equal(done.labels, truth)


def test_a_stroke_takes_a_structure_away_where_another_one_is() -> None:
    truth = truth_of(0, 6, 6, 6, 0)
    truth[4, 9:13, 9:13] = 2
    start = truth.copy()
    start[1] *= 2
    done = label(Annotator(accept=1, most_clicks=0), truth, Desk(), start, classes=(BALL, BOX))
    assert done.strokes == 1
    assert np.array_equal(done.labels, truth)


def test_the_brush_alone_takes_a_stroke_for_each_slice_of_each_structure_and_stops_at_the_same_dice() -> None:
    truth = truth_of(0, 4, 4, 0, 1)
    truth[1, 12:, 12:] = 2
    done = label(Annotator(accept=1), truth, None, classes=(BALL, BOX))
    assert (done.clicks, done.strokes, slices_of(LabelMap(truth, GEOMETRY), (BALL, BOX))) == (0, 4, 4)
    assert np.array_equal(done.labels, truth)
    sooner = label(Annotator(accept=0.9), truth, None, classes=(BALL, BOX))
    assert (sooner.clicks, sooner.strokes) == (0, 3)
    assert sooner.dice is not None
    assert 0.9 <= sooner.dice < 1


def test_clicks_and_painted_slices_take_their_seconds() -> None:
    assert Costs().seconds(4, 2) == 34
    assert Costs(1, 20).seconds(4, 2) == 44
    with pytest.raises(UserError, match="--slice-seconds -1"):
        Costs(slice_s=-1)


@pytest.mark.parametrize("fields", [{"accept": 0.0}, {"accept": 1.1}, {"most_clicks": -1}, {"jitter_mm": -1.0}])
def test_nobody_labels_like_that(fields: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="nothing was started"):
        Annotator(**fields)

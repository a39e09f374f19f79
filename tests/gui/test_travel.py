"""What undo and redo show and write, whatever was answered, predicted, started from or closed in between."""

from __future__ import annotations

import numpy as np
import pytest

from napari_progseg.guidance.clicks import Click
from napari_progseg.summary.effort import effort_of

from .held import Bench, Stamps, stamped

ONE, TWO, THREE = ((z, 5, 5) for z in (2, 3, 4))
PAINTED = (slice(2, 3), slice(3, 6), slice(3, 6))  # the answer to a click at ONE says the same of some of its voxels


def click(voxel: tuple[int, int, int]) -> Click:
    return Click(voxel, True, 1)


@pytest.fixture
def answers(engine, monkeypatch):
    """Answer clicks by sessions that know what they answered before."""
    from napari_progseg.gui import engine as door

    monkeypatch.setattr(door, "make_session", Stamps)
    monkeypatch.setattr(door, "session_without_model", Stamps)


@pytest.fixture
def bench(answers, project, qapp) -> Bench:
    """A patient without labels."""
    return Bench(project, "case-3")


@pytest.fixture
def labelled(answers, project, qapp) -> Bench:
    return Bench(project, "case-0")


@pytest.mark.parametrize("saved", [True, False])
def test_undo_of_a_click_writes_nothing_into_the_labels_after_a_restart(bench, saved) -> None:
    bench.paint(PAINTED, 1)
    painted = bench.case.labels.copy()
    bench.click(*ONE)
    bench.case.accept()
    bench.click(*TWO)
    bench.reopen(saved=saved)
    bench.undo()
    bench.undo()
    assert np.array_equal(bench.case.labels, painted)
    assert np.array_equal(bench.replayed(), painted)


def test_undo_of_a_click_writes_nothing_into_the_labels_where_training_has_written_another_model(
    bench, monkeypatch
) -> None:
    bench.click(*ONE)
    bench.paint((slice(9, 10), slice(3, 6), slice(3, 6)), 1)
    bench.click(*TWO, answered=False)
    bench.answerer.renew()
    monkeypatch.setattr(Stamps, "value", 2)
    bench.undo()
    bench.undo()
    assert not bench.case.labels.any()


def test_an_answer_is_dropped_where_its_click_is_gone(bench) -> None:
    bench.click(*ONE, answered=False)
    bench.undo()
    assert not bench.case.has_prediction
    assert not bench.case.predicted.any()
    bench.redo()
    assert bench.case.predicted.any()


def test_of_two_quick_clicks_the_one_that_stands_after_undo_has_its_mask(bench) -> None:
    empty = bench.case.predicted.copy()
    bench.click(*ONE, answered=False)
    bench.click(*TWO)
    bench.undo()
    assert np.array_equal(bench.case.predicted, stamped(empty, click(ONE)))
    bench.redo()
    assert np.array_equal(bench.case.predicted, stamped(empty, click(ONE), click(TWO)))
    bench.undo()
    bench.undo()
    assert not bench.case.predicted.any()


def test_after_a_restart_the_clicks_that_stand_after_undo_have_their_mask(bench) -> None:
    empty = bench.case.predicted.copy()
    for voxel in (ONE, TWO, THREE):
        bench.click(*voxel)
    bench.reopen()
    bench.undo()
    assert np.array_equal(bench.case.predicted, stamped(empty, click(ONE), click(TWO)))
    bench.undo()
    assert np.array_equal(bench.case.predicted, stamped(empty, click(ONE)))
    bench.undo()
    assert not bench.case.predicted.any()
    for _ in range(3):
        bench.redo()
    assert np.array_equal(bench.case.predicted, stamped(empty, click(ONE), click(TWO), click(THREE)))


def test_undo_after_a_whole_prediction_corrects_that_one_and_mixes_in_nothing_of_before(bench) -> None:
    bench.click(0, 15, 9)
    bench.click(*TWO)
    whole = bench.predict()
    bench.undo()
    assert np.array_equal(bench.case.predicted, stamped(whole, click((0, 15, 9))))
    bench.redo()
    assert np.array_equal(bench.case.predicted, stamped(whole, click((0, 15, 9)), click(TWO)))
    bench.undo()
    bench.undo()
    assert np.array_equal(bench.case.predicted, whole)


def test_redo_after_a_whole_prediction_answers_anew_on_it(bench) -> None:
    bench.click(*ONE)
    bench.undo()
    whole = bench.predict()
    bench.redo()
    assert np.array_equal(bench.case.predicted, stamped(whole, click(ONE)))
    bench.undo()
    assert np.array_equal(bench.case.predicted, whole)


def test_a_click_in_hand_when_a_whole_prediction_arrives_is_answered_on_it(bench) -> None:
    bench.answerer.predict(bench.case)
    bench.click(*ONE, answered=False)
    bench.background.jobs.rotate(1)
    bench.background.compute()  # answered from what was there before
    bench.background.jobs.rotate(1)
    bench.background.work()
    whole = bench.case.predicted.copy()
    assert whole.any()
    bench.background.work_all()
    assert np.array_equal(bench.case.predicted, stamped(whole, click(ONE)))
    bench.undo()
    assert np.array_equal(bench.case.predicted, whole)


def test_an_undone_start_after_a_whole_prediction_leaves_it_and_redone_shows_the_mask(bench) -> None:
    mask = bench.start(5)
    whole = bench.predict()
    bench.undo()
    assert np.array_equal(bench.case.predicted, whole)
    bench.redo()
    assert np.array_equal(bench.case.predicted, mask)
    bench.undo()
    assert np.array_equal(bench.case.predicted, whole)
    assert not bench.case.started


@pytest.mark.parametrize("restart", [None, True, False], ids=["at once", "after leaving", "after a kill"])
def test_a_click_after_the_clicks_were_cleared_corrects_what_they_left(bench, restart) -> None:
    bench.click(*ONE)
    bench.click(*TWO)
    kept = bench.case.predicted.copy()
    bench.case.clear_clicks()
    assert np.array_equal(bench.case.predicted, kept)
    if restart is not None:
        bench.reopen(saved=restart)
    bench.click(*THREE)
    assert np.array_equal(bench.case.predicted, stamped(kept, click(THREE)))
    bench.undo()
    assert np.array_equal(bench.case.predicted, kept)
    bench.undo()
    assert bench.case.history.prompts == (click(ONE), click(TWO))
    assert np.array_equal(bench.case.predicted, kept)


def test_clicks_go_on_after_clearing_was_undone_as_if_it_never_was(bench) -> None:
    bench.click(*ONE)
    bench.case.clear_clicks()
    session = bench.answerer._session
    bench.undo()
    bench.click(*TWO)
    assert bench.answerer._session is session
    bench.undo()
    bench.undo()
    assert not bench.case.predicted.any()


def test_a_mask_that_cleared_clicks_left_is_that_of_their_model_and_training_leaves_it_alone(bench) -> None:
    whole = bench.predict()
    model = bench.case.source
    bench.answerer.run = None
    bench.click(0, 15, 9)
    alone = bench.case.source
    bench.case.clear_clicks()
    bench.reopen()
    assert np.array_equal(bench.case.predicted, stamped(whole, click((0, 15, 9))))
    assert (bench.case.source, bench.case.shown.model) == (alone, model)
    assert bench.case.started
    assert bench.case.accept().source == model


def test_clicks_that_were_not_answered_leave_nothing_when_they_are_cleared(bench) -> None:
    whole = bench.predict()
    bench.click(*ONE, answered=False)
    bench.case.clear_clicks()
    bench.background.work_all()
    assert np.array_equal(bench.case.predicted, whole)
    assert not bench.case.started


def test_deleting_the_last_click_leaves_its_mask_like_clearing(bench) -> None:
    bench.click(*ONE)
    kept = bench.case.predicted.copy()
    bench.case.say(())
    bench.click(*TWO)
    assert np.array_equal(bench.case.predicted, stamped(kept, click(TWO)))


def test_nothing_is_accepted_where_the_way_back_led_to_no_prediction(labelled) -> None:
    before = labelled.case.labels.copy()
    labelled.click(*ONE)
    labelled.undo()
    assert not labelled.case.has_prediction
    assert labelled.case.accept() is None
    assert np.array_equal(labelled.case.labels, before)
    labelled.redo()
    assert labelled.case.has_prediction
    assert labelled.case.accept() is not None


def accepted(bench: Bench):
    """Accept, and return what the journal says of the mask."""
    from napari_progseg.gui.edits import journal

    assert bench.case.accept() is not None
    records = journal(bench.project, bench.id).read()
    return effort_of(bench.id, [record for record in records if record.get("edit") == "accept"][-1:])


def test_a_mask_that_a_model_began_stays_a_models_whoever_answers_next(bench) -> None:
    bench.answerer.run = None
    bench.predict()
    bench.click(*ONE)
    assert bench.case.source == "clicks and contrast alone"
    assert accepted(bench).from_model


def test_a_mask_of_clicks_alone_is_none_of_a_models_again_after_a_start_was_undone(bench) -> None:
    bench.answerer.run = None
    bench.click(*ONE)
    bench.start(5)
    bench.undo()
    assert bench.case.source == "clicks and contrast alone"
    assert not accepted(bench).from_model


def test_undo_forgets_the_model_whose_part_it_took_back(bench) -> None:
    bench.answerer.run = None
    bench.click(*ONE)
    bench.answerer.run = bench.answerer.predictor
    bench.click(*TWO)
    bench.undo()
    assert not accepted(bench).from_model


def test_a_patient_that_is_left_while_clicks_wait_is_not_asked_about_any_more(bench) -> None:
    bench.click(*ONE, answered=False)
    bench.click(*TWO, answered=False)
    bench.keeper.leave()
    bench.case.close()
    bench.background.work_all()
    assert not bench.answerer.answering
    assert not bench.case.predicted.any()


class Blocks(Stamps):
    """Answers with two blocks of several slices that share some voxels, as a network in 3D may."""

    def answer(self, prompts, revision, current=None, *, local=True):
        found = super().answer(prompts, revision, current, local=local)
        found.patches = tuple(
            ((slice(z, z + 4), slice(2, 8), slice(2, 8)), np.full((4, 6, 6), value, np.uint8))
            for z, value in ((2, 1), (4, 2))
        )
        return found


def test_an_answer_of_many_boxes_is_drawn_once_counted_right_and_undone_at_once(labelled, monkeypatch) -> None:
    from napari_progseg.gui import engine as door
    from napari_progseg.gui import layers
    from napari_progseg.gui.compare import Tally

    monkeypatch.setattr(door, "make_session", Blocks)
    refreshed = []
    monkeypatch.setattr(layers, "redraw", refreshed.append)
    case = labelled.case
    labelled.click(*ONE)
    assert refreshed == [case.prediction_layer]
    assert [np.unique(case.predicted[z]).tolist() for z in (1, 2, 3, 4, 7, 8)] == [
        [0],
        *[[0, 1]] * 2,
        *[[0, 2]] * 2,
        [0],
    ]
    assert case.dice == Tally.of(case.predicted, case.labels, [1, 2]).dice()
    labelled.undo()
    assert not case.predicted.any()
    labelled.redo()
    assert case.predicted[4, 5, 5] == 2

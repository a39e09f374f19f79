from __future__ import annotations

import json

import pytest

from napari_progseg.gui.bridge import Thinner, following, read_preview
from napari_progseg.gui.feed import RunFeed, class_means
from napari_progseg.gui.footer import job_text
from napari_progseg.gui.modes import MODES
from napari_progseg.training.events import (
    Continued,
    Event,
    Failed,
    Finished,
    Paused,
    Previewed,
    Scheduled,
    Started,
    StepDone,
    Validated,
    from_line,
    to_record,
)


def step(number: int, seconds: float, progress: float = 0.1) -> StepDone:
    return StepDone(number, progress, 1 / number, 1e-3, seconds, 0, (8, 8), 4, 2)


def validated(number: int, dice: float, best: bool = True) -> Validated:
    return Validated(number, 0.1, 1.0, dice, {"a": {"left": dice, "right": None}, "b": {"left": dice}}, best)


def test_a_feed_knows_state_best_gain_and_time_left() -> None:
    feed = RunFeed("0007-x")
    feed.update([Started(0, "Learn.", "cpu"), step(1, 1.0), validated(1, 0.5), step(2, 60.0, 0.25), validated(2, 0.7)])
    assert (feed.state, feed.step, feed.best_dice) == ("running", 2, 0.7)
    assert feed.gain == pytest.approx(0.2)
    assert feed.seconds_left == pytest.approx(180)
    feed.update([validated(3, 0.6, best=False), Paused(3)])
    assert (feed.state, feed.best_dice, feed.dice) == ("paused", 0.7, 0.6)
    feed.update([Continued(3), Finished(4, 90.0, "budget", 0.7)])
    assert feed.ended
    assert feed.seconds_left is None


def test_a_resumed_run_forgets_what_it_will_say_again() -> None:
    feed = RunFeed("0007-x")
    feed.update([Started(0, "", "cpu"), step(1, 1), step(2, 2), validated(2, 0.9), Started(1, "", "cpu")])
    assert feed.losses == [(1, 1.0)]
    assert feed.best is None


def test_a_failure_keeps_its_message() -> None:
    feed = RunFeed("0007-x")
    feed.update([Failed(3, "The disk is full; all is safe; make room.")])
    assert feed.state == "failed"
    assert feed.message.startswith("The disk")


def test_class_means_leave_out_what_is_not_available() -> None:
    assert class_means({"a": {"left": 0.5, "right": None}, "b": {"left": 0.7}}) == {
        "left": pytest.approx(0.6),
        "right": None,
    }


def test_close_steps_are_dropped_but_never_the_newest_or_anything_else() -> None:
    events = [step(n, n * 0.01) for n in range(1, 101)]
    events.insert(50, validated(50, 0.4))
    kept = Thinner()(events)
    assert kept[-1].step == 100
    assert sum(isinstance(event, Validated) for event in kept) == 1
    assert len(kept) < 12


def test_following_hands_over_batches_and_stops_when_told(engine, project) -> None:
    import threading

    run = engine.add_run(project, "0001-inter", "interactive", "running")
    stop = threading.Event()
    steps = following(run)(stop)
    first = next(steps)
    assert first.events[0] == engine.events["0001-inter"][0]
    assert first.events[-1] == engine.events["0001-inter"][-1]
    stop.set()
    assert all(news is None for news in steps)


def test_a_pruned_or_torn_preview_is_no_preview(tmp_path) -> None:
    event = Previewed(1, 1, "a", "preview/1.npz", {})
    assert read_preview(tmp_path, [event]) is None
    (tmp_path / "preview").mkdir()
    (tmp_path / "preview" / "1.npz").write_bytes(b"PK torn")
    assert read_preview(tmp_path, [event]) is None


def test_the_footer_names_mode_step_dice_and_trend() -> None:
    feed = RunFeed("0007-x", MODES["interactive"])
    assert job_text(feed) == "run 0007 · clicks · starting…"
    feed.update([Started(0, "", "cpu"), step(1240, 1.0), validated(1, 0.852), validated(2, 0.872)])
    assert job_text(feed) == "run 0007 · clicks · step 1\u202f240 · Dice 0.872 ▲ 0.020"


def as_read(event: Event) -> Event:
    """Return an event as it comes from the run's file."""
    read = from_line(json.dumps(to_record(event)))
    assert read is not None
    return read


def test_the_footer_says_that_patches_are_still_small() -> None:
    feed = RunFeed("0007-x", MODES["interactive"])
    schedule = as_read(Scheduled(((0.0, (8, 8), 4), (0.5, (32, 16), 4)), ()))
    feed.update([Started(0, "", "cpu"), schedule, as_read(step(2, 1.0))])
    assert feed.growing == ((8, 8), (32, 16))
    assert job_text(feed).endswith("patches 8×8 of 32×16")
    feed.update([as_read(StepDone(3, 0.6, 0.1, 1e-3, 2.0, 0, (32, 16), 4, 2))])
    assert feed.growing is None
    assert "patches" not in job_text(feed)


def test_of_patches_that_stay_as_they_are_nothing_is_said() -> None:
    feed = RunFeed("0007-x", MODES["interactive"])
    feed.update([Started(0, "", "cpu"), as_read(Scheduled(((0.0, (8, 8), 4),), ())), as_read(step(2, 1.0))])
    assert feed.growing is None

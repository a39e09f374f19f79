"""Curve and cost of a run, read from its events."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from napari_progseg.studies.history import history_of, told_by
from napari_progseg.studies.rows import Point
from napari_progseg.training.events import Event, Started, StepDone, Validated


def step(number: int, seconds: float, batch: int = 2) -> StepDone:
    return StepDone(number, number / 4, 0.5, 1e-3, seconds, 0, (8, 4), batch, 1)


def check(number: int, seconds: float, dice: float | None, took: float) -> Validated:
    return Validated(number, number / 4, seconds, dice, {}, False, 0, took)


def test_seconds_of_training_leave_validation_out() -> None:
    events: list[Event] = [
        Started(0, "", "cpu"),
        step(1, 1.0),
        step(2, 2.0),
        check(2, 2.0, 0.4, 5.0),
        step(3, 8.0),
        step(4, 9.0),
        check(4, 9.0, 0.6, 3.0),
    ]
    curve, cost = told_by(events)
    assert curve == (Point(step=2, seconds=2.0, dice=0.4), Point(step=4, seconds=4.0, dice=0.6))
    assert (cost.steps, cost.seconds, cost.validation_seconds) == (4, 4.0, 8.0)
    assert cost.voxels == 4 * 2 * 32


def test_what_an_interrupted_run_repeats_counts_once() -> None:
    before: list[Event] = [Started(0, "", "cpu"), step(1, 1.0), step(2, 2.0), check(2, 2.0, 0.3, 1.0), step(3, 9.0)]
    after: list[Event] = [Started(1, "", "cpu"), step(2, 3.0, batch=3), check(2, 3.0, 0.5, 1.0), step(3, 5.0)]
    curve, cost = told_by(before + after)
    assert curve == (Point(step=2, seconds=3.0, dice=0.5),)
    assert (cost.steps, cost.voxels, cost.seconds) == (3, (2 + 3 + 2) * 32, 4.0)
    assert cost.validation_seconds == pytest.approx(1.0)


def test_the_curve_of_shapes_is_in_mm() -> None:
    events = [Started(0, "", "cpu"), step(1, 1.0), replace(check(1, 1.0, None, 0.5), mean_mm=1.25)]
    curve, _ = told_by(events)
    assert curve == (Point(step=1, seconds=1.0, dice=None, mm=1.25),)


def test_a_run_that_never_began_took_nothing(tmp_path: Path) -> None:
    curve, cost = history_of(tmp_path)
    assert curve == ()
    assert (cost.steps, cost.voxels, cost.seconds) == (0, 0, 0.0)

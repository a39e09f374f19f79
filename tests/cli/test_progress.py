"""The bar of a run."""

from __future__ import annotations

import pytest

from napari_progseg.cli.progress import RunBar
from napari_progseg.training.events import Finished, Said, StepDone, Validated


def step(number: int, progress: float, seconds: float) -> StepDone:
    return StepDone(number, progress, 0.31, 1e-3, seconds, 0, (32, 32), 8, 4)


def test_the_bar_shows_step_loss_dice_and_time_left() -> None:
    with RunBar() as bar:
        bar.show([Validated(40, 0.2, 50.0, 0.87, {}, best=True), step(57, 0.25, 60.0)])
        assert str(bar) == "step 57 · loss 0.310 · Dice 0.870 (best 0.870) · 3 min left"


def test_before_the_first_validation_no_dice_is_shown() -> None:
    with RunBar() as bar:
        bar.tell(step(1, 0.0, 0.5))
        assert str(bar) == "step 1 · loss 0.310"


def test_a_worse_validation_does_not_hide_the_best() -> None:
    with RunBar() as bar:
        bar.show([Validated(1, 0.1, 1.0, 0.9, {}, best=True), Validated(2, 0.2, 2.0, 0.8, {}, best=False)])
        bar.tell(step(3, 0.5, 10.0))
        assert "Dice 0.800 (best 0.900)" in str(bar)


def test_sentences_and_validations_stay_above_the_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with RunBar() as bar:
        bar.show([Said("training on 4 patients"), Validated(7, 0.1, 1.0, None, {}, best=False), None])
    assert capsys.readouterr().err.count("training on 4 patients") == 1
    with RunBar() as bar:
        bar.tell(Validated(7, 0.1, 1.0, None, {}, best=False))
    assert "step 7: validation Dice n/a" in capsys.readouterr().err


def test_the_end_of_a_run_is_remembered_and_missing_where_events_break_off() -> None:
    end = Finished(9, 3.0, "budget", 0.9)
    with RunBar() as bar:
        assert bar.show([step(8, 0.9, 2.0)]) is None
        assert bar.show([end]) == end


def test_a_log_gets_a_line_now_and_then_instead_of_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_progseg.cli.progress._SECONDS_LOG", 1e9)
    with RunBar() as bar:
        bar.tell(step(57, 0.25, 60.0))
        assert capsys.readouterr().err == ""
        monkeypatch.setattr("napari_progseg.cli.progress._SECONDS_LOG", 0)
        bar.tell(step(58, 0.26, 62.0))
    assert capsys.readouterr().err.startswith("step 58 · loss 0.310")

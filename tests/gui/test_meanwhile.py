"""What learns while the user works."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt

from napari_progseg.project import CaseState
from napari_progseg.training.config import preset_config
from napari_progseg.training.offer import Offer, read_offer

BETTER = Offer(start="", before=0.84, after=0.88, cases=3)
WORSE = Offer(start="", answer="worse", before=0.88, after=0.86, cases=1)
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def page(dock, engine, project, qtbot):
    """A project with a trained model in use and case-3 labelled, but not completed."""
    project.save_labels("case-3", project.labels("case-0"))
    engine.add_run(project, "0001-clicks", "interactive")
    dock.open_project(project.root)
    qtbot.waitUntil(lambda: dock.desk.answerer.run is not None, timeout=20_000)
    idle(dock, qtbot)  # until it has been followed to its end, that run is the live one
    return dock.train.fine_tune


def settings(train):
    return preset_config("tiny", "interactive", train=train, budget={"minutes": 1})


def complete(dock, case: str = "case-3") -> None:
    dock.desk.project.set_state(case, CaseState.COMPLETED)
    dock.desk.cases_changed.emit()


def finish(dock, engine, qtbot) -> None:
    qtbot.waitUntil(lambda: dock.desk.runs.live, timeout=20_000)
    engine.states[dock.desk.runs.run.name] = "finished"
    said = dock.train.fine_tune.said
    qtbot.waitUntil(lambda: not engine.judgements and "Comparing" not in said.text(), timeout=20_000)
    idle(dock, qtbot)


def idle(dock, qtbot) -> None:
    # the first import of what draws is slow where other work is going on
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=60_000)


def test_it_is_off_at_first_and_starts_nothing_then(page, dock, engine, qtbot) -> None:
    assert not page.switch.isChecked()
    complete(dock)
    idle(dock, qtbot)
    assert not engine.started


def test_a_better_model_is_offered_and_answers_only_once_it_is_taken(page, dock, engine, qtbot) -> None:
    engine.judgements = [BETTER]
    page.switch.click()
    complete(dock)
    qtbot.waitUntil(lambda: dock.desk.runs.live, timeout=20_000)
    assert (engine.started[0].name, engine.started[0].budget.minutes) == ("update", 2)
    finish(dock, engine, qtbot)
    assert dock.offer.isVisibleTo(dock)
    assert dock.offer.label.text() == "Run 0002: Dice 0.840 → 0.880 on 3 held-out patients."
    assert dock.desk.answerer.run.name == dock.desk.answerer.predictor.name == "0001-clicks"
    qtbot.mouseClick(dock.offer.use, LEFT)
    assert dock.desk.answerer.run.name == dock.desk.answerer.predictor.name == "0002-update"
    assert not dock.offer.isVisibleTo(dock)
    idle(dock, qtbot)
    assert read_offer(dock.desk.project.runs_dir / "0002-update").answer == "used"
    dock.desk.use_run(dock.desk.project.runs_dir / "0001-clicks")
    assert dock.desk.answerer.run.name == "0001-clicks"


def test_later_leaves_it_among_the_runs_and_out_of_use(page, dock, engine, qtbot) -> None:
    engine.judgements = [BETTER]
    page.switch.click()
    complete(dock)
    finish(dock, engine, qtbot)
    qtbot.mouseClick(dock.offer.later, LEFT)
    idle(dock, qtbot)
    assert not dock.offer.isVisibleTo(dock)
    assert read_offer(dock.desk.project.runs_dir / "0002-update").answer == "later"
    assert dock.desk.answerer.run.name == "0001-clicks"
    dock.desk.runs.refresh()
    idle(dock, qtbot)
    assert not dock.offer.isVisibleTo(dock)


def test_a_worse_one_is_kept_out_with_a_quiet_sentence(page, dock, engine, qtbot) -> None:
    engine.judgements = [WORSE]
    page.switch.click()
    complete(dock)
    finish(dock, engine, qtbot)
    assert page.said.text() == "Run 0002 is not better, so it is kept out: Dice 0.880 → 0.860 on 1 held-out patient."
    assert not dock.offer.isVisibleTo(dock)
    assert not dock.banner.isVisibleTo(dock)
    assert dock.desk.answerer.run.name == "0001-clicks"


def test_it_never_shows_its_predictions_and_leaves_the_form_alone(page, dock, engine, qtbot) -> None:
    dock.open_case("case-0")
    qtbot.waitUntil(lambda: dock.desk.case is not None, timeout=10_000)
    dock.train.choose_mode("segmentation")
    page.switch.click()
    complete(dock)
    qtbot.waitUntil(lambda: dock.desk.runs.live and dock.desk.runs.feed.state == "running", timeout=20_000)
    assert not [preview for _, _, preview in engine.requests if preview]
    assert dock.train.chosen_mode.key == "segmentation"
    engine.judgements = [WORSE]
    finish(dock, engine, qtbot)


def test_it_waits_for_the_run_that_is_going_on(page, dock, engine, project, qtbot) -> None:
    engine.judgements = [WORSE]
    own = engine.add_run(project, "0002-mine", "segmentation", "running")
    dock.desk.runs.refresh()
    qtbot.waitUntil(lambda: dock.desk.runs.live, timeout=20_000)
    page.switch.click()
    complete(dock)
    assert not engine.started
    engine.states[own.name] = "finished"
    qtbot.waitUntil(lambda: dock.desk.runs.live and dock.desk.runs.feed.beside, timeout=20_000)
    finish(dock, engine, qtbot)
    assert len(engine.started) == 1


def test_an_offer_is_made_again_after_a_restart_once_the_switch_is_on(page, dock, engine, project, qtbot) -> None:
    from napari_progseg.training.offer import write_offer

    run = engine.add_run(project, "0002-update", "interactive")
    write_offer(run, BETTER.model_copy(update={"start": "0001-clicks"}))
    dock.desk.runs.refresh()
    qtbot.waitUntil(lambda: len(dock.desk.runs.rows) == 2, timeout=20_000)
    assert not dock.offer.isVisibleTo(dock)
    assert dock.desk.answerer.run.name == "0001-clicks"
    page.switch.click()
    assert dock.offer.isVisibleTo(dock)


def test_a_patient_that_is_held_out_is_named_beside_the_switch(page, dock, engine, qtbot, monkeypatch) -> None:
    from napari_progseg.gui import engine as door
    from napari_progseg.training.update import create_update

    monkeypatch.setattr(door, "start_update", lambda project, source, threads: create_update(project, source))
    train = dock.desk.project.split.train
    run = engine.add_configured(dock.desk.project, "0002-all", settings(train))
    dock.desk.runs.refresh()
    qtbot.waitUntil(lambda: len(dock.desk.runs.rows) == 2, timeout=20_000)
    dock.desk.use_run(run)
    kept = dock.desk.project.split.validation[0]
    dock.desk.project.set_state(kept, CaseState.IN_PROGRESS)
    dock.desk.cases_changed.emit()
    page.switch.click()
    complete(dock, kept)
    qtbot.waitUntil(lambda: kept in page.said.text(), timeout=60_000)
    assert page.said.text() == (
        f"Nothing to learn from {kept} (checks models); 0002-all stays as it is; go on with the next patient."
    )
    assert not dock.banner.isVisibleTo(dock)
    assert not dock.desk.runs.starting
    idle(dock, qtbot)


def test_a_refusal_is_said_beside_the_switch(page, dock, engine, qtbot, monkeypatch) -> None:
    from napari_progseg.errors import UserError
    from napari_progseg.gui import engine as door

    def refused(*given):
        raise UserError("no completed case is left to compare the models on")

    monkeypatch.setattr(door, "start_update", refused)
    page.switch.click()
    complete(dock)
    qtbot.waitUntil(lambda: "No completed case is left" in page.said.text(), timeout=20_000)
    assert not dock.banner.isVisibleTo(dock)
    idle(dock, qtbot)

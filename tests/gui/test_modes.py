"""Every mode is started, watched, paused and stopped with mouse and keys; what a mode lacks is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QScrollArea

from napari_progseg.gui.modes import MODES, mode_of
from napari_progseg.gui.triplet import TripletView, grey_image
from napari_progseg.project import Project
from napari_progseg.training.config import preset_config
from napari_progseg.training.events import Said

LEFT = Qt.MouseButton.LeftButton


def press(button) -> None:
    assert button.isEnabled()
    QTest.mouseClick(button, LEFT)


def choose(dock, mode: str) -> None:
    """Go to a mode with the arrow keys."""
    box = dock.train.mode
    QTest.keyClick(box, Qt.Key.Key_Home)
    for _ in range(list(MODES).index(mode)):
        QTest.keyClick(box, Qt.Key.Key_Down)
    assert box.currentData() == mode


def with_restoration(engine, project, number: int = 1) -> Path:
    return engine.add_run(project, f"{number:04d}-restoration", "restoration")


def opened_project(dock, project, qtbot, runs: int = 0) -> None:
    assert dock.open_project(project.root)
    dock.show_part("Train")
    qtbot.waitUntil(lambda: len(dock.desk.runs.rows) == runs and not dock.desk.runs.live, timeout=20_000)


def ended(dock, qtbot) -> None:
    qtbot.waitUntil(lambda: not dock.desk.runs.live and not dock.desk.background.busy, timeout=20_000)


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_is_started_watched_paused_and_stopped(dock, engine, project, qtbot, mode) -> None:
    restored = with_restoration(engine, project)
    opened_project(dock, project, qtbot, 1)
    choose(dock, mode)
    press(dock.train.start)
    qtbot.waitUntil(lambda: dock.desk.runs.live, timeout=20_000)
    config = engine.started[0]
    assert mode_of(config) is MODES[mode]
    assert config.name == mode
    assert config.init == (str(restored) if mode == "progressive" else None)
    qtbot.waitUntil(lambda: dock.desk.runs.feed.step == 40, timeout=20_000)
    assert MODES[mode].short in dock.footer.text.text()
    assert dock.train.mode.currentData() == mode
    press(dock.train.pause)
    press(dock.train.stop)
    assert [want for _, want, _ in engine.requests if want] == ["pause", "stop"]
    ended(dock, qtbot)
    assert dock.desk.runs.feed.state == "stopped"
    assert dock.train.start.isEnabled()


def test_restoration_takes_all_scans_but_those_for_the_test_and_checks_on_none(dock, engine, cohort, qtbot) -> None:
    project = Project.create(cohort / "five", cohort / "images", cohort / "labels", {"both": (1, 2)})
    dock.open_project(project.root)
    dock.train.choose_mode("restoration")
    kept = set(project.split.test)
    assert dock.train.chosen() == (tuple(case.id for case in project.cases if case.id not in kept), ())
    assert dock.train.picker.title.text() == f"Scans ({4 - len(kept)} ticked)"
    assert "case-3" in dock.train.chosen()[0]
    dock.train.picker.list.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert "case-0" not in dock.train.chosen()[0]
    dock.train.choose_mode("segmentation")
    assert dock.train.picker.list.count() == 3
    assert dock.train.picker.title.text() == "Labelled patients (3 ticked)"
    dock.train.choose_mode("restoration")
    assert "case-0" not in dock.train.chosen()[0]


def test_cases_kept_for_the_test_are_listed_without_a_tick(dock, engine, tmp_path, qtbot) -> None:
    from .conftest import write_scan

    for number in range(7):
        write_scan(tmp_path, f"case-{number}", labelled=number < 6)
    project = Project.create(tmp_path / "project", tmp_path / "images", tmp_path / "labels", {"ball": (1,)})
    dock.open_project(project.root)
    dock.train.choose_mode("restoration")
    (kept,) = project.split.test
    assert kept not in dock.train.chosen()[0]
    assert len(dock.train.chosen()[0]) == 6
    items = [dock.train.picker.list.item(n) for n in range(7)]
    assert [item.text() for item in items if "test" in item.text()] == [f"{kept}  ·  kept for the test"]


def test_the_button_in_the_patients_part_learns_from_all_scans(dock, engine, project, qtbot) -> None:
    dock.open_project(project.root)
    dock.show_part("Patients")
    learn = dock.patients.learn
    dock.train.minutes.setValue(2.5)
    assert "the network gets to know 4 scans. 2.5 min on" in learn.about.text()
    dock.train.choose_mode("restoration")
    dock.train.picker.list.item(1).setCheckState(Qt.CheckState.Unchecked)
    press(learn.button)
    qtbot.waitUntil(lambda: dock.desk.runs.live, timeout=20_000)
    config = engine.started[0]
    assert (config.task, config.train, config.validation) == (
        "restoration",
        ("case-0", "case-1", "case-2", "case-3"),
        (),
    )
    assert config.budget.minutes == 2.5
    assert dock.tabs.currentWidget() is dock.train
    assert not learn.button.isEnabled()
    assert "is learning from all scans" in learn.about.text()
    press(dock.train.stop)
    ended(dock, qtbot)
    assert learn.button.isEnabled()
    assert learn.about.text() == "Run 0001 learned from 4 scans: trainings can start from it."


def test_the_button_needs_a_project_and_waits_for_other_runs(dock, engine, project, qtbot) -> None:
    learn = dock.patients.learn
    assert not learn.button.isEnabled()
    engine.add_run(project, "0001-inter", "interactive", "running")
    dock.open_project(project.root)
    qtbot.waitUntil(lambda: dock.desk.runs.live, timeout=20_000)
    assert not learn.button.isEnabled()
    assert learn.about.text() == "Possible once run 0001 has ended."
    engine.states["0001-inter"] = "finished"
    ended(dock, qtbot)


def test_progressive_without_a_restoration_run_says_what_to_press_first(dock, engine, project, qtbot) -> None:
    engine.add_run(project, "0001-inter", "interactive")
    opened_project(dock, project, qtbot, 1)
    choose(dock, "progressive")
    assert not dock.train.start.isEnabled()
    assert "Press “Learn from all scans” in the Patients tab first." in dock.train.sentence.text()
    with_restoration(engine, project, 2)
    dock.desk.runs.refresh()
    qtbot.waitUntil(dock.train.start.isEnabled, timeout=20_000)
    assert dock.train.sentence.text().startswith("Start from run 0002 (learned from 1 scan), then learn to turn clicks")


def test_without_labels_only_learning_from_scans_can_start(dock, engine, cohort, qtbot) -> None:
    project = Project.create(cohort / "bare", cohort / "images", None, {"ball": (1,)})
    with_restoration(engine, project)
    opened_project(dock, project, qtbot, 1)
    for mode in ("segmentation", "interactive", "progressive"):
        choose(dock, mode)
        assert not dock.train.start.isEnabled()
        assert "No patient is labelled completely yet" in dock.train.sentence.text()
    choose(dock, "restoration")
    assert dock.train.start.isEnabled()
    assert dock.train.sentence.text().startswith("Learn what 4 scans look like")


def entries(dock) -> list[str]:
    return [dock.train.begin.itemText(n) for n in range(dock.train.begin.count())]


def test_a_run_may_start_from_any_trained_run_the_newest_first(dock, engine, project, qtbot, monkeypatch) -> None:
    from napari_progseg.gui import engine as door

    for number, task in enumerate(("restoration", "segmentation", "restoration", "interactive"), 1):
        engine.add_run(project, f"{number:04d}-{task}", task)
    engine.add_run(project, "0005-empty", "segmentation")
    monkeypatch.setattr(door, "has_model", lambda run: run.name != "0005-empty")
    opened_project(dock, project, qtbot, 5)
    trained = [
        "0004 · clicks · Dice 0.800",
        "0003 · restoration · 1 scan",
        "0002 · automatic · Dice 0.800",
        "0001 · restoration · 1 scan",
    ]
    for mode in ("segmentation", "restoration", "interactive"):
        choose(dock, mode)
        assert entries(dock) == ["scratch", *trained]
        assert dock.train.begin.currentText() == "scratch"
        assert dock.train.config().init is None
    choose(dock, "progressive")
    assert entries(dock) == trained
    assert dock.train.begin.currentText() == trained[1]
    QTest.keyClick(dock.train.begin, Qt.Key.Key_Up)
    assert dock.train.config().init == str(project.runs_dir / "0004-interactive")
    choose(dock, "interactive")
    choose(dock, "progressive")
    assert dock.train.begin.currentText() == trained[0]
    assert "Start from run 0004 (Dice 0.800), then" in dock.train.sentence.text()


def test_what_a_live_run_started_from_is_shown_and_cannot_be_changed(dock, engine, project, qtbot) -> None:
    restored = with_restoration(engine, project)
    config = preset_config("progressive", "interactive", init=str(restored), budget={"minutes": 1})
    engine.add_configured(project, "0002-progressive", config, "running")
    engine.events["0002-progressive"].insert(0, Said("from 0001-restoration: 61 of 63 tensors carried over"))
    dock.open_project(project.root)
    qtbot.waitUntil(lambda: dock.desk.runs.live and dock.desk.runs.feed.step == 40, timeout=20_000)
    assert dock.train.mode.currentData() == "progressive"
    assert dock.train.begin.currentText().startswith("0001 · restoration")
    for part in (dock.train.mode, dock.train.begin, dock.train.minutes, dock.train.picker):
        assert not part.isEnabled()
    report = "from 0001-restoration: 61 of 63 tensors carried over"
    assert dock.train.report.text() == f"Run 0002: {report}"
    assert dock.train.report.toolTip() == report
    assert dock.results.said.text() == f"Run 0002 said: {report}"
    engine.states["0002-progressive"] = "finished"
    ended(dock, qtbot)


# --- the form ---------------------------------------------------------------------------------------------------


def shown(dock) -> set[str]:
    return {widget.name for widget in dock.train.advanced.form.widgets if not widget.native.isHidden()}


def test_the_form_shows_what_matters_to_the_mode(dock, engine, project, qtbot) -> None:
    with_restoration(engine, project)
    opened_project(dock, project, qtbot, 1)
    schedules = {"samples_schedule", "samples_start", "samples_stages", "patches_schedule"}
    always = {"preset", "patch", "batch", "rate", "seed"} | schedules
    own = {"dims", "width"}
    settings = ("flip", "shuffle", "curve", "paint", "inpaint", "mask", "loss", "click_tasks")
    spoiled = {f"restoration_{name}" for name in settings}
    carried = {"start_rate", "start_warmup", "freeze_policy", "freeze_last"}
    for mode in ("segmentation", "interactive"):
        choose(dock, mode)
        assert shown(dock) == always | own
    choose(dock, "restoration")
    assert shown(dock) == always | own | spoiled
    dock.train.begin.setCurrentIndex(1)
    assert shown(dock) == always | spoiled | carried
    choose(dock, "progressive")
    assert shown(dock) == always | carried | {"start_keep_head"}
    assert list(dock.train.advanced.preset.choices) == ["default", "tiny"]


def test_progressive_has_both_schedules_and_only_it_by_itself(dock, engine, project, qtbot) -> None:
    with_restoration(engine, project)
    opened_project(dock, project, qtbot, 1)

    def schedules() -> tuple[str, str]:
        config = dock.train.config()
        return config.samples.schedule, config.patches.schedule

    choose(dock, "progressive")
    assert schedules() == ("pdl", "efficiency")
    dock.train.advanced.growing.fields["schedule"].value = "constant"
    assert schedules() == ("pdl", "constant")
    choose(dock, "interactive")
    assert schedules() == ("all", "constant")
    choose(dock, "progressive")
    assert schedules() == ("pdl", "efficiency")
    dock.train.advanced.choose_preset("default")
    assert schedules() == ("pdl", "efficiency")


def test_what_the_form_says_reaches_the_run(dock, engine, project, qtbot) -> None:
    with_restoration(engine, project)
    opened_project(dock, project, qtbot, 1)
    form = dock.train.advanced
    choose(dock, "restoration")
    form.restoration.fields["shuffle"].value = 0.25
    form.restoration.fields["loss"].value = "mse"
    form.restoration.fields["click_tasks"].value = 0.4
    config = dock.train.config()
    assert config.restoration.click_tasks == 0.4
    assert (config.restoration.shuffle, config.restoration.loss, config.restoration.paint) == (0.25, "mse", 0.9)
    choose(dock, "progressive")
    form.start.fields["rate"].value = 0.1
    form.start.fields["keep_head"].value = True
    config = dock.train.config()
    assert (config.start.rate, config.start.keep_head, config.preset) == (0.1, True, "progressive")
    assert config.restoration.shuffle == 0.5
    assert config.clicks.previous_mask


@pytest.mark.parametrize("mode", MODES)
def test_the_form_is_no_wider_than_a_narrow_dock(dock, engine, project, qtbot, mode) -> None:
    with_restoration(engine, project)
    opened_project(dock, project, qtbot, 1)
    dock.setFixedWidth(360)
    choose(dock, mode)
    dock.train.folded.expand(animate=False)
    (area,) = dock.train.findChildren(QScrollArea)
    assert area.widget().minimumSizeHint().width() <= 340


# --- the restored slice -----------------------------------------------------------------------------------------


def pixels(image: QImage) -> np.ndarray:
    return np.array([[image.pixelColor(x, y).red() for x in range(image.width())] for y in range(image.height())])


def test_the_three_pictures_are_those_of_the_file(dock, engine, project, qtbot) -> None:
    run = engine.add_run(project, "0001-restoration", "restoration", "running")
    engine.add_triplet(run, "case-1", 20)
    newest = engine.add_triplet(run, "case-2", 40)
    dock.open_project(project.root)
    qtbot.waitUntil(lambda: dock.desk.runs.triplet is not None, timeout=20_000)
    view = dock.train.triplet
    assert not view.isHidden()
    assert [label.text() for label in view.names] == ["original", "distorted", "restored"]
    for name, picture in view.pictures.items():
        assert np.array_equal(pixels(picture.image), newest[name])
    assert view.caption.text() == "case-2 · run 0001 · step 40"
    engine.states[run.name] = "finished"
    ended(dock, qtbot)


def test_a_restoring_run_is_asked_for_the_case_on_screen_or_else_its_first(dock, engine, project, qtbot) -> None:
    run = engine.add_run(project, "0001-restoration", "restoration", "running")
    dock.open_project(project.root)
    qtbot.waitUntil(lambda: (run.name, None, "case-0") in engine.requests, timeout=20_000)
    dock.open_case("case-3")
    qtbot.waitUntil(lambda: (run.name, None, "case-3") in engine.requests, timeout=20_000)
    engine.states[run.name] = "finished"
    ended(dock, qtbot)
    assert [case for _, _, case in engine.requests][-1] == "case-3"


def test_the_place_of_the_pictures_is_as_high_without_them(qtbot) -> None:
    from napari_progseg.gui.bridge import Triplet

    view = TripletView()
    qtbot.addWidget(view)
    view.resize(330, 400)
    view.show()
    empty = view.sizeHint().height()
    view.show_triplet(Triplet(1240, "leg_003", *np.zeros((3, 40, 90), np.uint8)), "0007-x")
    assert view.sizeHint().height() == empty
    assert view.caption.text() == "leg_003 · run 0007 · step 1\u202f240"
    view.show_triplet(None, "")
    assert view.pictures["original"].image.isNull()


def test_a_slice_of_any_width_keeps_its_pixels() -> None:
    values = np.arange(7 * 5, dtype=np.uint8).reshape(7, 5)
    assert np.array_equal(pixels(grey_image(values.T[::-1])), values.T[::-1])


def test_only_the_mode_that_restores_has_pictures(dock, project, qtbot) -> None:
    dock.open_project(project.root)
    for mode in MODES:
        choose(dock, mode)
        assert dock.train.triplet.isHidden() is (mode != "restoration")


# --- results ----------------------------------------------------------------------------------------------------


def test_a_restoring_run_shows_its_error_and_no_dice(dock, engine, project, qtbot) -> None:
    run = engine.add_run(project, "0001-restoration", "restoration", "running")
    dock.open_project(project.root)
    qtbot.waitUntil(lambda: dock.desk.runs.live and dock.desk.runs.feed.step == 40, timeout=20_000)
    error = np.mean([1 / n for n in range(31, 41)])
    text = dock.footer.text.text()
    assert text.startswith("run 0001 · restoration · step 40 · error 0.0")
    assert "Dice" not in text
    curves = dock.results.curves
    assert curves.dice.isHidden()
    assert curves.loss.getPlotItem().getAxis("left").labelText == "error (L1)"
    assert curves.loss.getPlotItem().getAxis("bottom").labelText == "step"
    assert float(text.rpartition(" ")[2]) == pytest.approx(error, abs=0.01)
    height = curves.sizeHint().height()
    engine.states[run.name] = "finished"
    ended(dock, qtbot)
    dock.desk.runs.attach(engine.add_run(project, "0002-segm", "segmentation"))
    qtbot.waitUntil(lambda: dock.desk.runs.feed.ended, timeout=20_000)
    assert not curves.dice.isHidden()
    assert curves.loss.getPlotItem().getAxis("left").labelText == "loss"
    assert abs(curves.sizeHint().height() - height) <= 1


def test_a_restoring_run_is_no_model_to_use(opened, engine, project, qtbot) -> None:
    engine.add_run(project, "0001-segm", "segmentation")
    with_restoration(engine, project, 2)
    opened.desk.runs.refresh()
    results = opened.results
    qtbot.waitUntil(lambda: results.runs.rowCount() == 2, timeout=20_000)
    assert [results.runs.item(row, 1).text() for row in (0, 1)] == ["restoration", "automatic"]
    assert results.runs.item(0, 4).text() == "–"
    results.runs.selectRow(0)
    assert not results.use.isEnabled()
    assert "has learned to restore images; start a training from it" in results.use.toolTip()
    assert opened.desk.answerer.predictor.name == "0001-segm"
    results.runs.selectRow(1)
    assert results.use.isEnabled()

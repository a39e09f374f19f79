"""How a run of task shape is started and shown, and what its models are kept out of."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_progseg.gui.feed import RunFeed
from napari_progseg.gui.footer import job_text
from napari_progseg.gui.modes import MODES
from napari_progseg.gui.wording import nothing_to_start, training_sentence
from napari_progseg.training.events import Started, StepDone, Validated
from napari_progseg.volume import LabelClass

# --- starting ---------------------------------------------------------------------------------------------------


def ready(dock, project, qtbot, runs: int = 0) -> None:
    assert dock.open_project(project.root)
    qtbot.waitUntil(lambda: len(dock.desk.runs.rows) == runs and not dock.desk.runs.live, timeout=20_000)


def test_a_shape_of_the_chosen_structure_is_started_with_what_the_form_says(dock, engine, project, qtbot) -> None:
    ready(dock, project, qtbot)
    dock.show_part("Train")
    form = dock.train
    form.choose_mode("shape")
    assert not form.structure.isHidden()
    assert list(form.advanced.preset.choices) == ["default", "tiny"]
    assert "Learn the shape of left from 3 patients, without a check on others" in form.sentence.text()
    form.structure.setCurrentIndex(1)
    assert "the shape of right from" in form.sentence.text()
    form.advanced.shape.fields["scales"].value = "32, 128"
    form.advanced.shape.fields["supervision"].value = "shallow"
    form.advanced.shape.fields["warped"].value = 0.5
    assert form.start.isEnabled()
    QTest.mouseClick(form.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dock.desk.runs.live, timeout=20_000)
    (config,) = engine.started
    assert (config.task, config.shape.structure, config.shape.scales) == ("shape", "right", (32, 128))
    assert (config.shape.supervision, config.shape.warped, config.patches.batch) == ("shallow", 0.5, 8)
    assert len(config.train) == 3
    assert not form.structure.isEnabled()
    engine.states[dock.desk.runs.run.name] = "finished"
    qtbot.waitUntil(lambda: not dock.desk.runs.live, timeout=20_000)


def test_the_form_shows_what_matters_to_shapes_and_gives_others_their_values_back(dock, project, qtbot) -> None:
    ready(dock, project, qtbot)
    form = dock.train

    def shown() -> set[str]:
        return {widget.name for widget in form.advanced.form.widgets if not widget.native.isHidden()}

    form.choose_mode("segmentation")
    before = shown(), form.advanced.batch.value, form.advanced.rate.value
    form.choose_mode("shape")
    own = {f"shape_{name}" for name in ("backbone", "scales", "schedule", "supervision", "warped")}
    assert own <= shown()
    assert not {"dims", "patch", "patches_schedule"} & shown()
    assert form.advanced.batch.value == 8
    form.choose_mode("segmentation")
    assert (shown(), form.advanced.batch.value, form.advanced.rate.value) == before
    assert form.structure.isHidden()


def test_a_shape_is_not_learned_from_two_patients(dock, project, qtbot) -> None:
    ready(dock, project, qtbot)
    dock.train.choose_mode("shape")
    dock.train.picker.list.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert not dock.train.start.isEnabled()
    assert dock.train.sentence.text() == "Tick at least 3 labelled patients to train on."
    dock.train.choose_mode("segmentation")
    assert dock.train.start.isEnabled()
    text = nothing_to_start(MODES["shape"], 2, has_restoration=False)
    assert text.startswith("Shapes are learned from at least 3 labelled patients, and so far 2 are labelled completely")
    assert "No patient is labelled" in nothing_to_start(MODES["shape"], 0, has_restoration=False)


def test_a_scale_that_is_no_number_is_refused_in_a_sentence(dock, engine, project, qtbot) -> None:
    ready(dock, project, qtbot)
    said = []
    dock.desk.said.connect(said.append)
    dock.train.choose_mode("shape")
    dock.train.advanced.shape.fields["scales"].value = "few, more"
    dock.train.start.click()
    assert len(said) == 1
    assert "shape.scales" in said[0]
    assert not engine.started


def test_the_sentence_names_the_structure() -> None:
    text = training_sentence(MODES["shape"], (LabelClass("left", (1,)),), 5, 1, 5.0, "this GPU")
    assert text == "Learn the shape of left from 5 patients, checked on 1 other; 5 min on this GPU."


# --- what a run of shapes is kept out of ------------------------------------------------------------------------


def test_a_run_of_shapes_is_no_model_to_use_or_to_start_from(opened, engine, project, qtbot) -> None:
    engine.add_run(project, "0001-segm", "segmentation")
    run = engine.add_run(project, "0002-shape", "shape")
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "best.json").write_text('{"checkpoint": "x", "dice": null, "mm": 0.434}')
    opened.desk.runs.refresh()
    results = opened.results
    qtbot.waitUntil(lambda: results.runs.rowCount() == 2 and not opened.desk.runs.live, timeout=20_000)
    assert opened.desk.answerer.predictor.name == "0001-segm"
    assert [results.runs.item(0, column).text() for column in (1, 4)] == ["shape", "0.43 mm"]
    results.runs.selectRow(0)
    assert not results.use.isEnabled()
    assert "choose it in “Shape”" in results.use.toolTip()
    assert all(part.isHidden() for part in (results.adapted, results.meter, results.how_many))
    assert "run 0001 can predict" in results.finish.about.text()
    opened.train.choose_mode("interactive")
    begin = opened.train.begin
    assert [begin.itemText(n) for n in range(begin.count())] == ["scratch", "0001 · automatic · Dice 0.800"]
    opened.train.choose_mode("shape")
    assert [begin.itemText(n) for n in range(begin.count())] == ["scratch"]
    assert not opened.train.adapt.isEnabled()


def test_the_curve_of_a_run_of_shapes_is_in_mm(dock, engine, project, qtbot) -> None:
    engine.add_run(project, "0001-segm", "segmentation")
    engine.add_run(project, "0002-shape", "shape")
    ready(dock, project, qtbot, 2)
    qtbot.waitUntil(lambda: dock.desk.runs.feed.ended, timeout=20_000)
    curves = dock.results.curves
    axis = curves.dice.getPlotItem().getAxis("left")
    assert axis.labelText == "distance (mm)"
    assert list(curves._mean.getData()[1]) == [0.9, 0.43]
    assert list(curves._best.getData()[1]) == [0.43]
    assert dock.results.title.text() == "Run 0002 · finished · best distance 0.43 mm"
    dock.desk.runs.attach(project.runs_dir / "0001-segm")
    qtbot.waitUntil(lambda: dock.desk.runs.feed.ended, timeout=20_000)
    assert axis.labelText == "Dice"
    assert list(curves._mean.getData()[1]) == [0.8]


def test_the_footer_shows_the_distance_and_where_it_goes() -> None:
    feed = RunFeed("0007-shape", MODES["shape"])
    feed.update([Started(0, "", "cpu"), StepDone(40, 0.1, 0.5, 1e-3, 1.0, 0, (8, 8), 4, 2)])
    for step, mm in ((20, 0.9), (40, 0.43)):
        feed.update([Validated(step, 0.1, 1.0, None, {}, True, mean_mm=mm)])
    assert job_text(feed) == "run 0007 · shape · step 40 · 0.43 mm ▼ 0.47"
    assert feed.trend() == [0.9, 0.43]


def test_a_live_run_of_shapes_never_changes_the_prediction(opened, engine, project, qtbot) -> None:
    run = engine.add_run(project, "0001-shape", "shape", "running")
    engine.add_preview(run, np.ones_like(opened.desk.case.predicted), "case-0")
    opened.desk.runs.refresh()
    qtbot.waitUntil(lambda: opened.desk.runs.live and opened.desk.runs.feed.step == 40, timeout=20_000)
    engine.states[run.name] = "finished"
    qtbot.waitUntil(lambda: not opened.desk.runs.live, timeout=20_000)
    assert not opened.desk.case.has_prediction
    assert not [case for _, _, case in engine.requests if case]

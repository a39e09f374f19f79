"""The dock as a whole: projects, runs, closing, two viewers."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_progseg.gui.footer import Footer
from napari_progseg.project import Project

from .conftest import open_case


def test_importing_the_gui_package_costs_neither_qt_nor_torch() -> None:
    code = "import sys, napari_progseg.gui; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "qtpy", "napari", "vispy"} & set(loaded)


def test_getting_ready_loads_what_the_first_click_needs() -> None:
    code = "import sys; from napari_progseg.gui import engine; engine.prepare(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {"torch", "skimage.segmentation", "napari_progseg.inference.session"} <= set(loaded)


def test_an_empty_dock_offers_three_ways_in(dock) -> None:
    assert dock.patients.currentWidget() is dock.patients.empty
    assert dock.patients.open_folder.isEnabled()
    assert dock.patients.sample.isEnabled()
    assert not dock.patients.last.isEnabled()
    assert dock.project_name.text() == "Progressive segmentation"


def test_an_opened_project_is_listed_and_remembered(dock, project, qtbot) -> None:
    assert dock.open_project(project.root)
    qtbot.waitUntil(lambda: dock.patients.table.rows[-1].image is not None, timeout=10_000)
    table = dock.patients.rows
    shown = [[table.index(row, column).data() for column in range(7)] for row in range(4)]
    assert shown[0] == ["●", "case-0", "", "12×20×16", "2/2", "", "✓"]
    assert shown[3] == ["○", "case-3", "", "12×20×16", "", "", "✓"]
    dock.patients.filter.setText("not started")
    assert table.rowCount() == 1
    from napari_progseg.gui import recent

    assert recent.last_project() == project.root


def test_missing_label_files_are_noted_until_such_a_patient_is_labelled(dock, project, qtbot) -> None:
    open_case(dock, project, qtbot, "case-3")
    summary = dock.patients.summary
    assert summary.text().startswith("4 patients, 3 labelled completely. 1 note: images without a label file: case-3;")
    dock.desk.case.labels_layer.data_setitem(tuple(np.array([index]) for index in (4, 8, 6)), 1)
    dock.desk.case.settle()
    dock.desk.keeper.save()
    qtbot.waitUntil(lambda: summary.text() == "4 patients, 3 labelled completely.", timeout=20_000)
    assert summary.toolTip() == ""
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)


def test_a_folder_that_is_no_project_says_so(dock, tmp_path, qtbot) -> None:
    with qtbot.waitSignal(dock.desk.said):
        assert not dock.open_project(tmp_path)
    assert dock.desk.project is None
    assert dock.banner.isVisibleTo(dock)


def test_a_folder_of_scans_becomes_a_project_by_the_form(dock, cohort, qtbot) -> None:
    dock.patients.open_path(cohort)
    form = dock.patients.form
    assert form.labels.path == cohort / "labels"
    form.classes.setText("both=1+2")
    qtbot.mouseClick(form.create, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dock.desk.project is not None, timeout=10_000)
    assert [each.name for each in dock.desk.project.classes] == ["both"]
    assert not list((cohort / "images").glob("*.json"))


def test_the_form_stays_while_other_things_are_saved(dock, project, cohort, qtbot) -> None:
    dock.open_project(project.root)
    dock.patients.open_path(cohort)
    dock.desk.cases_changed.emit()
    assert dock.patients.currentWidget() is dock.patients.form
    dock.patients.form.cancelled.emit()
    assert dock.patients.currentWidget() is dock.patients.full


def test_double_click_opens_a_case(dock, project, qtbot) -> None:
    dock.open_project(project.root)
    dock.patients.view.activated.emit(dock.patients.rows.index(1, 1))
    qtbot.waitUntil(lambda: dock.desk.case is not None, timeout=20_000)
    assert dock.desk.case.id == "case-1"
    assert dock.case_line.text().startswith("case-1 · 12×20×16 · 3.0×1.0×1.0 mm")


def test_the_patient_on_screen_is_the_chosen_row_whoever_opened_it(opened, project, qtbot) -> None:
    open_case(opened, project, qtbot, "case-2")
    patients = opened.patients
    (index,) = patients.view.selectionModel().selectedRows()
    assert patients.table.rows[patients.rows.mapToSource(index).row()].case.id == "case-2"


def test_a_case_that_cannot_be_read_leaves_the_open_one_alone(opened, project, qtbot) -> None:
    project.case("case-1").image.write_bytes(b"no scan")
    with qtbot.waitSignal(opened.desk.said, timeout=20_000):
        opened.open_case("case-1")
    assert opened.desk.case.id == "case-0"
    assert opened.desk.busy == "" or qtbot.waitUntil(lambda: opened.desk.busy == "", timeout=1000) is None


def test_start_trains_on_the_ticked_patients_and_follows(dock, engine, project, qtbot) -> None:
    dock.open_project(project.root)
    dock.show_part("Train")
    dock.train.choose_mode("interactive")
    dock.train.picker.list.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert dock.train.chosen() == (("case-2",), ("case-1",)) or dock.train.chosen() == (("case-1",), ("case-2",))
    assert "Learn to turn clicks into left, right from 1 patient" in dock.train.sentence.text()
    qtbot.mouseClick(dock.train.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dock.desk.runs.live, timeout=20_000)
    config = engine.started[0]
    assert (config.task, config.budget.minutes, set(config.train) | set(config.validation)) == (
        "interactive",
        5.0,
        {"case-1", "case-2"},
    )
    qtbot.waitUntil(lambda: dock.desk.runs.feed.best_dice == 0.8, timeout=20_000)
    assert dock.footer.isVisibleTo(dock)
    assert not dock.train.start.isEnabled()
    dock.train.pause.click()
    dock.train.stop.click()
    assert [want for _, want, _ in engine.requests] == ["pause", "stop"]
    qtbot.waitUntil(lambda: not dock.desk.runs.live, timeout=20_000)
    assert not dock.footer.isVisibleTo(dock)
    assert dock.desk.runs.feed.state == "stopped"


def test_the_footer_keeps_its_place_when_nothing_runs(dock) -> None:
    assert isinstance(dock.footer, Footer)
    assert dock.footer.sizePolicy().retainSizeWhenHidden()


def test_a_running_run_is_found_again_and_shows_the_open_case_live(dock, engine, project, qtbot) -> None:
    run = engine.add_run(project, "0001-segm", "segmentation", "running")
    live = np.zeros((12, 20, 16), np.uint8)
    live[4:9, 6:14, 4:12] = 1
    engine.add_preview(run, live, "case-0")
    dock.open_project(project.root)
    qtbot.waitUntil(lambda: dock.desk.runs.live, timeout=20_000)
    dock.open_case("case-0")
    qtbot.waitUntil(lambda: ("0001-segm", None, "case-0") in engine.requests, timeout=20_000)
    dock.desk.runs.attach(run)
    qtbot.waitUntil(lambda: dock.desk.case.has_prediction, timeout=20_000)
    assert np.array_equal(dock.desk.case.predicted, live)
    assert "run 0001 step 40" in dock.desk.viewer.canvas.overlays.text.text


def test_a_live_preview_never_replaces_a_mask_of_the_users_clicks(opened, engine, project, qtbot) -> None:
    from napari_progseg.gui.bridge import Preview

    run = engine.add_run(project, "0001-inter", "interactive")
    opened.desk.runs.attach(run)
    opened.desk.answerer.use(run, run)
    case = opened.desk.case
    case.add_click((5, 7, 8), True)
    qtbot.waitUntil(lambda: case.has_prediction and not opened.desk.answerer.answering, timeout=20_000)
    opened.desk.runs.previewed.emit(Preview(50, "case-0", np.full((12, 20, 16), 2, np.uint8)))
    assert not (case.predicted == 2).any()


def test_results_show_curves_dice_and_runs(opened, engine, project, qtbot) -> None:
    engine.add_run(project, "0001-inter", "interactive")
    engine.add_run(project, "0002-segm", "segmentation")
    opened.desk.runs.refresh()
    results = opened.results
    qtbot.waitUntil(lambda: results.runs.rowCount() == 2, timeout=20_000)
    qtbot.waitUntil(lambda: opened.desk.runs.feed is not None and opened.desk.runs.feed.ended, timeout=20_000)
    assert "best Dice 0.800" in results.title.text()
    assert len(results.curves._loss.getData()[0]) > 5
    opened.desk.predict()
    qtbot.waitUntil(lambda: opened.desk.case.has_prediction, timeout=20_000)
    assert [results.dice.item(row, 0).text() for row in range(3)] == ["left", "right", "mean"]
    results.runs.selectRow(1)
    results.use.click()
    assert opened.desk.answerer.predictor.name == "0001-inter"
    results.runs.selectRow(0)
    results.delete.click()
    assert (project.runs_dir / "0002-segm").exists()
    results.delete.click()
    qtbot.waitUntil(lambda: results.runs.rowCount() == 1, timeout=20_000)
    assert not (project.runs_dir / "0002-segm").exists()


def test_a_run_that_has_just_come_is_the_chosen_one(opened, engine, project, qtbot) -> None:
    results = opened.results
    engine.add_run(project, "0001-inter", "interactive")
    opened.desk.runs.refresh()
    qtbot.waitUntil(lambda: results.runs.currentRow() == 0 and results.runs.rowCount() == 1, timeout=20_000)
    engine.add_run(project, "0002-segm", "segmentation")
    opened.desk.runs.refresh()
    qtbot.waitUntil(lambda: results.runs.rowCount() == 2, timeout=20_000)
    assert results.runs.item(results.runs.currentRow(), 0).text() == "0002"
    results.runs.selectRow(1)
    opened.desk.runs.refresh()
    qtbot.waitUntil(lambda: not opened.desk.background.busy, timeout=20_000)
    assert results.runs.item(results.runs.currentRow(), 0).text() == "0001"


def test_alt_and_a_number_show_a_part(dock, qtbot) -> None:
    for number, name in enumerate(("Patients", "Annotate", "Train", "Results")):
        dock.show_part(name)
        assert dock.tabs.currentIndex() == number
        assert dock.tabs.tabToolTip(number) == f"Alt+{number + 1}"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_both_themes_colour_what_paints_itself(dock, theme) -> None:
    dock.desk.viewer.theme = theme
    colour = dock.results.curves.loss.backgroundBrush().color()
    assert (colour.lightness() > 128) is (theme == "light")


def test_nothing_is_wider_than_the_dock(opened, engine, project, qtbot) -> None:
    opened.setFixedWidth(360)
    for part in ("Patients", "Annotate", "Train", "Results"):
        opened.show_part(part)
        assert opened.minimumSizeHint().width() <= 360


def test_closing_saves_the_labels_and_restores_the_users_text(make_napari_viewer_proxy, engine, project, qtbot) -> None:
    from napari_progseg.gui import ProgSegDock

    viewer = make_napari_viewer_proxy()
    viewer.canvas.overlays.text.text = "mine"
    dock = ProgSegDock(viewer)
    desk = dock.desk
    viewer.window.add_dock_widget(dock)
    dock.show()
    run = engine.add_run(project, "0001-segm", "segmentation", "running")
    dock.open_project(project.root)
    dock.open_case("case-0")
    qtbot.waitUntil(lambda: desk.case is not None and desk.runs.live, timeout=20_000)
    desk.case.labels_layer.data_setitem((np.array([2]), np.array([3]), np.array([3])), 1)
    viewer.close()
    qtbot.wait(50)
    assert Project.open(project.root).labels("case-0").labels[2, 3, 3] == 1
    assert ("0001-segm", "stop", None) not in engine.requests
    assert engine.states[run.name] == "running"
    desk.close()
    assert viewer.canvas.overlays.text.text == "mine"
    qtbot.waitUntil(lambda: not desk.background.busy, timeout=20_000)


def test_two_viewers_do_not_know_each_other(make_napari_viewer_proxy, engine, project, qtbot) -> None:
    from napari_progseg.gui import ProgSegDock

    docks = []
    for _ in range(2):
        viewer = make_napari_viewer_proxy()
        dock = ProgSegDock(viewer)
        viewer.window.add_dock_widget(dock)
        docks.append(dock)
    docks[0].open_project(project.root)
    docks[0].open_case("case-0")
    qtbot.waitUntil(lambda: docks[0].desk.case is not None, timeout=20_000)
    assert docks[1].desk.project is None
    assert len(docks[1].desk.viewer.layers) == 0
    for dock in docks:
        dock.desk.close()
        qtbot.waitUntil(lambda dock=dock: not dock.desk.background.busy, timeout=20_000)


def test_patients_are_sorted_by_similarity_on_demand(dock, engine, project, qtbot, monkeypatch) -> None:
    from napari_progseg.gui import engine as door

    monkeypatch.setattr(door, "rank_cases", lambda project, progress: ("case-2", "case-0", "case-3", "case-1"))
    dock.open_project(project.root)
    patients = dock.patients
    QTest.mouseClick(patients.similar, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: patients.table.rows[0].case.id == "case-2", timeout=20_000)
    shown = [patients.rows.index(row, 1).data() for row in range(4)]
    assert shown == ["case-2", "case-0", "case-3", "case-1"]
    assert "rank 1" in patients.rows.index(0, 1).data(Qt.ItemDataRole.ToolTipRole)
    qtbot.waitUntil(lambda: patients.similar.isEnabled() and not dock.desk.background.busy, timeout=20_000)

"""Dice after simulated clicks: measured on demand, kept with the run."""

from __future__ import annotations

import threading

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_progseg.errors import UserError
from napari_progseg.inference.measured import keep, kept

LEFT = Qt.MouseButton.LeftButton


def report(step: int = 40) -> dict:
    clicks = {"0": {"left": 0.5, "right": 0.25}, "3": {"left": 0.75, "right": None}}
    return {
        "mean_dice": 0.375,
        "clicks": {"0": 0.375, "3": 0.75},
        "clicks_are_given_per": "slice that holds the structure",
        "cases": [{"case": "case-2", "dice": clicks["0"], "clicks": clicks}],
        "left_out": [],
        "step": step,
    }


@pytest.fixture
def meter(dock, engine, project, qtbot):
    """The click meter of a finished interactive run."""
    engine.add_run(project, "0001-inter", "interactive")
    dock.open_project(project.root)
    dock.show_part("Results")
    qtbot.waitUntil(lambda: len(dock.desk.runs.rows) == 1 and not dock.desk.runs.live, timeout=20_000)
    qtbot.waitUntil(dock.results.meter.measure.isEnabled, timeout=20_000)
    return dock.results.meter


def cells(table) -> list[list[str]]:
    return [[table.item(row, n).text() for n in range(table.columnCount())] for row in range(table.rowCount())]


def test_it_measures_on_demand_and_keeps_the_result_with_the_run(meter, dock, project, qtbot, monkeypatch) -> None:
    from napari_progseg.gui import engine as door

    def measure(asked, run, progress):
        progress(0.5)
        keep(run, report())
        return report()

    monkeypatch.setattr(door, "measure_run", measure)
    assert not meter.plot.isVisibleTo(dock)
    assert meter.about.text().endswith("Not measured yet.")
    QTest.mouseClick(meter.measure, LEFT)
    qtbot.waitUntil(lambda: meter.table.rowCount() == 3, timeout=20_000)
    assert cells(meter.table) == [["left", "0.500", "0.750"], ["right", "0.250", "n/a"], ["mean", "0.375", "0.750"]]
    assert meter.plot.isVisibleTo(dock)
    assert "with so many simulated clicks on each slice that holds the structure." in meter.about.text()
    assert kept(project.runs()[0]) == report()
    assert meter.measure.text() == "Measure clicks again"
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)


def test_a_result_of_an_earlier_day_is_there_and_names_an_older_step(meter, dock, project) -> None:
    keep(project.runs()[0], report(step=20))
    meter.show_run(dock.desk.runs.rows[0])
    assert meter.table.rowCount() == 3
    assert meter.about.text().endswith("Measured at step 20.")


def test_it_can_be_cancelled_from_the_row_of_jobs(meter, dock, project, qtbot, monkeypatch) -> None:
    from napari_progseg.gui import engine as door

    go = threading.Event()

    def measure(asked, run, progress):
        go.wait(5)
        progress(0.5)
        keep(run, report())

    monkeypatch.setattr(door, "measure_run", measure)
    meter.measure.click()
    assert meter.measure.text() == "Measuring…"
    assert not meter.measure.isEnabled()
    (job,) = (job for job in dock.desk.background.shown if job.text == "Measuring run 0001…")
    job.give_up()
    assert meter.measure.isEnabled()
    go.set()
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)
    assert kept(project.runs()[0]) is None


def test_without_held_out_patients_it_says_so(meter, dock, qtbot, monkeypatch) -> None:
    from napari_progseg.gui import engine as door

    def measure(asked, run, progress):
        raise UserError("no patient is held out")

    monkeypatch.setattr(door, "measure_run", measure)
    meter.measure.click()
    qtbot.waitUntil(lambda: dock.banner.isVisibleTo(dock), timeout=20_000)
    assert dock.banner.label.text() == "no patient is held out"
    qtbot.waitUntil(meter.measure.isEnabled, timeout=20_000)


def test_it_is_hidden_for_runs_that_take_no_clicks(dock, engine, project, qtbot) -> None:
    engine.add_run(project, "0001-segm", "segmentation")
    dock.open_project(project.root)
    qtbot.waitUntil(lambda: len(dock.desk.runs.rows) == 1, timeout=20_000)
    assert not dock.results.meter.isVisibleTo(dock.results)
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)

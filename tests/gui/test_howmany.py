"""The forecast of Dice against labelled patients."""

from __future__ import annotations

import pytest


@pytest.fixture
def shown(dock, engine, project, qtbot, write_run):
    """Return what writes runs of so many patients, opens the project and waits for the forecast."""

    def show(*patients: int):
        for number, each in enumerate(patients, 1):
            run = write_run(project.root, number, each, {"v1": 0.9 - 0.4 / each, "v2": 0.8 - 0.4 / each})
            engine.states[run.name] = "finished"
            engine.events[run.name] = []
            engine.configs[run.name] = _config(run)
        dock.open_project(project.root)
        dock.show_part("Results")
        qtbot.waitUntil(lambda: len(dock.desk.runs.rows) == len(patients), timeout=20_000)
        qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)
        return dock.results.how_many

    return show


def _config(run):
    from napari_progseg.training.config import RunConfig

    return RunConfig.model_validate_json((run / "config.json").read_text(encoding="utf-8"))


def test_below_four_numbers_of_patients_there_is_a_sentence_and_no_chart(shown, dock) -> None:
    panel = shown(1, 2, 4)
    assert panel.isVisibleTo(dock)
    assert not panel.plot.isVisibleTo(panel)
    assert panel.about.text().endswith("so far 3 can be compared (1, 2, 4).")


def test_from_four_on_there_is_a_band_with_its_past_error(shown, dock) -> None:
    panel = shown(1, 2, 4, 8)
    assert panel.plot.isVisibleTo(panel)
    numbers, high = panel._top.getData()
    _, low = panel._bottom.getData()
    assert (numbers[0], numbers[-1]) == (1, 16)
    assert (low <= high).all()
    points = [(point.pos().x(), round(point.pos().y(), 3)) for point in panel._points.points()]
    assert points == [(1, 0.45), (2, 0.65), (4, 0.75), (8, 0.8)]
    assert panel.about.text().startswith("Dice to expect with 12 patients:")
    assert panel.past.text() == "A forecast made with the first 3 budgets missed the 4th by 0.00."
    assert panel.rule.text().endswith("Measured on 2 patients.")


def test_without_any_run_it_is_hidden(dock, project, qtbot) -> None:
    dock.open_project(project.root)
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)
    assert not dock.results.how_many.isVisibleTo(dock.results)

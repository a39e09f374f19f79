"""A run beside the one it started from."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_progseg.evaluation.statistics import Interval
from napari_progseg.training.adapt import Change, Changes
from napari_progseg.training.config import preset_config

LEFT = Qt.MouseButton.LeftButton
FOUND = Changes((Change("case-2", 0.5, 0.75), Change("case-3", None, 0.5)), 0, Interval(0.25, 0.1, 0.4, 0.95, 1))


@pytest.fixture
def adapted(dock, engine, project, qtbot, monkeypatch):
    """A project with a run that started from another one; comparing finds `FOUND`."""
    from napari_progseg.gui import engine as door

    source = engine.add_run(project, "0001-first", "segmentation")
    config = preset_config("tiny", "segmentation", train=("case-0",), init=str(source), budget={"minutes": 1})
    engine.add_configured(project, "0002-mine", config)
    monkeypatch.setattr(door, "compare_runs", lambda project, before, after, progress: FOUND, raising=False)
    dock.open_project(project.root)
    dock.show_part("Results")
    qtbot.waitUntil(lambda: len(dock.desk.runs.rows) == 2 and not dock.desk.runs.live, timeout=20_000)
    qtbot.waitUntil(dock.results.adapted.compare.isEnabled, timeout=20_000)
    return dock.results


def test_it_compares_on_demand_and_says_what_it_found(adapted, dock, qtbot) -> None:
    panel = adapted.adapted
    assert panel.isVisibleTo(adapted)
    assert panel.about.text() == "Run 0002 started from run 0001: is it better here?"
    assert not panel.keep.isEnabled()
    panel.compare.click()
    qtbot.waitUntil(lambda: panel.table.rowCount() == 2, timeout=20_000)
    assert panel.about.text().startswith("Run 0002 is 0.250 better than run 0001 (95 % interval +0.100 to +0.400")
    cells = [[panel.table.item(row, column).text() for column in range(4)] for row in range(2)]
    assert cells == [["case-2", "0.500", "0.750", "+0.250"], ["case-3", "n/a", "0.500", "n/a"]]
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)


def test_discarding_deletes_the_new_run_alone(adapted, dock, project, qtbot) -> None:
    panel = adapted.adapted
    panel.compare.click()
    qtbot.waitUntil(panel.discard.isEnabled, timeout=20_000)
    panel.discard.click()
    qtbot.waitUntil(lambda: [run.name for run in project.runs()] == ["0001-first"], timeout=20_000)
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)
    assert [run.name for run in project.runs()] == ["0001-first"]
    assert not panel.isVisibleTo(adapted)


def test_it_is_hidden_for_runs_from_scratch(adapted, dock) -> None:
    adapted.runs.selectRow(1)
    assert not adapted.adapted.isVisibleTo(adapted)


def test_a_model_of_another_centre_is_adapted_to_the_ticked_patients(
    dock, engine, project, qtbot, monkeypatch, tmp_path
):
    from napari_progseg.gui import engine as door
    from napari_progseg.gui import train

    asked = []

    def start_adaptation(*given):
        asked.append(given)
        return engine.start_run(
            given[0], preset_config("tiny", "segmentation", train=given[2], budget={"minutes": 1}), 1
        )

    monkeypatch.setattr(door, "start_adaptation", start_adaptation)
    monkeypatch.setattr(train.QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    dock.open_project(project.root)
    dock.show_part("Train")
    page = dock.train
    qtbot.waitUntil(page.adapt.isEnabled, timeout=20_000)
    learns, checks = page.chosen()
    QTest.mouseClick(page.adapt, LEFT)
    qtbot.waitUntil(lambda: dock.desk.runs.live, timeout=20_000)
    assert not page.adapt.isEnabled()
    assert asked[0][1:5] == (tmp_path, learns, checks, page.minutes.value())
    dock.desk.runs.stop()
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)


def test_nothing_is_adapted_without_labels_or_without_a_folder(dock, project, qtbot, monkeypatch) -> None:
    from napari_progseg.gui import train

    monkeypatch.setattr(train.QFileDialog, "getExistingDirectory", lambda *_: "")
    dock.open_project(project.root)
    page = dock.train
    qtbot.waitUntil(page.adapt.isEnabled, timeout=20_000)
    QTest.mouseClick(page.adapt, LEFT)
    assert not dock.desk.runs.starting
    page.choose_mode("restoration")
    assert not page.adapt.isEnabled()

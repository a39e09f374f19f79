"""The list of a project's runs."""

from __future__ import annotations

import threading

from napari_progseg.gui import runs as module


def test_a_list_that_was_begun_earlier_never_replaces_a_newer_one(dock, engine, project, qtbot, monkeypatch) -> None:
    dock.open_project(project.root)
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=60_000)
    began, go_on, real = threading.Event(), threading.Event(), module.list_runs

    def slow(project):
        rows = real(project)
        began.set()
        go_on.wait(20)
        return rows

    monkeypatch.setattr(module, "list_runs", slow)
    dock.desk.runs.refresh()
    qtbot.waitUntil(began.is_set, timeout=20_000)
    monkeypatch.setattr(module, "list_runs", real)
    engine.add_run(project, "0001-segm", "segmentation")
    dock.desk.runs.refresh()
    qtbot.waitUntil(lambda: len(dock.desk.runs.rows) == 1, timeout=20_000)
    go_on.set()
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=60_000)
    assert len(dock.desk.runs.rows) == 1

"""What the command line or a second window does to the open project shows, and disturbs nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qtpy.QtGui import QHideEvent, QShowEvent

from napari_progseg.gui.elsewhere import Traces, look_at
from napari_progseg.project import CaseState, Project

from .conftest import open_case, write_scan


@pytest.fixture
def watched(dock, project, qtbot):
    """The dock with the project open, after its first look."""
    dock.open_project(project.root)
    look(dock, qtbot)
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)
    return dock


def look(dock, qtbot) -> None:
    """Look at the project's folder, as the timer does."""
    dock.elsewhere.look()
    qtbot.waitUntil(lambda: dock.elsewhere._looking is None, timeout=20_000)


def shown(dock) -> list[str]:
    return [row.case.id for row in dock.patients.table.rows]


def test_a_patient_that_was_added_elsewhere_is_listed_and_read(watched, cohort, project, qtbot) -> None:
    write_scan(cohort / "more", "case-9", labelled=False)
    watched.patients.view.selectRow(2)
    Project.open(project.root).add_cases(cohort / "more" / "images")
    look(watched, qtbot)
    assert shown(watched)[-1] == "case-9"
    assert watched.patients.view.currentIndex().row() == 2
    row = watched.patients.table.rows[-1]
    qtbot.waitUntil(lambda: row.image is not None, timeout=20_000)
    assert row.image.usable
    qtbot.waitUntil(lambda: not watched.upcoming.looking, timeout=20_000)
    assert watched.upcoming.coming.case == "case-9"


def test_a_state_that_was_set_elsewhere_shows_and_unsaved_labels_stay(watched, project, qtbot) -> None:
    open_case(watched, project, qtbot, "case-0")
    case = watched.desk.case
    case.labels_layer.data_setitem((np.array([2]), np.array([3]), np.array([3])), 2)
    case.settle()
    other = Project.open(project.root)
    other.set_state("case-0", CaseState.IN_PROGRESS)
    other.set_state("case-1", CaseState.FLAGGED, "blurred")
    look(watched, qtbot)
    assert watched.desk.state_of("case-1") is CaseState.FLAGGED
    assert watched.patients.table.rows[1].case.note == "blurred"
    assert watched.annotate.completed.isEnabled()
    assert watched.desk.case is case
    assert case.labels[2, 3, 3] == 2
    assert watched.desk.keeper.unsaved


def test_a_run_that_was_started_elsewhere_is_listed_and_followed(watched, engine, project, qtbot) -> None:
    run = engine.add_run(project, "0001-segm", "segmentation", "running")
    look(watched, qtbot)
    qtbot.waitUntil(lambda: watched.desk.runs.live, timeout=20_000)
    assert watched.desk.runs.run == run
    engine.states[run.name] = "stopped"
    qtbot.waitUntil(lambda: not watched.desk.runs.live, timeout=20_000)


def test_what_the_window_does_itself_is_no_news(watched, project, qtbot, monkeypatch) -> None:
    open_case(watched, project, qtbot, "case-0")
    watched.desk.keeper.save(CaseState.FLAGGED)
    qtbot.waitUntil(lambda: not watched.desk.background.busy, timeout=20_000)
    assert watched.desk.state_of("case-0") is CaseState.FLAGGED
    told = []
    watched.desk.cases_changed.connect(lambda: told.append("cases"))
    watched.desk.runs.listed.connect(lambda: told.append("runs"))
    read = []
    monkeypatch.setattr(Project, "reload", lambda self: read.append(self))
    for _ in range(3):
        look(watched, qtbot)
    assert told == []
    assert len(read) == 1  # once for the one write


def test_nothing_is_looked_at_while_the_dock_is_not_there(watched) -> None:
    assert not watched.elsewhere._timer.isActive()
    watched.showEvent(QShowEvent())
    assert watched.elsewhere._timer.isActive()
    watched.hideEvent(QHideEvent())
    assert not watched.elsewhere._timer.isActive()


def test_a_manifest_that_cannot_be_read_is_told_once(watched, project, qtbot) -> None:
    said = []
    watched.desk.said.connect(said.append)
    for name in ("progseg.json", "progseg.json.bak"):
        (project.root / name).write_text("{", encoding="utf-8")
    for _ in range(2):
        look(watched, qtbot)
    assert len(said) == 1
    assert "was not opened" in said[0]
    assert len(shown(watched)) == 4


def test_a_folder_that_cannot_be_reached_changes_nothing(project, monkeypatch) -> None:
    def refuse(self: Project) -> list[Path]:
        raise OSError(112, "Host is down")

    before = Traces.of(project)
    monkeypatch.setattr(Project, "runs", refuse)
    assert look_at(project, before).traces == before


def test_a_checkpoint_and_the_end_of_a_run_leave_traces(project, engine) -> None:
    run = engine.add_run(project, "0001-segm", "segmentation")
    seen = [Traces.of(project)]
    (run / "alive.json").write_text("{}", encoding="utf-8")
    seen.append(Traces.of(project))
    (run / "checkpoints").mkdir()
    (run / "checkpoints" / "last.json").write_text("{}", encoding="utf-8")
    seen.append(Traces.of(project))
    (run / "alive.json").unlink()
    seen.append(Traces.of(project))
    assert len(set(seen)) == 4
    assert Traces.of(project) == seen[-1]

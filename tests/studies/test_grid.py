"""The runner: nothing twice, nothing lost."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from napari_progseg.errors import UserError
from napari_progseg.project import Project
from napari_progseg.studies import grid
from napari_progseg.studies.grid import Cell, CellBegan, CellScored, GridEvent, RunBegan, run_grid, run_of
from napari_progseg.studies.history import history_of
from napari_progseg.studies.rows import RowFile
from napari_progseg.training.events import Event, StepDone
from napari_progseg.training.watch import status

CellsOf = Callable[..., tuple[Cell, ...]]
ALL = ("Seg", "SegPretrained", "SegInter", "SegPretrainedInter")


def done(project: Project, cells: tuple[Cell, ...], out: Path) -> list[GridEvent]:
    return list(run_grid(project, cells, RowFile(out), device="cpu"))


def only(events: list[GridEvent], kind: type) -> list[GridEvent]:
    return [event for event in events if isinstance(event, kind)]


def test_all_groups_run_once_and_share_a_restoration_run(project: Project, cells_of: CellsOf, tmp_path: Path) -> None:
    cells = cells_of(groups=ALL, patients=(2,))
    events = done(project, cells, tmp_path / "out")
    assert [event.cell.group for event in only(events, CellScored)] == list(ALL)
    trained = [event.cell.group for event in only(events, RunBegan)]
    assert trained == ["Seg", "Pretraining", "SegPretrained", "SegInter", "SegPretrainedInter"]
    rows = RowFile(tmp_path / "out").read()
    assert list(rows) == [cell.key for cell in cells]
    for cell, row in zip(cells, rows.values(), strict=True):
        assert {score.case for score in row.scores} == set(cell.test)
        assert row.measures == (("0", "1", "emptied", "1 emptied") if "Inter" in row.group else ("0", "emptied"))
        assert [point.step for point in row.curve] == [1, 2, 3]
        assert (row.cost.steps, row.cost.voxels) == (3, 3 * 4 * 16 * 16)
        assert (row.start_cost is not None) == ("Pretrained" in row.group)
        run = run_of(project, cell)
        assert run is not None
        assert len(list((run / "checkpoints").glob("step-*"))) == 1
    assert [event.seconds_left for event in only(events, CellScored)][-1] == 0
    assert all(event.seconds_left > 0 for event in only(events, CellBegan)[1:])

    again = done(project, cells, tmp_path / "out")
    assert again == []


def test_copied_rows_go_on_in_a_fresh_project(
    project: Project, cells_of: CellsOf, cohort: Path, tmp_path: Path
) -> None:
    cells = cells_of(patients=(1, 2))
    done(project, cells[:1], tmp_path / "out")
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(tmp_path / "out" / "rows.jsonl", tmp_path / "elsewhere")
    fresh = Project.create(tmp_path / "fresh", cohort / "images", cohort / "labels")
    events = done(fresh, cells, tmp_path / "elsewhere")
    assert [event.cell for event in only(events, RunBegan)] == [cells[1]]
    assert [event.done for event in only(events, CellScored)] == [2]


def test_a_stop_saves_and_the_next_call_takes_no_step_twice(
    project: Project, cells_of: CellsOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_progseg.training.run._REQUEST_SECONDS", 0.0)
    monkeypatch.setattr("napari_progseg.training.keeper._FLUSH_SECONDS", 0.0)
    cells = cells_of(patients=(1, 2), steps=8)
    taken: list[int] = []

    def count(events: Iterator[GridEvent]) -> None:
        for event in events:
            match event:
                case StepDone(step=step):
                    taken.append(step)

    count(run_grid(project, cells, RowFile(tmp_path), device="cpu", stopping=lambda: len(taken) >= 3))
    run = run_of(project, cells[0])
    assert run is not None
    assert status(run).state == "stopped"
    assert taken[-1] < 8
    assert not RowFile(tmp_path).read()
    count(run_grid(project, cells[:1], RowFile(tmp_path), device="cpu"))
    assert taken == list(range(1, 9))
    assert len(project.runs()) == 1
    (row,) = RowFile(tmp_path).read().values()
    assert row.cost.steps == 8
    assert row.cost == history_of(run)[1]


def test_a_killed_run_is_taken_up_again(
    project: Project, cells_of: CellsOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever breaks the loop leaves a checkpoint, and no row."""
    (cell,) = cells_of(patients=(1,), steps=6)
    real = grid.execute

    def breaking(run_dir: Path) -> Iterator[Event]:
        for event in real(run_dir):
            yield event
            if isinstance(event, StepDone) and event.step >= 2:
                raise RuntimeError("the power is gone")

    monkeypatch.setattr(grid, "execute", breaking)
    with pytest.raises(RuntimeError, match="power"):
        done(project, (cell,), tmp_path)
    assert not RowFile(tmp_path).read()
    monkeypatch.setattr(grid, "execute", real)
    done(project, (cell,), tmp_path)
    assert len(project.runs()) == 1
    (row,) = RowFile(tmp_path).read().values()
    assert row.cost.steps == 6


def test_a_trained_run_without_a_row_is_only_scored(project: Project, cells_of: CellsOf, tmp_path: Path) -> None:
    cells = cells_of(patients=(1,))
    done(project, cells, tmp_path / "out")
    events = done(project, cells, tmp_path / "other")
    assert not only(events, RunBegan)
    first, second = (next(iter(RowFile(tmp_path / name).read().values())) for name in ("out", "other"))
    assert first.scores == second.scores
    assert first.key == second.key


def test_a_run_that_learned_from_its_test_cases_gets_no_row(
    project: Project, cells_of: CellsOf, tmp_path: Path
) -> None:
    (cell,) = cells_of(patients=(1,))
    leaking = replace(cell, test=(*cell.test, *cell.config.train))
    with pytest.raises(UserError, match=f"trained on its test cases {cell.config.train[0]}; no row was written"):
        done(project, (leaking,), tmp_path)
    assert not RowFile(tmp_path).read()


def test_a_cell_is_known_by_its_settings_cases_and_clicks(cells_of: CellsOf) -> None:
    (cell,) = cells_of(patients=(1,))
    others = [
        replace(cell, test=cell.test[:1]),
        replace(cell, clicks=(0, 1)),
        replace(cell, start=cell),
        replace(cell, seed=4),
        replace(cell, config=cell.config.model_copy(update={"seed": 4})),
    ]
    assert len({each.key for each in [cell, *others]}) == 6
    assert replace(cell).key == cell.key

"""Cells of a study, and the runner that trains and scores those that have no row yet."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ..errors import UserError
from ..inference.cases import ReferenceCase, project_cases
from ..project import Project
from ..storage.atomic import DamagedFileError, read_json
from ..storage.checkpoint import prune
from ..training.checks import remembered
from ..training.config import RunConfig
from ..training.events import Event
from ..training.run import create_run, execute
from ..training.watch import request, status
from .history import history_of
from .machine import machine_sentence, versions
from .rows import Document, Key, Row, RowFile, bare, fingerprint
from .scoring import Scored, scored_run


@dataclass(frozen=True)
class Cell:
    """One run of a study; what it is called and where it lies is not its concern.

    Parameters
    ----------
    study, group : str
        What is studied, and which arm this is.
    patients, seed : int
        Training cases, and the seed that drew them.
    config : RunConfig
        Its settings; name, device and `init` are filled in when it runs.
    test : tuple of str
        Cases it is scored on; empty for a run that only others begin with.
    clicks : tuple of int
        Numbers of simulated clicks it is scored at, where it is interactive.
    start : Cell or None
        The run whose weights it begins with; several cells may share one.
    labels : dict or None
        How the labels it learns from were made, as JSON, where they are not those of the project.
    """

    study: str
    group: str
    patients: int
    seed: int
    config: RunConfig
    test: tuple[str, ...] = ()
    clicks: tuple[int, ...] = (0,)
    start: Cell | None = None
    labels: Document | None = None

    @cached_property
    def document(self) -> Document:
        """All that decides its scores, as JSON."""
        made = {} if self.labels is None else {"labels": self.labels}
        return {
            "config": bare(self.config),
            "test": list(self.test),
            "clicks": list(self.clicks),
            "start": None if self.start is None else self.start.document,
            **made,
        }

    @cached_property
    def key(self) -> Key:
        """Which row is its own."""
        return Key(self.study, self.group, self.patients, self.seed, fingerprint(self.document))

    @property
    def name(self) -> str:
        """Name of its run folder after the number."""
        return f"{self.study}-{self.group}-n{self.patients}-s{self.seed}-{self.key.digest[:8]}"

    @property
    def budget(self) -> float:
        """Steps or seconds it may take."""
        budget = self.config.budget
        return float(budget.steps or 60 * (budget.minutes or 0))


@dataclass(frozen=True)
class CellBegan:
    """A cell is taken up; `seconds_left` for it and all that follow, None while nothing is known."""

    cell: Cell
    done: int
    total: int
    seconds_left: float | None


@dataclass(frozen=True)
class RunBegan:
    """A run of the cell, or of one it starts from, trains in `run_dir`."""

    cell: Cell
    run_dir: Path


@dataclass(frozen=True)
class CellScored:
    """The row of a cell is on the disk."""

    cell: Cell
    row: Row
    done: int
    total: int
    seconds_left: float | None


GridEvent = CellBegan | RunBegan | CellScored | Event


class Stopped(Exception):  # noqa: N818  (a wish, no error)
    """The user wants to go on later."""


def run_grid(
    project: Project,
    cells: Sequence[Cell],
    rows: RowFile,
    *,
    device: str = "auto",
    stopping: Callable[[], bool] = lambda: False,
) -> Iterator[GridEvent]:
    """Train and score, in order, every cell without a row; what was begun before goes on from its checkpoint.

    Parameters
    ----------
    project : Project
        Runs become run folders of it.
    cells : sequence of Cell
        In the order of work.
    rows : RowFile
        Gets a row a cell; whatever it holds is not repeated.
    stopping : callable
        Asked between steps and between test cases; once it says True the run is saved and the iterator ends.

    Yields
    ------
    CellBegan, RunBegan, CellScored, or an event of a run

    Raises
    ------
    UserError
        If a run fails; rows that are there are safe.
    """
    known = rows.read()
    waiting = [cell for cell in cells if cell.key not in known]
    work = Work(project, rows, device, stopping)
    done, total = len(cells) - len(waiting), len(cells)
    try:
        for number, cell in enumerate(waiting):
            yield CellBegan(cell, done + number, total, work.pace.left(waiting[number:]))
            row = yield from work.row_of(cell)
            yield CellScored(cell, row, done + number + 1, total, work.pace.left(waiting[number + 1 :]))
    except Stopped:
        return


def run_of(project: Project, cell: Cell) -> Path | None:
    """Find the run folder of a cell."""
    return next((run for run in project.runs() if run.name.partition("-")[2] == cell.name), None)


@dataclass
class Pace:
    """How long a unit of budget took so far, by group."""

    units: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    trained: set[Key] = field(default_factory=set)

    def add(self, cell: Cell, seconds: float) -> None:
        """Remember a cell's own time."""
        self.units[cell.group] += cell.budget
        self.seconds[cell.group] += seconds
        self.trained.add(cell.key)

    def left(self, cells: Sequence[Cell]) -> float | None:
        """Forecast the seconds that cells, and the runs they start from, will take."""
        if not self.seconds:
            return None
        starts = {cell.start.key: cell.start for cell in cells if cell.start is not None}
        runs = [*cells, *(start for key, start in starts.items() if key not in self.trained)]
        everywhere = sum(self.seconds.values()) / sum(self.units.values())
        rate = {group: self.seconds[group] / self.units[group] for group in self.seconds}
        return sum(run.budget * rate.get(run.group, everywhere) for run in runs)


class Work:
    """Trains and scores one cell after the other; raises `Stopped` once `stopping` says so.

    Parameters
    ----------
    project : Project
        Whose cases train; runs become run folders of it.
    tested : Project or None
        Whose cases are scored; None: the same.
    pace : Pace or None
        What is known of the time cells take.
    """

    def __init__(
        self,
        project: Project,
        rows: RowFile,
        device: str,
        stopping: Callable[[], bool],
        *,
        tested: Project | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._project, self._rows, self._device, self._stopping = project, rows, device, stopping
        self._tests_on = tested or project
        self._cases: dict[tuple[str, ...], tuple[ReferenceCase, ...]] = {}
        self.pace = pace or Pace()

    def row_of(self, cell: Cell) -> Generator[GridEvent, None, Row]:
        """Bring one cell to its row."""
        run_dir = yield from self.trained(cell)
        began = time.monotonic()
        scored = scored_run(run_dir, self._tested(cell), cell.clicks, self._device, self.heed)
        seconds = time.monotonic() - began
        row = self._row(cell, run_dir, scored, seconds)
        self._rows.append(row)
        self.pace.add(cell, row.cost.seconds + row.cost.validation_seconds + seconds)
        return row

    def trained(self, cell: Cell) -> Generator[GridEvent, None, Path]:
        """Train a cell's run to its end, after the run it starts from."""
        run_dir = run_of(self._project, cell)
        if run_dir is None or status(run_dir).state != "finished":
            start = None if cell.start is None else (yield from self.trained(cell.start))
            run_dir = run_dir or create_run(self._project, self._config(cell, start))
            yield RunBegan(cell, run_dir)
            yield from self._executed(run_dir)
            _slim(run_dir)
        if not cell.test and cell.key not in self.pace.trained:
            cost = history_of(run_dir)[1]
            self.pace.add(cell, cost.seconds)
        return run_dir

    def _config(self, cell: Cell, start: Path | None) -> RunConfig:
        filled = {"name": cell.name, "device": self._device, "init": None if start is None else str(start.resolve())}
        return RunConfig.model_validate({**cell.config.model_dump(), **filled})

    def _executed(self, run_dir: Path) -> Iterator[Event]:
        self.heed()
        for event in execute(run_dir):
            if self._stopping():
                request(run_dir, want="stop")
            yield event
        if status(run_dir).state != "finished":
            raise Stopped

    def heed(self) -> None:
        """Raise `Stopped` where the user wants to go on later."""
        if self._stopping():
            raise Stopped

    def _tested(self, cell: Cell) -> tuple[ReferenceCase, ...]:
        if cell.test not in self._cases:
            self._cases = {cell.test: remembered(project_cases(self._tests_on, cell.test))}
        return self._cases[cell.test]

    def _row(self, cell: Cell, run_dir: Path, scored: Scored, seconds: float) -> Row:
        if scored.left_out:
            raise UserError(
                f"{run_dir.name} was trained on its test cases {', '.join(scored.left_out)}; no row was written; "
                "delete that run and start the study again"
            )
        curve, cost = history_of(run_dir)
        start = None if cell.start is None else run_of(self._project, cell.start)
        return Row(
            **cell.key._asdict(),
            document=cell.document,
            train=cell.config.train,
            dims=scored.dims,
            scores=scored.scores,
            curve=curve,
            curve_clicks=cell.config.validate_on.clicks if cell.config.task == "interactive" else 0,
            cost=cost,
            start_cost=None if start is None else history_of(start)[1],
            evaluation_seconds=seconds,
            machine=machine_sentence(self._device),
            versions=versions(),
        )


def _slim(run_dir: Path) -> None:
    """Keep one checkpoint of a finished run, the best: a study has many."""
    folder = run_dir / "checkpoints"
    try:
        prune(folder, 0, {read_json(folder / "best.json")["checkpoint"]})
    except (FileNotFoundError, DamagedFileError, KeyError):
        prune(folder, 1)

"""The runs of a project: start, pause, stop, follow, list, delete."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, Signal

from ..errors import UserError
from ..project import Project
from ..storage.atomic import delete_folder, read_json
from ..training.config import RunConfig, ShapeConfig
from ..training.offer import OFFER, Offer, read_offer
from . import engine
from .background import Background, Job, Problem, called
from .bridge import News, Triplet, following
from .feed import RunFeed
from .modes import MODES, Mode, mode_of

LIVE = ("running", "paused", "new")


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as the table shows it."""

    path: Path
    name: str
    mode: Mode
    state: str
    step: int
    patients: int
    seconds: float
    dice: float | None
    trained: bool  # it has a checkpoint
    start: Path | None = None
    start_knows_structures: bool = False
    offer: Offer | None = None  # of a model that was trained beside the work
    mm: float | None = None  # of a model of shapes: distance of surfaces
    shape: ShapeConfig | None = None  # of a model of shapes: how it learned them

    @property
    def task(self) -> str:
        """What its network has learned."""
        return self.mode.task

    @property
    def usable(self) -> bool:
        """Whether its model can segment."""
        return self.trained and self.mode.segments

    @property
    def knows_shapes(self) -> bool:
        """Whether its model can predict the shape of a patient."""
        return self.trained and self.task == "shape"

    @property
    def held_back(self) -> bool:
        """Whether it answers only once the user says so."""
        return self.offer is not None and self.offer.answer != "used"


class Runs(QObject):
    """The runs of the open project and the one that is followed. Lives on the GUI thread."""

    listed = Signal()
    news = Signal()  # the feed changed
    previewed = Signal(object)  # Preview
    improved = Signal()  # a run wrote a checkpoint, so better models may be there
    failed = Signal(str)

    def __init__(self, background: Background) -> None:
        super().__init__()
        self._background = background
        self._following: Job | None = None
        self._listing: Job | None = None
        self.project: Project | None = None
        self.rows: tuple[RunRow, ...] = ()
        self.feed: RunFeed | None = None
        self.run: Path | None = None
        self.triplet: Triplet | None = None
        self.starting = False

    def set_project(self, project: Project | None) -> None:
        """Show the runs of another project; a run that is alive there is followed."""
        self.detach()
        self.project, self.rows = project, ()
        self.feed = self.run = self.triplet = None
        self.news.emit()
        self.refresh()

    # --- the list -----------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Read the list of runs again, in the background."""
        if self._listing is not None:
            self._listing.cancel()  # it may have looked before what is new
        if self.project is None:
            self.listed.emit()
        else:
            self._listing = self._background.start("listing the runs", called(list_runs, self.project), self._listed)

    def _listed(self, rows: Any) -> None:
        if isinstance(rows, Problem):
            self.failed.emit(rows.text)
            return
        self.rows = rows
        alive = [row for row in rows if row.state in LIVE]
        if alive and not self.live:
            self.attach(alive[-1].path)
        elif self.run is None and rows:
            self.attach(rows[-1].path)  # an ended run: its curves are shown
        self.listed.emit()

    def delete(self, row: RunRow) -> None:
        """Delete a run folder; a running one is refused."""
        if row.state in LIVE or (self.run == row.path and self.live):
            self.failed.emit(f"{row.name} is still running, so it was not deleted. Stop it first.")
            return
        if self.run == row.path:
            self.detach()
            self.run = self.feed = self.triplet = None
            self.news.emit()
        self._background.start(f"deleting {row.name}", called(delete_folder, row.path), self._failed_only, self.refresh)

    def _failed_only(self, value: Any) -> None:
        if isinstance(value, Problem):
            self.failed.emit(value.text)

    # --- one run ------------------------------------------------------------------------------------------------

    @property
    def live(self) -> bool:
        """Whether the followed run goes on (also while it is paused)."""
        return self.feed is not None and not self.feed.ended and self._following is not None

    @property
    def shows_live(self) -> bool:
        """Whether the followed run may show what it predicts now; one beside the work never touches the screen."""
        return self.live and self.feed.state == "running" and not self.feed.beside

    def start(self, config: RunConfig, first: Callable[[], None]) -> None:
        """Make a run and start it, once `first` has returned in the worker; follows it as soon as it is there."""
        self._start(_after(first, engine.start_run), config)

    def adapt(
        self,
        source: Path,
        train: Sequence[str],
        validation: Sequence[str],
        minutes: float,
        first: Callable[[], None],
    ) -> None:
        """Start a run that adapts a model of another centre, once `first` has returned in the worker."""
        self._start(_after(first, engine.start_adaptation), source, train, validation, minutes)

    def update(self, source: Path, refused: Callable[[str], None]) -> None:
        """Start a run that trains the model of another one further; `refused` hears why that cannot be."""
        self._start(engine.start_update, source, refused=refused)

    def _start(self, make: Callable[..., Path], *asked: Any, refused: Callable[[str], None] | None = None) -> None:
        if self.project is None or self.starting:
            return
        self.starting = True
        self.news.emit()
        steps = called(make, self.project, *asked, threads())
        self._background.start("starting a run", steps, lambda run_dir: self._started(run_dir, refused))

    def _started(self, run_dir: Any, refused: Callable[[str], None] | None = None) -> None:
        self.starting = False
        if isinstance(run_dir, Problem):
            (refused or self.failed.emit)(run_dir.text)
            self.news.emit()
            return
        self.attach(run_dir)
        self.refresh()

    def resume(self, row: RunRow) -> None:
        """Go on with a run that was stopped, failed or died, from its newest checkpoint."""
        if self.starting or self.live:
            self.failed.emit("A run is being trained already, so nothing was started. Stop it first.")
            return
        self.starting = True
        self.news.emit()
        self._background.start("resuming a run", called(engine.resume_run, row.path, threads()), self._started)

    def attach(self, run_dir: Path) -> None:
        """Follow a run from its first event."""
        self.detach()
        self.run = run_dir
        self.triplet = None
        self.feed = feed_of(run_dir)
        self._following = self._background.start(
            f"following {run_dir.name}", following(run_dir), self._news, self._ended
        )
        self.news.emit()

    def detach(self) -> None:
        """Stop following; the run itself goes on."""
        if self._following is not None:
            self._following.cancel()
            self._following = None

    def pause(self) -> None:
        """Pause the run, or let it go on."""
        if self.live:
            self._request(want="run" if self.feed.state == "paused" else "pause")

    def stop(self) -> None:
        """Stop the run; it saves its state and can be resumed."""
        if self.live:
            self._request(want="stop")

    def preview(self, case_id: str) -> None:
        """Ask the run to keep predicting this case."""
        if self.live:
            self._request(preview=case_id)

    def _request(self, want: str | None = None, preview: str | None = None) -> None:
        try:
            engine.request(self.run, want, preview)
        except (UserError, OSError) as error:
            self.failed.emit(str(error))

    def _news(self, news: News | Problem) -> None:
        if isinstance(news, Problem):
            self.failed.emit(news.text)
            return
        before = (self.feed.checkpoint_step, self.feed.best, self.feed.state)
        self.feed.update(news.events)
        if (self.feed.checkpoint_step, self.feed.best) != before[:2]:
            self.improved.emit()
        if news.preview is not None:
            self.previewed.emit(news.preview)
        self.triplet = news.triplet or self.triplet
        if self.feed.state == "failed" != before[2]:
            self.failed.emit(self.feed.message)
        self.news.emit()

    def _ended(self) -> None:
        self._following = None
        if self.feed is not None and not self.feed.ended:
            self.feed.state = "dead"
        self.news.emit()
        self.refresh()


def _after(first: Callable[[], None], make: Callable[..., Path]) -> Callable[..., Path]:
    def both(*asked: Any) -> Path:
        first()
        return make(*asked)

    return both


def list_runs(project: Project) -> tuple[RunRow, ...]:
    """Read what the table of runs shows, oldest first; unreadable runs are left out. Runs in a worker."""
    rows = []
    for path in project.runs():
        try:
            state = engine.status(path)
        except (UserError, OSError, ValueError):
            continue
        feed = feed_of(path)
        there = feed.start is not None and (feed.start / "config.json").exists()
        rows.append(
            RunRow(
                path,
                path.name,
                feed.mode,
                state.state,
                state.step,
                len(state.train_cases),
                state.seconds,
                state.best_dice,
                engine.has_model(path),
                feed.start if there else None,
                there and feed_of(feed.start).mode.segments,
                read_offer(path),
                _best_mm(path) if feed.shapes else None,
                feed.shape,
            )
        )
    return tuple(rows)


def _best_mm(run_dir: Path) -> float | None:
    """Return the distance in mm of the best checkpoint of a run over shapes."""
    with suppress(UserError, OSError, ValueError):
        return read_json(run_dir / "checkpoints" / "best.json").get("mm")
    return None


def models_of(rows: Sequence[RunRow], chosen: Path | None) -> tuple[Path | None, Path | None]:
    """Return the runs that answer clicks and predict: the chosen one where it can, else the newest not held back."""
    usable = [row for row in rows if row.usable]  # not those that restore images or predict shapes
    free = [row for row in usable if not row.held_back]
    picked = [row for row in usable if row.path == chosen]
    clicking = [row for part in (free, picked) for row in part if row.task == "interactive"]
    predicting = [*free, *picked]
    return clicking[-1].path if clicking else None, predicting[-1].path if predicting else None


def feed_of(run_dir: Path) -> RunFeed:
    """Return what is known of a run from its settings alone."""
    try:
        config = RunConfig.model_validate_json((run_dir / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return RunFeed(run_dir.name, MODES["segmentation"])
    start = None if config.init is None else Path(config.init)
    beside = (run_dir / OFFER).exists()
    shape = config.shape if config.task == "shape" else None
    return RunFeed(run_dir.name, mode_of(config), config.train, start, config.restoration.loss, beside, shape)


def threads() -> int:
    """Return how many threads a run may use so that the window stays quick."""
    return max(1, (os.cpu_count() or 2) - 1)

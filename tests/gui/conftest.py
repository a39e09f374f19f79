"""A project of small made-up scans, a fake engine that needs no torch, and a guard against running workers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

from napari_progseg.geometry import Geometry
from napari_progseg.gui.edits import journal
from napari_progseg.gui.past import recover
from napari_progseg.guidance.prompts import Prompt, clicks_in
from napari_progseg.project import Project
from napari_progseg.suggest.choice import open_cases
from napari_progseg.suggest.suggestion import Suggestion
from napari_progseg.training.advice import Cost
from napari_progseg.training.config import RunConfig, preset_config
from napari_progseg.training.events import Event, Finished, Previewed, Restored, Started, StepDone, Validated
from napari_progseg.training.offer import Offer, write_offer
from napari_progseg.volume import LabelMap

from .hand import Hand

SHAPE = (12, 20, 16)
SPACING = (3.0, 1.0, 1.0)
BALL = (slice(4, 9), slice(6, 14), slice(4, 12))


@pytest.fixture(autouse=True)
def no_running_workers(request):
    """Fail a GUI test that leaves a worker running."""
    yield
    if "qapp" in request.fixturenames:
        from superqt.utils._qthreading import WorkerBase  # no public accessor upstream

        running = [worker for worker in WorkerBase._worker_set if worker.is_running]
        WorkerBase.await_workers(5_000)
        assert not running


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, tmp_path):
    """Keep the user's own settings and data out of the tests."""
    from napari_progseg.gui import recent

    monkeypatch.setattr(recent.platformdirs, "user_config_path", lambda app: tmp_path / "config")
    monkeypatch.setattr(recent.platformdirs, "user_data_path", lambda app: tmp_path / "data")


def write_scan(folder: Path, name: str, labelled: bool, values: tuple[int, ...] = (1,)) -> None:
    """Write one scan with a bright box, and its label."""
    rng = np.random.default_rng(len(name))
    image = rng.normal(0, 20, SHAPE).astype(np.int16)
    labels = np.zeros(SHAPE, np.uint8)
    for n, value in enumerate(values):
        box = tuple(slice(part.start, part.stop) for part in BALL)
        box = (slice(BALL[0].start + n * 2, BALL[0].stop), *box[1:])
        image[box] += 500
        labels[box] = value
    geometry = Geometry.from_spacing(SHAPE, SPACING)
    for kind, array in (("images", image), ("labels", labels)):
        if kind == "images" or labelled:
            (folder / kind).mkdir(parents=True, exist_ok=True)
            stored = nib.Nifti1Image(np.ascontiguousarray(geometry.from_canonical(array)), geometry.affine_ras)
            nib.save(stored, folder / kind / f"{name}.nii.gz")


@pytest.fixture
def cohort(tmp_path) -> Path:
    """Four scans, three of them labelled with the values 1 and 2."""
    folder = tmp_path / "cohort"
    for number in range(4):
        write_scan(folder, f"case-{number}", labelled=number < 3, values=(1, 2))
    return folder


@pytest.fixture
def project(cohort) -> Project:
    """A project of that cohort with the classes left and right."""
    return Project.create(cohort / "project", cohort / "images", cohort / "labels", {"left": (1,), "right": (2,)})


class FakeSession:
    """Answers a click with a plane of its label."""

    delay = 0.0
    doubts = ()
    seen: list[int] = []  # noqa: RUF012  reset by the fixture
    local: list[bool] = []  # noqa: RUF012  reset by the fixture
    asked: list[tuple[Prompt, ...]] = []  # noqa: RUF012  reset by the fixture

    def __init__(self, model) -> None:
        self.images = 0

    def set_image(self, volume) -> None:
        self.images += 1

    def answer(self, clicks, revision, current=None, *, local=True):
        time.sleep(self.delay)
        self.seen.append(revision)
        self.local.append(local)
        newest = clicks_in(clicks)[-1]
        z, _, _ = newest.voxel_zyx
        labels = np.full((1, 4, 4), newest.label if newest.inside else 0, np.uint8)
        return SimpleNamespace(
            patches=(((slice(z, z + 1), slice(0, 4), slice(0, 4)), labels),), doubts=self.doubts, seconds=self.delay
        )


class FakeStarter(FakeSession):
    """Answers as the starter does: a box of several slices around each prompt."""

    def __init__(self) -> None:
        super().__init__(None)

    def answer(self, prompts, revision, current=None, *, local=True):
        self.asked.append(tuple(prompts))
        newest = clicks_in(prompts)[-1]
        z, y, x = newest.voxel_zyx
        region = (slice(max(0, z - 1), z + 2), slice(max(0, y - 2), y + 3), slice(max(0, x - 2), x + 3))
        shape = [min(part.stop, size) - part.start for part, size in zip(region, SHAPE, strict=True)]
        labels = np.full(shape, newest.label if newest.inside else 0, np.uint8)
        region = tuple(slice(part.start, part.start + size) for part, size in zip(region, shape, strict=True))
        return SimpleNamespace(patches=((region, labels),), doubts=(), seconds=0.1)


class FakeEngine:
    """Stands in for `napari_progseg.gui.engine`: runs that are only lists of events."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str | None, str | None]] = []
        self.states: dict[str, str] = {}
        self.events: dict[str, list[Event]] = {}
        self.started: list[RunConfig] = []
        self.configs: dict[str, RunConfig] = {}
        self.searches: list[tuple[str, str | None]] = []
        self.rehearsed: list[RunConfig] = []
        self.judgements: list[Offer] = []
        self.starter = False
        self.starters = 0
        self.lessons: list[int] = []
        self.distrusted = False

    def suggest_cases(self, project, by, run, progress, cancelled) -> tuple[Suggestion, ...]:
        self.searches.append((by, None if run is None else run.name))
        return tuple(
            Suggestion(case, by, None, f"number {place} by {by}")
            for place, case in enumerate(reversed(open_cases(project)), 1)
        )

    def add_run(self, project: Project, name: str, task: str, state: str = "finished") -> Path:
        config = preset_config("tiny", task, train=("case-0",), budget={"minutes": 1})
        return self.add_configured(project, name, config, state)

    def add_configured(self, project: Project, name: str, config: RunConfig, state: str = "finished") -> Path:
        run = project.runs_dir / name
        run.mkdir(parents=True)
        (run / "config.json").write_text(config.model_dump_json(), encoding="utf-8")
        self.states[name] = state
        self.configs[name] = config
        events = {"restoration": restoring_events, "shape": shape_events}.get(config.task, some_events)
        self.events.setdefault(name, events())
        return run

    def add_preview(self, run: Path, labels: np.ndarray, case: str) -> None:
        """Let the run show the live prediction of a case."""
        (run / "preview").mkdir(exist_ok=True)
        np.savez_compressed(run / "preview" / "1.npz", labels=labels)
        self.events[run.name].append(Previewed(40, 1, case, "preview/1.npz", {}))

    def add_triplet(self, run: Path, case: str, step: int = 40) -> dict[str, np.ndarray]:
        """Let the run show a restored slice of a case."""
        rng = np.random.default_rng(step)
        names = ("original", "distorted", "restored")
        arrays = {name: rng.integers(0, 256, (24, 32), dtype=np.uint8) for name in names}
        (run / "preview").mkdir(exist_ok=True)
        np.savez_compressed(run / "preview" / f"{step:06d}.npz", **arrays, case=case, step=step)
        self.events[run.name].append(Restored(step, step, case, f"preview/{step:06d}.npz"))
        return arrays

    def prepare(self) -> str:
        return "CPU · 2 threads"

    def starter_available(self) -> bool:
        return self.starter

    def starter_session(self, known=None) -> FakeStarter:
        self.starters += 1
        self.known = known or {}
        return FakeStarter()

    def learn_completed(self, project, pause) -> Iterator[dict[int, SimpleNamespace]]:
        """Learn structure 1 from each completed patient; it is trusted but where `distrusted` says otherwise."""
        self.lessons.append(len(project.completed))
        for number in range(1, len(project.completed) + 1):
            pause()
            yield {1: SimpleNamespace(comparisons=(None,) * number, trusted=not self.distrusted)}

    def load_trained(self, run: Path):
        return SimpleNamespace(name=run.name, step=1200, dice=0.87, config=None)

    def make_session(self, model, *, own_mask=False) -> FakeSession:
        self.own_mask = own_mask
        return FakeSession(model)

    def predict_volume(self, model, volume, progress, cancelled, seen=None) -> LabelMap:
        labels = np.zeros(volume.image.shape, np.uint8)
        for z in range(len(labels)):
            if cancelled():
                raise InterruptedError
            labels[z] = volume.image[z] > 250
            if seen is not None:
                # unsure of slice 6 alone, and there of what it marks
                plane = np.where(labels[z : z + 1] > 0, 0.6 if z == 6 else 1.0, 0.0)
                seen((slice(z, z + 1), slice(0, SHAPE[1]), slice(0, SHAPE[2])), plane[None].astype(np.float32))
            progress((z + 1) / len(labels))
        return LabelMap(labels, volume.geometry)

    def start_run(self, project, config, threads) -> Path:
        self.started.append(config)
        return self.add_configured(project, f"{len(project.runs()) + 1:04d}-{config.name}", config, "running")

    def rehearse(self, project, config, threads, cancelled) -> Cost:
        self.rehearsed.append(config)
        return Cost(device="cpu", seconds_a_step=0.5, memory_bytes=2_100_000_000, preparation_seconds=60.0)

    def start_update(self, project, source, threads) -> Path:
        config = preset_config("tiny", "interactive", name="update", init=str(source), budget={"minutes": 2})
        run = self.start_run(project, config, threads)
        write_offer(run, Offer(start=source.name))
        return run

    def judge_update(self, project, source, run) -> Offer:
        offer = self.judgements.pop(0).model_copy(update={"start": source.name})
        write_offer(run, offer)
        return offer

    def request(self, run, want=None, preview=None) -> None:
        self.requests.append((run.name, want, preview))
        if want == "stop":
            self.states[run.name] = "stopped"

    def follow(self, run: Path) -> Iterator[Event | None]:
        yield from self.events[run.name]
        while self.states[run.name] == "running":
            time.sleep(0.02)
            yield None
        yield Finished(40, 4.0, "stopped" if self.states[run.name] == "stopped" else "budget", 0.8)

    def status(self, run: Path):
        return SimpleNamespace(
            task=self.configs[run.name].task,
            state=self.states[run.name],
            step=40,
            seconds=60.0,
            best_dice=None if self.configs[run.name].task in ("restoration", "shape") else 0.8,
            train_cases=self.configs[run.name].train,
        )

    def has_model(self, run: Path) -> bool:
        return True


def some_steps() -> list[Event]:
    return [StepDone(n, n / 100, 1 / n, 1e-3, n * 0.1, 0, (8, 8), 4, 2) for n in range(1, 41)]


def some_events() -> list[Event]:
    cases = {"case-1": {"left": 0.8, "right": None}}
    start = Started(0, "Learn from 2 patients.", "cpu")
    return [start, *some_steps(), Validated(40, 0.4, 4.0, 0.8, cases, True)]


def shape_events() -> list[Event]:
    distances = [(20, 0.9), (40, 0.43)]
    validated = [
        Validated(n, n / 100, n / 10, None, {}, True, mean_mm=mm, surfaces={"case-1": mm}) for n, mm in distances
    ]
    return [Started(0, "Learn a shape.", "cpu"), *some_steps(), *validated]


def restoring_events() -> list[Event]:
    return [Started(0, "4 MR cases, volumes (3D).", "cpu"), *some_steps()]


@pytest.fixture
def engine(monkeypatch) -> FakeEngine:
    """Replace the door to torch."""
    from napari_progseg.gui import engine as real

    fake = FakeEngine()
    replaced = ("prepare", "load_trained", "make_session", "predict_volume", "start_run", "request", "follow", "status")
    more = ("has_model", "suggest_cases", "rehearse", "start_update", "judge_update")
    more += ("starter_available", "starter_session", "learn_completed")
    for name in (*replaced, *more):
        monkeypatch.setattr(real, name, getattr(fake, name))
    FakeSession.delay = 0.0
    FakeSession.doubts = ()
    FakeSession.seen = []
    FakeSession.local = []
    FakeSession.asked = []
    return fake


@pytest.fixture
def dock(make_napari_viewer_proxy, engine, qtbot):
    """The dock in a real viewer, with all its work ended afterwards."""
    from napari_progseg.gui import ProgSegDock

    viewer = make_napari_viewer_proxy()
    dock = ProgSegDock(viewer)
    viewer.window.add_dock_widget(dock)
    yield dock
    dock.desk.close()
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)


@pytest.fixture
def opened(dock, project, qtbot):
    """The dock with case-0 open."""
    open_case(dock, project, qtbot, "case-0")
    return dock


@pytest.fixture
def hand(make_napari_viewer_proxy, engine, project, qtbot):
    """A hand over a shown window with case-0 open and an interactive run."""
    from napari_progseg.gui import ProgSegDock

    engine.add_run(project, "0001-inter", "interactive")
    viewer = make_napari_viewer_proxy(show=True)
    dock = ProgSegDock(viewer)
    viewer.window.add_dock_widget(dock)
    open_case(dock, project, qtbot, "case-0")
    qtbot.waitUntil(lambda: dock.desk.answerer.run is not None, timeout=10_000)
    yield Hand(dock)
    dock.desk.close()
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=10_000)


def prompts_left(project: Project, case_id: str) -> tuple[Prompt, ...]:
    """Return the clicks and boxes that stood when a case was last left."""
    return recover(journal(project, case_id).read(), np.zeros(SHAPE, np.uint8)).history.prompts


def open_case(dock, project, qtbot, case_id: str) -> None:
    if dock.desk.project is None:
        assert dock.open_project(project.root)
    dock.open_case(case_id)
    qtbot.waitUntil(lambda: dock.desk.case is not None and dock.desk.case.id == case_id, timeout=10_000)

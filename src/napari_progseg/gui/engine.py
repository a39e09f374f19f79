"""The dock's one door to everything that is slow to import, such as torch; it happens in workers, where it is run."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..project import Project
from ..suggest.suggestion import Suggestion, Way
from ..training.config import RunConfig
from ..training.events import Event
from ..volume import LabelMap, Volume

if TYPE_CHECKING:
    from ..shape.distances import SurfaceDistance
    from ..training.advice import Advice, Cost
    from ..training.offer import Offer
    from .shaped import Form, Shaped


def prepare() -> str:
    """Import torch and return the device that will be used, in words. Takes seconds the first time."""
    import torch

    # now, so that the first click, with a model or without, does not wait for it
    from ..inference import session, without_model  # noqa: F401

    if starter_available():
        starter_session()
    if torch.cuda.is_available():
        return f"GPU · {torch.cuda.get_device_name(0)}"
    return f"CPU · {os.cpu_count()} threads"


def load_trained(run_dir: Path) -> Any:
    """Load the best model of a run."""
    from ..inference.model import load_trained as load

    return load(run_dir)


def make_session(model: Any, *, own_mask: bool) -> Any:
    """Build the session that answers clicks, on a mask of the user's or of a model's."""
    from ..inference.session import InteractiveSession

    return InteractiveSession(model, own_mask=own_mask)


def starter_available() -> bool:
    """Say whether the starter's weights came with the package."""
    from ..inference.starter import starter_available as available

    return available()


def starter_session(known: Mapping[int, Any] | None = None) -> Any:
    """Build the session in which the starter answers clicks, with what it learned of structures, by label value."""
    from ..inference.click_model import load_starter
    from ..inference.starter import StarterSession
    from ..training.learned_project import trusted_models

    return StarterSession(learned=trusted_models(known or {}, load_starter()))


def learn_completed(project: Project, pause: Callable[[], None]) -> Iterator[Mapping[int, Any]]:
    """Yield what the starter has learned in a project, by label value, then again after each new patient."""
    from ..inference.click_model import load_starter
    from ..training.learned_project import known_structures, learn_completed

    starter = load_starter()
    known = known_structures(project, starter)
    yield known
    yield from learn_completed(project, starter, known, pause)


def session_without_model() -> Any:
    """Build the session that answers clicks from contrast alone."""
    from ..inference.without_model import ClicksAlone

    return ClicksAlone()


def predict_volume(
    model: Any,
    volume: Volume,
    progress: Callable[[float], None],
    cancelled: Callable[[], bool],
    seen: Callable[[Any, Any], None] | None = None,
) -> LabelMap:
    """Predict a whole volume; `seen` gets every region and the class probabilities there."""
    from ..inference.predict import predict_volume as predict

    return predict(model, volume, progress=progress, cancelled=cancelled, seen=seen)


def predict_shape(run_dir: Path, volume: Volume, mirrored: bool) -> Shaped:
    """Predict points, surface and mask of a whole volume with the best model of a run; `mirrored`: the other side."""
    from ..inference.shapes import load_shapes, predict_shape
    from .shaped import shaped_of

    trained = load_shapes(run_dir)
    predicted = predict_shape(trained, volume, mirrored=mirrored)
    return shaped_of(trained.name, trained.model, predicted, volume.geometry)


def surface_distance(shaped: Shaped, labels: NDArray[Any], values: Sequence[int]) -> SurfaceDistance:
    """Measure a predicted surface against the voxels of labels, (Z, Y, X), that have one of these values."""
    from ..shape.distances import surface_distance as measure
    from ..shape.mesh import Mesh, surface_of

    surface, _ = surface_of(np.isin(labels, values), shaped.geometry.spacing_zyx_mm)
    return measure(Mesh(shaped.patient.vertices, shaped.faces), surface)


def save_shape(path: Path, shaped: Shaped, form: Form, scale: int) -> Path:
    """Write a form of a predicted shape in world mm and return the path; its ending says whether points or surface."""
    from ..shape.export import write_points, write_surface
    from ..shape.mesh import Mesh

    if path.suffix.lower() in (".ply", ".stl"):
        write_surface(path, Mesh(form.vertices, shaped.faces), shaped.geometry)
    else:
        write_points(path, form.points[scale], shaped.geometry)
    return path


def rank_cases(project: Project, progress: Callable[[float], None]) -> tuple[str, ...]:
    """Order the cases that may be learned from by how much their images are like the others."""
    from ..training.ranking import RunRanking, small_images

    return RunRanking.of(small_images(project, project.scans(), progress), ("mse", "psnr", "ssim")).cases


def suggest_cases(
    project: Project, by: Way, run: Path | None, progress: Callable[[float], None], cancelled: Callable[[], bool]
) -> tuple[Suggestion, ...]:
    """Order the cases that are not completed by what might be labelled next; empty once cancelled."""
    from ..suggest.choice import suggest

    return suggest(project, by, run=run, progress=progress, cancelled=cancelled)


def start_run(project: Project, config: RunConfig, threads: int) -> Path:
    """Make a run folder and start its detached process."""
    from ..training.run import create_run, start

    run_dir = create_run(project, config)
    start(run_dir, low_priority=True, threads=threads)
    return run_dir


def advise(project: Project, gpu: bool) -> Advice:
    """Choose what to train on the patients that are labelled now. Reads the runs; needs no torch."""
    from ..training import advice

    return advice.advise(advice.situation_of(project, gpu=gpu))


def rehearse(project: Project, config: RunConfig, threads: int, cancelled: Callable[[], bool]) -> Cost | None:
    """Measure a run with a few steps in a process of their own; None if cancelled."""
    from ..training.rehearsal import rehearse as measure

    return measure(project, config, threads=threads, cancelled=cancelled)


def start_update(project: Project, source: Path, threads: int) -> Path:
    """Start a run that trains the model in use further; it is held back until the user takes it."""
    from ..training.run import start
    from ..training.update import create_update

    run_dir = create_update(project, source)
    start(run_dir, low_priority=True, threads=threads)
    return run_dir


def judge_update(project: Project, source: Path, run: Path) -> Offer:
    """Measure an update against the model it came from, and keep what was found with it."""
    from ..training.offer import write_offer
    from ..training.update import judged

    offer = judged(project, source, run)
    write_offer(run, offer)
    return offer


def compare_runs(project: Project, before: Path, after: Path, progress: Callable[[float], None]) -> Any:
    """Measure two runs on all completed cases that neither has learned from; returns `training.adapt.Changes`."""
    from ..inference.cases import project_cases
    from ..inference.evaluate import evaluate_run
    from ..lineage import seen_cases
    from ..training import adapt
    from ..training.starts import config_of

    elsewhere = before.resolve().parents[1] != project.root.resolve()
    seen = seen_cases(after) | (frozenset() if elsewhere else seen_cases(before))
    cases = project_cases(project, adapt.held_out(project, seen))
    clicks = adapt.clicks_to_compare(config_of(after))
    first = evaluate_run(
        before, cases, clicks=clicks, elsewhere=elsewhere, progress=lambda fraction: progress(fraction / 2)
    )
    second = evaluate_run(after, cases, clicks=clicks, progress=lambda fraction: progress((1 + fraction) / 2))
    return adapt.compare(first, second)


def measure_run(project: Project, run_dir: Path, progress: Callable[[float], None]) -> dict[str, Any]:
    """Measure a run on all completed cases that it has not seen, keep the result in its folder and return it."""
    from ..inference.cases import project_cases
    from ..inference.evaluate import evaluate_run
    from ..inference.measured import CLICKS, held_out, keep

    cases = project_cases(project, held_out(project, run_dir))
    document = evaluate_run(run_dir, cases, clicks=CLICKS, progress=progress).to_json()
    keep(run_dir, document)
    return document


def start_adaptation(
    project: Project, source: Path, train: Sequence[str], validation: Sequence[str], minutes: float, threads: int
) -> Path:
    """Start a run that adapts a model of another centre, given as a run folder or a project."""
    from ..training.adapt import adaptation, source_run
    from ..training.config import BudgetConfig

    config = adaptation(project, source_run(source), train, validation, BudgetConfig(minutes=minutes))
    return start_run(project, config, threads)


def resume_run(run_dir: Path, threads: int) -> Path:
    """Start the detached process of a run that was stopped or died."""
    from ..training.run import start

    start(run_dir, low_priority=True, threads=threads)
    return run_dir


def request(run_dir: Path, want: str | None = None, preview: str | None = None) -> None:
    """Ask a run for something."""
    from ..training.watch import request as ask

    ask(run_dir, want, preview=preview)


def follow(run_dir: Path) -> Iterator[Event | None]:
    """Yield the events of a run as they come, None while there are none."""
    from ..training.watch import follow as events

    return events(run_dir, poll=0.1)


def status(run_dir: Path) -> Any:
    """Return the `RunStatus` of a run."""
    from ..training.watch import status as state

    return state(run_dir)


def has_model(run_dir: Path) -> bool:
    """Say whether a run holds a checkpoint that can answer."""
    return any((run_dir / "checkpoints" / name).exists() for name in ("best.json", "last.json"))


def predict_project(
    project: Project, run_dir: Path, progress: Callable[[Any], None], cancelled: Callable[[], bool]
) -> Iterator[Any]:
    """Predict all cases that are not completed; yields an `Outcome` each, `progress` gets the `Place`."""
    from ..inference.model import load_trained as load
    from ..inference.whole_project import predict_project as predict

    yield from predict(load(run_dir), project, progress=progress, cancelled=cancelled)


def export_project(
    project: Project,
    out: Path,
    cases: Sequence[str] | None,
    predictions: bool,
    run_dir: Path | None,
    cancelled: Callable[[], bool],
) -> Iterator[Any]:
    """Write labels, predictions and a model into a new folder; yields `inference.export.Exported`."""
    from ..inference.export import export_project as export

    return export(project, out, cases=cases, predictions=predictions, run=run_dir, cancelled=cancelled)


def write_report(
    project: Project, run_dir: Path | None, progress: Callable[[float], None], cancelled: Callable[[], bool]
) -> Path | None:
    """Measure a run and write the report of the project; None if that was cancelled."""
    from ..summary.report import NAME, summarise
    from ..summary.report import write_report as write

    summary = summarise(project, run_dir, progress=progress, cancelled=cancelled)
    return None if cancelled() else write(project, summary, project.root / NAME)

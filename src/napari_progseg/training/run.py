"""A run folder from its first file to its last checkpoint."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import torch

from ..data.plan import refuse_contradictions
from ..errors import UserError
from ..inference.model import choose_device
from ..networks.freeze import frozen, learn_only
from ..project import Project
from ..storage.atomic import read_json, write_json
from ..tasks import build_task
from .checks import Previewer, Validator
from .config import RunConfig
from .course import course_of, scheduled
from .events import Continued, Event, Failed, Finished, Paused, Said, Started
from .fit import Clock, Trainee, fit
from .keeper import CheckpointKeeper, EventLog, PreviewWriter, sign_of_life
from .material import Material, material_of, told_before
from .memory import MEMORY, MemoryLimit
from .shapes import refuse_impossible_shape
from .starts import source_weights, take_over
from .watch import CONFIG, beat, is_alive, read_request, request, status

LOG = "log.txt"
_CHECKPOINT_SECONDS = 60.0
TAKEN_NAMES = ("starter", "contrast")
"""What ``predict`` and ``evaluate`` take in the place of a run."""
_REQUEST_SECONDS = 0.25


def create_run(project: Project, config: RunConfig) -> Path:
    """Make the folder of a run and write its settings; nothing is trained yet.

    Returns
    -------
    Path
        ``PROJECT/runs/NNNN-NAME``.

    Raises
    ------
    UserError
        If a case is unknown or has no labels, no case is given, the device is not there, or the run to start from is
        not there or has decided a setting otherwise.
    """
    refuse_impossible(project, config)
    numbers = [int(run.name.split("-")[0]) for run in project.runs() if run.name.split("-")[0].isdigit()]
    run_dir = project.runs_dir / f"{max(numbers, default=0) + 1:04d}-{config.name}"
    write_json(run_dir / CONFIG, config.model_dump(mode="json"))
    return run_dir


def refuse_impossible(project: Project, config: RunConfig) -> None:
    """Refuse settings that the project, its runs or this machine cannot satisfy.

    Raises
    ------
    UserError
        As `create_run` does.
    """
    choose_device(config.device)
    if config.name in TAKEN_NAMES:
        raise UserError(
            f"{config.name} stands for what answers clicks without training, so no run can be called that; nothing was "
            "started; choose another name"
        )
    if not config.train:
        raise UserError("a run needs at least one training case; nothing was started; complete the labels of a case")
    for case in (*config.train, *config.validation):
        if project.case(case).label is None and config.task != "restoration":
            raise UserError(f"case {case} has no labels; nothing was started; label it or leave it out")
    if config.task == "shape":
        refuse_impossible_shape(project, config)
    if config.init is not None:
        refuse_contradictions(config, source_weights(project.runs_dir, config.init).plan)


def start(run_dir: Path, *, low_priority: bool = False, threads: int | None = None) -> None:
    """Train a run in a detached process of its own, which outlives this one.

    Parameters
    ----------
    low_priority : bool
        Let other programs go first.
    threads : int or None
        CPU threads of the process; None takes all.
    """
    _refuse_if_alive(run_dir)
    request(run_dir, want="run")
    command = [sys.executable, "-m", "napari_progseg.training", str(run_dir)]
    environment = dict(os.environ) if threads is None else {**os.environ, "OMP_NUM_THREADS": str(max(1, threads))}
    with (run_dir / LOG).open("ab") as log:
        child = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
        )
    process = psutil.Process(child.pid)
    beat(run_dir, -1, process)
    if low_priority:
        process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else 10)


def execute(run_dir: Path, *, keep_request: bool = False) -> Iterator[Event]:
    """Train a run in this process, from the beginning or its newest checkpoint.

    Parameters
    ----------
    keep_request : bool
        Heed a request that was written before; otherwise the run begins with "run".

    Yields
    ------
    Event
        All that is written to ``events.jsonl``.

    Raises
    ------
    UserError
        After a `Failed` event, where the cause is something the user can mend.
    """
    # the parent has signed for this process already
    _refuse_if_alive(run_dir, besides=os.getpid() if keep_request else None)
    if not keep_request:
        request(run_dir, want="run")
    log = EventLog(run_dir)
    with sign_of_life(run_dir):
        try:
            yield from _trained(run_dir, log)
        except UserError as error:
            yield from log.add(Failed(log.step, str(error)))
            raise
        except (MemoryError, torch.OutOfMemoryError) as error:
            message = (
                "the memory was not enough; checkpoints and labels are safe; "
                "lower patches.batch or patches.voxels and start again"
            )
            yield from log.add(Failed(log.step, message))
            raise UserError(message) from error
        except Exception as error:
            message = f"an unexpected fault: {error!r}; checkpoints and labels are safe; see {LOG}"
            yield from log.add(Failed(log.step, message))
            raise


def _refuse_if_alive(run_dir: Path, besides: int | None = None) -> None:
    if is_alive(run_dir, besides=besides):
        raise UserError(f"{run_dir.name} is being trained by another process; nothing was changed; watch or stop it")


def _trained(run_dir: Path, log: EventLog) -> Iterator[Event]:
    config = RunConfig.model_validate(read_json(run_dir / CONFIG))
    project = Project.open(run_dir.resolve().parents[1])
    device = choose_device(config.device)
    # what fails before the checkpoint is read is told with the last step all the same
    log.step = status(run_dir).step
    for text in told_before(config, run_dir):
        yield from log.add(Said(text))
    material = material_of(project, config, run_dir)
    plan = material.plan
    keeper = CheckpointKeeper(run_dir, plan, config)
    clock = Clock()
    trainee, clock.elapsed, said = _trainee(project, material, config, keeper, device)
    log.step = trainee.step
    for text in said:
        yield from log.add(Said(text))
    course, told = course_of(run_dir, material.cases, material.sampler.units, plan, config)
    for text in told:
        yield from log.add(Said(text))
    validator = Validator(project, plan, config, keeper, material.shapes)
    budget = config.budget
    yield from log.add(Started(trainee.step, plan.sentence, str(device), budget.steps, budget.minutes))
    if course.changes:
        yield from log.add(scheduled(course))
    clock.run()
    limit = MemoryLimit(plan.divisor, run_dir / MEMORY, whole=plan.heads is not None)
    task = build_task(config, plan, material.table)
    events = fit(trainee, task, material.sampler, course, plan, config, clock, validator, limit)
    previewer = Previewer(project, plan, config, PreviewWriter(run_dir), material.shapes)
    answers = _Answers(run_dir, log, keeper, previewer)
    stopped = False
    try:
        for event in events:
            yield from log.add(event)
            yield from answers.after(trainee, clock)
            if answers.stopped:
                stopped = True
                break
    finally:
        saved = keeper.save(trainee, clock.seconds)
    yield from log.add(saved) if saved else ()
    best = {f"best_{keeper.measure}": keeper.best}
    reason = "stopped" if stopped else "budget"
    yield from log.add(Finished(trainee.step, clock.seconds, reason, **{"best_dice": None, **best}))


def _trainee(
    project: Project, material: Material, config: RunConfig, keeper: CheckpointKeeper, device: torch.device
) -> tuple[Trainee, float, list[str]]:
    """Go on from the newest checkpoint, or begin with fresh weights or those of the run `config.init`.

    Also returns the seconds so far and what is to be said. A run that has a checkpoint does not need the other run.
    """
    found = keeper.newest()
    said = [f"{fault} (passed over)" for fault in found.damaged]
    network = material.network(config.seed)
    carried: tuple[str, ...] = ()
    if found.checkpoint is not None:
        carried = tuple(found.checkpoint.state.get("carried", ()))
        learn_only(network, found.checkpoint.state.get("learning") or dict(network.named_parameters()))
    elif config.init is not None:
        report = take_over(project.runs_dir, network, material.plan, config)
        carried = report.carried
        said += [report.sentence, *frozen(network, material.plan, config)]
    trainee = Trainee.new(network.to(device), config.optimiser, carried)
    seconds = 0.0 if found.checkpoint is None else keeper.restore(trainee, found.checkpoint)
    return trainee, seconds, said


class _Answers:
    """What happens between two steps: checkpoints by the clock, requests, previews."""

    def __init__(self, run_dir: Path, log: EventLog, keeper: CheckpointKeeper, previewer: Previewer) -> None:
        self._run_dir, self._log, self._keeper, self._previewer = run_dir, log, keeper, previewer
        self._looked = 0.0
        self.stopped = False

    def after(self, trainee: Trainee, clock: Clock) -> Iterator[Event]:
        """Save and answer, if it is time to."""
        if self._keeper.age > _CHECKPOINT_SECONDS and (saved := self._keeper.save(trainee, clock.seconds)):
            yield from self._log.add(saved)
        if time.monotonic() - self._looked < _REQUEST_SECONDS:
            return
        asked = self._look()
        if asked["want"] == "pause":
            yield from self._paused(trainee, clock)
        if preview := self._previewer.answer(asked, trainee):
            yield from self._log.add(preview)

    def _look(self) -> dict[str, Any]:
        self._looked = time.monotonic()
        asked = read_request(self._run_dir)
        self.stopped = asked["want"] == "stop"
        return asked

    def _paused(self, trainee: Trainee, clock: Clock) -> Iterator[Event]:
        clock.pause()
        if saved := self._keeper.save(trainee, clock.seconds):
            yield from self._log.add(saved)
        yield from self._log.add(Paused(trainee.step))
        while self._look()["want"] == "pause":
            time.sleep(_REQUEST_SECONDS)
        clock.run()
        if not self.stopped:
            yield from self._log.add(Continued(trainee.step))

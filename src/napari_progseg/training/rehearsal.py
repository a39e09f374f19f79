"""A dry run: a few steps in a process of their own, which measure what a run will take. Nothing is kept of them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
import torch

from ..errors import UserError
from ..inference.model import choose_device
from ..networks.freeze import frozen
from ..project import Project
from ..schedules.course import Course
from ..schedules.samples import SampleSchedule
from ..tasks import build_task
from .advice import Cost
from .config import RunConfig
from .course import patch_schedule
from .events import StepDone
from .fit import Clock, Trainee, fit
from .material import material_of
from .run import refuse_impossible
from .starts import take_over

# spread over the run, so that what changes while it goes on counts with its share; the first one warms up
_STEPS = 9
_READ, _CUT = 10, 3
_POLL_SECONDS, _SAMPLE_SECONDS = 0.2, 0.02


def rehearse(
    project: Project, config: RunConfig, *, threads: int | None = None, cancelled: Callable[[], bool] = lambda: False
) -> Cost | None:
    """Measure a run in a child process of low priority; None if cancelled.

    Parameters
    ----------
    threads : int or None
        CPU threads of the process; None takes all.
    cancelled : callable
        Asked several times a second; the child is ended at once.

    Raises
    ------
    UserError
        If the run could not be started either, with the reason.
    """
    environment = dict(os.environ) if threads is None else {**os.environ, "OMP_NUM_THREADS": str(max(1, threads))}
    command = [sys.executable, "-m", "napari_progseg.training.rehearsal", str(project.root)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, encoding="utf-8") as child:
        psutil.Process(child.pid).nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if sys.platform == "win32" else 10)
        given: str | None = config.model_dump_json()
        while not cancelled():
            try:
                answer, errors = child.communicate(given, timeout=_POLL_SECONDS)
            except subprocess.TimeoutExpired:
                given = None
                continue
            if child.returncode:
                raise UserError((errors.strip().splitlines() or ["the dry run ended without a word"])[-1])
            return Cost.model_validate_json(answer.splitlines()[-1])
        child.kill()
    return None


def measured(project: Project, config: RunConfig) -> Cost:
    """Take a few steps in this process, and say how long one takes and how much memory all need at most.

    At most 10 patients decide the plan and 3 are cut, since reading all of them would take longer than the steps. The
    preprocessed volumes stay in the project's cache.
    """
    began = time.perf_counter()
    refuse_impossible(project, config)
    config = _shortened(config)
    device = choose_device(config.device)
    material = material_of(project, config, cut=_CUT)
    plan, sampler = material.plan, material.sampler
    network = material.network(config.seed)
    if config.init is not None:
        take_over(project.runs_dir, network, plan, config)
        frozen(network, plan, config)
    trainee = Trainee.new(network.to(device), config.optimiser)
    course = Course(SampleSchedule.constant(sampler.units), patch_schedule(plan, config))
    prepared = time.perf_counter() - began
    with _peak_memory(device) as peak:
        steps = fit(
            trainee,
            build_task(config, plan, material.table),
            sampler,
            course,
            plan,
            config,
            Clock(),
            lambda *_: iter(()),
        )
        seconds = [took for took, event in _timed(steps) if isinstance(event, StepDone)]
    return Cost(
        device=device.type,
        seconds_a_step=sum(seconds[1:]) / len(seconds[1:]),
        memory_bytes=peak[0],
        preparation_seconds=prepared,
    )


def _shortened(config: RunConfig) -> RunConfig:
    document = config.model_dump()
    document |= {"train": config.train[:_READ], "validation": (), "budget": {"steps": _STEPS}}
    # as many parts of the run as steps, so that the last step has the largest patch
    document["patches"]["epochs"] = _STEPS
    document["samples"]["schedule"] = "all"
    return RunConfig.model_validate(document)


def _timed(events: Iterator[object]) -> Iterator[tuple[float, object]]:
    while True:
        began = time.perf_counter()
        event = next(events, None)
        if event is None:
            return
        if isinstance(event, StepDone):
            float(event.loss)  # waits for the device
        yield time.perf_counter() - began, event


@contextmanager
def _peak_memory(device: torch.device) -> Iterator[list[int]]:
    """Measure the largest amount of memory while the block runs: of CUDA what tensors take, else of this process."""
    peak = [0]
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        yield peak
        peak[0] = torch.cuda.max_memory_allocated(device)
        return
    ended, process = threading.Event(), psutil.Process()

    def watch() -> None:
        while True:
            peak[0] = max(peak[0], process.memory_info().rss)
            if ended.wait(_SAMPLE_SECONDS):
                return

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


def main(arguments: Sequence[str]) -> int:
    """Read settings from standard input, and write the cost as JSON to standard output."""
    if threads := os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(int(threads))
    try:
        cost = measured(Project.open(Path(arguments[0])), RunConfig.model_validate_json(sys.stdin.read()))
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{cost.model_dump_json()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

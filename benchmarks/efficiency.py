"""Training efficiency: samples per second of the loop over those of its network on one preloaded batch.

Run with ``python benchmarks/efficiency.py``; prints one row for each task in 2D and 3D. Both figures come from the same
process, in turns, so that their ratio holds while the machine's speed drifts.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from napari_progseg.data.augment import margin
from napari_progseg.data.plan import Plan, facts_of, make_plan
from napari_progseg.data.sampler import Batch, PatchSampler
from napari_progseg.data.store import load_cases
from napari_progseg.inference.model import choose_device
from napari_progseg.networks import build_network
from napari_progseg.networks.freeze import frozen
from napari_progseg.project import Project
from napari_progseg.samples import write_cohort
from napari_progseg.schedules.course import Course
from napari_progseg.tasks import Learning, build_task
from napari_progseg.training.config import RunConfig, apply_settings, preset_config
from napari_progseg.training.fit import Clock, Trainee, fit
from timing import seconds_per_call, training_step

ROUNDS, STEPS, CASES = 7, 4, 4


@dataclass(frozen=True)
class Setup:
    """A loop and its ceiling, ready to be timed."""

    loop: Iterator[object]
    ceiling: Callable[[], None]
    batch: int


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        cohort = write_cohort(Path(folder) / "cohort", "mr", CASES)
        project = Project.create(Path(folder) / "project", cohort / "images", cohort / "labels")
        print(f"device {choose_device('auto')}, {torch.get_num_threads()} threads, preset tiny, two-part MR phantoms")
        print(f"{'task':14}{'dims':>5}{'batch':>7}{'samples/s':>11}{'ceiling':>9}{'efficiency':>12}")
        for task in ("segmentation", "restoration", "interactive"):
            for dims in (2, 3):
                report(task, dims, setup(project, task, dims))


def setup(project: Project, task: str, dims: int) -> Setup:
    """Build the loop as a run does, and the same network with one batch in hand."""
    # from the first step on with clicks, which the preset begins later
    loop, config, plan, learning = loop_of(project, task, dims, ("clicks.after=0",))
    return Setup(loop, _ceiling(config, plan, learning, choose_device(config.device)), plan.batch)


def loop_of(
    project: Project, task: str, dims: int, settings: Sequence[str], init: str | None = None
) -> tuple[Iterator[object], RunConfig, Plan, Learning]:
    """Build the loop as a run does, all but what it starts from."""
    train, _ = project.draw(CASES - 1, 0)
    config = preset_config("tiny", task, train=train, init=init, budget={"steps": 10**6})  # type: ignore[arg-type]
    config = apply_settings(config, [f"model.dims={dims}", *settings])
    facts = [facts_of(case, project.volume(case), project.labels(case).labels, None) for case in train]  # type: ignore[union-attr]
    plan = make_plan(facts, config, () if task == "restoration" else project.classes)
    device = choose_device(config.device)
    sampler = PatchSampler(load_cases(project, train, plan), plan, config.patches, margin(config.augment))
    learning = build_task(config, plan)
    network = build_network(plan, seed=0)
    frozen(network, plan, config)
    trainee = Trainee.new(network.to(device), config.optimiser)
    course = Course.constant(sampler.units, plan.patch, plan.batch)
    loop = fit(trainee, learning, sampler, course, plan, config, Clock(), lambda *_: iter(()))
    return loop, config, plan, learning


def _ceiling(config: RunConfig, plan, learning, device: torch.device) -> Callable[[], None]:
    trainee = Trainee.new(build_network(plan, seed=0).to(device), config.optimiser)
    labels = torch.randint(0, len(plan.classes) + 1, (plan.batch, *plan.patch), dtype=torch.uint8, device=device)
    images = torch.rand(plan.batch, 1, *plan.patch, device=device)
    inputs, targets = learning.prepare(Batch(images, labels), trainee.network, 1.0, torch.Generator().manual_seed(0))
    return training_step(trainee, learning, inputs, targets)


def report(task: str, dims: int, what: Setup) -> None:
    """Time loop and ceiling in turns and print the medians."""
    next(what.loop)
    what.ceiling()
    pairs = [[seconds_per_call(work, STEPS) for work in (what.loop.__next__, what.ceiling)] for _ in range(ROUNDS)]
    loop, ceiling = (what.batch / statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(ceiling_s / loop_s for loop_s, ceiling_s in pairs)
    print(f"{task:14}{dims:>5}{what.batch:>7}{loop:>11.1f}{ceiling:>9.1f}{ratio:>12.2f}", flush=True)


if __name__ == "__main__":
    main()

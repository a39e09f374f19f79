"""The only training loop: a generator of events."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from ..data import augment
from ..data.augment import IGNORED
from ..data.plan import Plan
from ..data.sampler import Batch, PatchSampler
from ..inference.model import forward
from ..networks.freeze import learn
from ..schedules.course import Course, Stage
from ..schedules.patches import Patch
from ..tasks import Learning
from .config import OptimiserConfig, RunConfig, StartConfig
from .events import Event, Said, StepDone
from .memory import MemoryLimit, gave_out

Validate = Callable[["Trainee", float, float], Iterator[Event]]
_AUGMENT, _TASK = 2, 3


@dataclass(eq=False)
class Clock:
    """Seconds of training; pauses do not count, validation does."""

    elapsed: float = 0.0
    _since: float | None = field(default=None, init=False)

    def run(self) -> None:
        """Start, or go on after a pause."""
        self._since = time.monotonic()

    def pause(self) -> None:
        """Stop counting."""
        self.elapsed, self._since = self.seconds, None

    @property
    def seconds(self) -> float:
        """Seconds so far."""
        return self.elapsed + (0.0 if self._since is None else time.monotonic() - self._since)


@dataclass(eq=False)
class Trainee:
    """What training changes.

    Parameters
    ----------
    network, average : nn.Module
        The weights in training, and their running average, which is validated and kept.
    optimiser : Optimizer
        Its state belongs to the checkpoint.
    carried : tuple of str
        Parameters that another run gave; they form a group of the optimiser, with a rate of its own.
    step, samples : int
        Steps done, and patches drawn for them.
    """

    network: nn.Module
    average: nn.Module
    optimiser: Optimizer
    carried: tuple[str, ...] = ()
    step: int = 0
    samples: int = 0

    @classmethod
    def new(cls, network: nn.Module, settings: OptimiserConfig, carried: Collection[str] = ()) -> Trainee:
        """Begin with a network, in which `carried` are the parameters that another run gave.

        Parameters that need no gradient stay as they are, and the optimiser does not know them.
        """
        average = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
        learn(network)
        return cls(network, average, _optimiser(network, settings, carried), tuple(carried))


def fit(
    trainee: Trainee,
    task: Learning,
    sampler: PatchSampler,
    course: Course,
    plan: Plan,
    config: RunConfig,
    clock: Clock,
    validate: Validate,
    limit: MemoryLimit | None = None,
) -> Iterator[Event]:
    """Train until the budget is used up.

    Parameters
    ----------
    trainee : Trainee
        Changed in place, and complete between two events: stop by not asking for the next one.
    sampler : PatchSampler
        Draws the batch of a step from the seed, the step and the stage.
    course : Course
        Which patch, batch and cases each part of the run has.
    clock : Clock
        Runs; whoever pauses stops it.
    validate : callable
        ``validate(trainee, progress, seconds)`` yields events; called after each step, it decides itself.
    limit : MemoryLimit or None
        What a step may hold. A step that runs out of memory is taken again with less, and so are all after it.

    Yields
    ------
    Event
        A `StepDone` whose loss is still a tensor on the device (the reader pays for the copy), what `validate` says,
        and a `Said` where the memory was not enough.

    Raises
    ------
    UserError
        If the memory is not enough for the smallest step.
    """
    limit = limit or MemoryLimit(plan.divisor)
    while (progress := fraction_done(trainee.step, clock.seconds, config)) < 1:
        rate = rate_at(progress, config.optimiser)
        stage = limit.within(course.at(progress, trainee.step, trainee.samples, config.seed), trainee.step)
        backward = partial(_backward, trainee, task, sampler, stage, plan, config, progress)
        learned = _if_memory_allows(backward, trainee.optimiser)
        if learned is None:
            yield Said(limit.lower(stage, trainee.step))
            continue
        loss, batch = learned
        _update(trainee, rate, rate * carried_share(progress, config.start), config.optimiser)
        trainee.step += 1
        trainee.samples += len(batch.images)
        progress, seconds = fraction_done(trainee.step, clock.seconds, config), clock.seconds
        yield StepDone(
            step=trainee.step,
            progress=progress,
            loss=loss,  # type: ignore[arg-type]
            rate=rate,
            seconds=seconds,
            epoch=batch.epoch,
            patch=stage.patch,
            batch=len(batch.images),
            active_cases=len(stage.cases),
            samples=trainee.samples,
        )
        yield from validate(trainee, progress, seconds)


def fraction_done(step: int, seconds: float, config: RunConfig) -> float:
    """Return how much of the budget is used, 0 to 1."""
    budget = config.budget
    done = step / budget.steps if budget.steps is not None else seconds / (60 * (budget.minutes or 1))
    return min(done, 1.0)


def rate_at(progress: float, settings: OptimiserConfig) -> float:
    """Return the learning rate: a linear warm-up, then polynomial decay to 0 at the end."""
    if progress < settings.warmup:
        return settings.rate * max(progress / settings.warmup, 0.02)
    return settings.rate * (1 - progress) ** settings.power if settings.power else settings.rate


def carried_share(progress: float, settings: StartConfig) -> float:
    """Return the learning rate of carried weights as a share of the rate of new ones."""
    return settings.rate * (min(1.0, progress / settings.warmup) if settings.warmup else 1.0)


def _backward(
    trainee: Trainee,
    task: Learning,
    sampler: PatchSampler,
    stage: Stage,
    plan: Plan,
    config: RunConfig,
    progress: float,
) -> tuple[Tensor, Batch]:
    """Draw the batch of a step, leave its gradients in the network, and return its loss."""
    device = next(trainee.network.parameters()).device
    batch = sampler.draw(stage, trainee.step, config.seed)
    batch = _changed(batch, stage.patch, plan, config, trainee.step, device)
    generator = _generator(config.seed, trainee.step, _TASK)
    inputs, targets = task.prepare(batch, trainee.network, progress, generator)
    loss = task.loss(forward(trainee.network, inputs), targets)
    trainee.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    return loss.detach(), batch


def _if_memory_allows(
    backward: Callable[[], tuple[Tensor, Batch]], optimiser: Optimizer
) -> tuple[Tensor, Batch] | None:
    """Call `backward`; None, and all it took given back, if the memory was not enough. No weight has changed then."""
    try:
        return backward()
    except (MemoryError, RuntimeError) as error:
        if not gave_out(error):
            raise
    # outside the handler, where the error no longer holds on to what was computed
    optimiser.zero_grad(set_to_none=True)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None


def _changed(batch: Batch, patch: Patch, plan: Plan, config: RunConfig, step: int, device: torch.device) -> Batch:
    """Bring a batch to the device and change it at random."""
    batch = replace(batch, images=batch.images.to(device), labels=batch.labels.to(device))
    if not config.augment.enabled:
        return batch
    generator = _generator(config.seed, step, _AUGMENT)
    spacing = plan.spacing_zyx_mm[-plan.dims :]
    beyond = IGNORED if config.augment.outside == "ignore" else 0
    changes = augment.draw(config.augment, len(batch.images), patch, spacing, generator)
    images, labels = augment.apply(batch.images, batch.labels, changes, patch, beyond)
    return replace(batch, images=images, labels=labels)


def _generator(seed: int, step: int, purpose: int) -> torch.Generator:
    """Return the generator of one purpose of one step."""
    return torch.Generator().manual_seed((seed * 1_000_003 + step) * 8 + purpose)


def _update(trainee: Trainee, rate: float, carried_rate: float, settings: OptimiserConfig) -> None:
    for group in trainee.optimiser.param_groups:
        group["lr"] = carried_rate if group["carried"] else rate
    if settings.clip is not None:
        nn.utils.clip_grad_norm_(_learning(trainee.network), settings.clip)
    trainee.optimiser.step()
    _average(trainee, settings.average)


@torch.no_grad()
def _average(trainee: Trainee, decay: float) -> None:
    """Move the averaged weights towards the present ones; quickly at first, when these still change a lot."""
    weight = 1 - min(decay, (1 + trainee.step) / (10 + trainee.step)) if decay else 1.0
    torch._foreach_lerp_(  # torch offers no public form
        list(trainee.average.parameters()), list(trainee.network.parameters()), weight
    )
    for kept, now in zip(trainee.average.buffers(), trainee.network.buffers(), strict=True):
        kept.copy_(now)


def _optimiser(network: nn.Module, settings: OptimiserConfig, carried: Collection[str]) -> Optimizer:
    named = [(name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad]
    groups = [
        {"params": [each for each in named if (each[0] in carried) is taken], "carried": taken}
        for taken in (False, True)
    ]
    groups = [group for group in groups if group["params"]]
    if settings.name == "sgd":
        return SGD(
            groups,
            settings.rate,
            momentum=settings.momentum,
            nesterov=settings.nesterov,
            weight_decay=settings.weight_decay,
        )
    kind = Adam if settings.name == "adam" else AdamW
    return kind(groups, settings.rate, weight_decay=settings.weight_decay, fused=True)


def _learning(network: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in network.parameters() if parameter.requires_grad]

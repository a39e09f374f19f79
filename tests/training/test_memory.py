"""Steps that run out of memory."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch

from napari_progseg.data.sampler import Batch
from napari_progseg.errors import UserError
from napari_progseg.schedules.course import Stage
from napari_progseg.tasks import build_task
from napari_progseg.training import run as module
from napari_progseg.training.events import Failed, Finished, Said, StepDone, from_line
from napari_progseg.training.memory import MemoryLimit, gave_out, smaller
from napari_progseg.training.run import execute
from napari_progseg.training.watch import request

RunOf = Callable[..., Path]
ON_CPU = "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"


def stage(patch: tuple[int, ...] = (64, 48), batch: int = 8) -> Stage:
    return Stage(patch, batch, ("a",), 0, 0)


class Hungry:
    """A task that has memory for so many voxels a step, or fails at some steps in any case."""

    def __init__(self, task: Any, voxels: float, error: Exception) -> None:
        self._task, self._voxels, self._error = task, voxels, error

    def prepare(self, batch: Batch, *given: Any) -> Any:
        if batch.images.numel() > self._voxels:
            raise self._error
        return self._task.prepare(batch, *given)

    def loss(self, logits: torch.Tensor, targets: Any) -> torch.Tensor:
        return self._task.loss(logits, targets)  # type: ignore[no-any-return]


@pytest.fixture
def hungry(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let runs have memory for so many voxels a step."""

    def limit(voxels: float, error: Exception | None = None) -> None:
        fault = error or torch.OutOfMemoryError("CUDA out of memory")
        monkeypatch.setattr(module, "build_task", lambda *given: Hungry(build_task(*given), voxels, fault))

    return limit


def told(run_dir: Path, kind: type) -> list[Any]:
    lines = (run_dir / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return [event for line in lines if isinstance(event := from_line(line), kind)]


def test_the_batch_is_halved_then_the_patch_is_cut() -> None:
    limit = MemoryLimit((8, 8))
    now = stage()
    expected = [(4, (64, 48)), (2, (64, 48)), (1, (64, 48)), (1, (56, 48)), (1, (48, 48)), (1, (40, 48))]
    for batch, patch in expected:
        limit.lower(now, 5)
        now = limit.within(stage(), 5)
        assert (now.batch, now.patch) == (batch, patch)
    with pytest.raises(UserError, match="16×16 a step"):
        limit.lower(stage((16, 16), 1), 5)


def test_what_fits_and_what_came_before_stays_as_it_was() -> None:
    limit = MemoryLimit((8, 8))
    limit.lower(stage(), 5)
    assert limit.within(stage(), 4) == stage()
    assert limit.within(stage((32, 32), 8), 5) == stage((32, 32), 8)
    assert limit.within(stage((64, 64), 8), 9) == stage((64, 64), 3)


def test_it_is_kept_for_a_resumed_run(tmp_path: Path) -> None:
    first = MemoryLimit((8, 8), tmp_path / "memory.json")
    first.lower(stage(), 5)
    first.lower(stage(batch=4), 7)
    second = MemoryLimit((8, 8), tmp_path / "memory.json")
    assert [second.within(stage(), step).batch for step in (4, 5, 6, 7, 8)] == [8, 4, 4, 2, 2]


@pytest.mark.parametrize(
    ("patch", "divisor", "expected"),
    [
        ((64, 48), (8, 8), (56, 48)),
        ((48, 96, 96), (4, 16, 16), (48, 80, 96)),
        ((16, 32, 20), (1, 4, 4), (16, 24, 20)),
        ((16, 16), (16, 16), None),
        ((8, 20), (8, 4), None),
    ],
)
def test_a_smaller_patch_is_one_that_the_network_takes(
    patch: tuple[int, ...], divisor: tuple[int, ...], expected: tuple[int, ...] | None
) -> None:
    assert smaller(patch, divisor) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("x"), True),
        (MemoryError(), True),
        (RuntimeError(ON_CPU), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (RuntimeError("shapes do not fit"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_errors_of_memory_are_told_from_others(error: Exception, expected: bool) -> None:
    assert gave_out(error) is expected


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("x"), MemoryError(), RuntimeError(ON_CPU)])
def test_a_run_goes_on_with_a_smaller_batch_and_says_so(run_of: RunOf, hungry: Any, error: Exception) -> None:
    run_dir = run_of("augment.enabled=false")
    hungry(2 * 32 * 32, error)
    events = list(execute(run_dir))
    said = [event.text for event in events if isinstance(event, Said)]
    assert said == ["out of memory at step 1: 2 patches a step instead of 4 from here on; nothing is lost"]
    done = [event for event in events if isinstance(event, StepDone)]
    assert [(event.step, event.batch, event.samples) for event in done] == [(n, 2, 2 * n) for n in range(1, 7)]
    assert isinstance(events[-1], Finished)


def test_other_errors_of_a_step_are_not_mistaken(run_of: RunOf, hungry: Any) -> None:
    run_dir = run_of("augment.enabled=false")
    hungry(0, RuntimeError("shapes do not fit"))
    with pytest.raises(RuntimeError, match="shapes"):
        list(execute(run_dir))


def test_a_resumed_run_takes_the_same_steps_and_needs_no_second_error(
    run_of: RunOf, hungry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_REQUEST_SECONDS", 0.0)
    monkeypatch.setattr("napari_progseg.training.keeper._FLUSH_SECONDS", 0.0)
    whole, part = run_of("augment.enabled=false"), run_of("augment.enabled=false")
    hungry(2 * 32 * 32)
    list(execute(whole))
    for event in execute(part):
        if isinstance(event, StepDone) and event.step == 3:
            request(part, want="stop")
    list(execute(part))
    assert len(told(part, Said)) == 1
    losses = [{event.step: event.loss for event in told(run, StepDone)} for run in (whole, part)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("schedule", ["patches.schedule=performance", "samples.schedule=pdl"])
def test_schedules_go_on(run_of: RunOf, hungry: Any, schedule: str) -> None:
    settings = ("augment.enabled=false", "patches.epochs=6", "patches.most=64", "samples.add_every=0.02", schedule)
    whole, lowered = (run_of(*settings, train=("mr_000", "mr_001", "mr_003")) for _ in range(2))
    list(execute(whole))
    hungry(2 * 32 * 32)
    list(execute(lowered))
    before, after = told(whole, StepDone), told(lowered, StepDone)
    assert [event.patch for event in after] == [event.patch for event in before]
    assert {event.active_cases for event in after} == {event.active_cases for event in before}
    assert all(event.batch == min(event.batch, 2 * 32 * 32 // prod(event.patch)) for event in after)


def test_below_the_smallest_step_it_fails_in_one_sentence(run_of: RunOf, hungry: Any) -> None:
    run_dir = run_of("augment.enabled=false")
    hungry(0)
    with pytest.raises(UserError, match="not enough for one patch of 16×16"):
        list(execute(run_dir))
    assert isinstance(told(run_dir, Failed)[-1], Failed)

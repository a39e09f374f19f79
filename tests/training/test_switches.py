"""Any two switches of a run combine, or are refused with the names of the fields before anything starts."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from napari_progseg.errors import UserError
from napari_progseg.inference.model import load_weights
from napari_progseg.project import Project
from napari_progseg.storage.atomic import read_json
from napari_progseg.training.config import RunConfig
from napari_progseg.training.events import Said, Scheduled, StepDone
from napari_progseg.training.run import create_run, execute

ConfigOf = Callable[..., RunConfig]
TASKS = ("segmentation", "restoration", "interactive")
SAMPLES, PATCHES = ("all", "pdl", "random"), ("constant", "efficiency", "performance", "random")
FREEZES = ("none", "encoder", "last_k", "head")
STARTS = (None, "restoration", "segmentation", "interactive")


@pytest.fixture(scope="module")
def starts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Finished runs by task; filled when first asked for."""
    return {}


def config_for(config_of: ConfigOf, task: str, init: Path | None, *settings: str) -> RunConfig:
    validation = () if task == "restoration" else ("mr_002",)
    fields: dict[str, Any] = {"train": ("mr_000", "mr_001", "mr_003"), "validation": validation}
    given = ["budget.steps=2", "freeze.last=3", *settings]
    return config_of(*given, task=task, init=None if init is None else str(init), **fields)


def start_of(study: Project, config_of: ConfigOf, starts: dict[str, Any], task: str | None) -> Path | None:
    if task is None:
        return None
    if task not in starts:
        starts[task] = create_run(study, config_for(config_of, task, None))
        list(execute(starts[task]))
    return starts[task]


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("start", STARTS)
def test_every_combination_trains_or_is_refused_by_name(
    study: Project, config_of: ConfigOf, starts: dict[str, Any], task: str, start: str | None
) -> None:
    init = start_of(study, config_of, starts, start)
    for samples, patches, freeze in itertools.product(SAMPLES, PATCHES, FREEZES):
        switches = (f"samples.schedule={samples}", f"patches.schedule={patches}", f"freeze.policy={freeze}")
        if freeze != "none" and init is None:
            with pytest.raises(UserError, match=r"freeze\.policy .* init"):
                config_for(config_of, task, init, *switches)
            continue
        run = create_run(study, config_for(config_of, task, init, *switches))
        steps = [event for event in execute(run) if isinstance(event, StepDone)]
        assert len(steps) == 2, (task, start, *switches)


def test_frozen_weights_are_those_of_the_source_also_after_a_pause(
    study: Project, config_of: ConfigOf, starts: dict[str, Any]
) -> None:
    init = start_of(study, config_of, starts, "segmentation")
    assert init is not None
    run = create_run(study, config_for(config_of, "segmentation", init, "freeze.policy=last_k", "budget.steps=6"))
    for event in execute(run):
        if isinstance(event, StepDone) and event.step == 3:
            break
    events = list(execute(run))
    assert [event.step for event in events if isinstance(event, StepDone)][-1] == 6
    before, after = load_weights(init).tensors, load_weights(run).tensors
    moved = {name for name, tensor in after.items() if not torch.equal(tensor, before[name])}
    assert 0 < len(moved) < len(after)
    # the blocks of the decoder are named a second time below skip_layers
    assert not any(name.startswith(("input_block", "downsamples", "bottleneck")) for name in moved)


def test_clicks_on_a_frozen_network_wake_its_first_convolution_and_the_run_says_so(
    study: Project, config_of: ConfigOf, starts: dict[str, Any]
) -> None:
    init = start_of(study, config_of, starts, "restoration")
    run = create_run(study, config_for(config_of, "interactive", init, "freeze.policy=last_k"))
    said = [event.text for event in execute(run) if isinstance(event, Said)]
    assert any("4 of" in text and "the first among them, since it has new input channels" in text for text in said)


def test_what_will_change_is_told_before_the_first_step(study: Project, config_of: ConfigOf) -> None:
    settings = ("samples.schedule=pdl", "patches.schedule=performance", "samples.add_every=1")
    run = create_run(study, config_for(config_of, "segmentation", None, *settings))
    events = list(execute(run))
    told = next(event for event in events if isinstance(event, Scheduled))
    assert events.index(told) < next(n for n, event in enumerate(events) if isinstance(event, StepDone))
    assert told.patches[-1][1] == tuple(read_json(run / "plan.json")["patch"])
    assert told.cases[0] == (0, 1)
    assert told.cases[-1][1] == 3
    assert (run / "ranking.json").exists()


def test_batch_patch_and_cases_follow_the_schedules(study: Project, config_of: ConfigOf) -> None:
    settings = ("samples.schedule=pdl", "patches.schedule=performance", "samples.add_every=1", "budget.steps=12")
    run = create_run(study, config_for(config_of, "segmentation", None, *settings))
    steps = [event for event in execute(run) if isinstance(event, StepDone)]
    assert steps[0].patch < steps[-1].patch
    assert steps[0].batch > steps[-1].batch
    assert (steps[0].active_cases, steps[-1].active_cases) == (1, 3)
    assert [step.samples for step in steps] == list(itertools.accumulate(step.batch for step in steps))

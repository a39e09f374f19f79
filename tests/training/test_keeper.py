"""What a run leaves on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_progseg.data.plan import Plan
from napari_progseg.errors import UserError
from napari_progseg.geometry import Geometry
from napari_progseg.networks import build_network
from napari_progseg.storage.atomic import read_json
from napari_progseg.training import keeper as module
from napari_progseg.training.config import BudgetConfig, OptimiserConfig, preset_config
from napari_progseg.training.events import Paused, StepDone
from napari_progseg.training.fit import Trainee
from napari_progseg.training.keeper import CheckpointKeeper, EventLog, PreviewWriter, sign_of_life
from napari_progseg.training.watch import is_alive
from napari_progseg.volume import LabelMap

CONFIG = preset_config("tiny", "segmentation", budget=BudgetConfig(steps=9))


def step(number: int, loss: float = 0.5) -> StepDone:
    return StepDone(number, 0.1, torch.tensor(loss), 1e-3, 1.0, 0, (8, 8), 4, 2)  # type: ignore[arg-type]


@pytest.fixture
def keeper(tmp_path: Path, plan_of: Callable[..., Plan]) -> CheckpointKeeper:
    return CheckpointKeeper(tmp_path, plan_of(), CONFIG)


@pytest.fixture
def trainee(plan_of: Callable[..., Plan]) -> Trainee:
    return trained(plan_of())


def trained(plan: Plan, name: Any = "adamw", seed: int = 0, carried: Sequence[str] = ()) -> Trainee:
    one = Trainee.new(build_network(plan, seed=seed), OptimiserConfig(name=name), carried)
    one.network(torch.rand(2, 1, 16, 16)).sum().backward()
    one.optimiser.step()
    return one


def restored(keeper: CheckpointKeeper, trainee: Trainee) -> float:
    found = keeper.newest().checkpoint
    assert found is not None
    return keeper.restore(trainee, found)


def names(run_dir: Path) -> list[str]:
    return sorted(path.name for path in (run_dir / "checkpoints").iterdir() if path.is_dir())


def test_events_are_written_together_and_losses_become_numbers(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    assert log.add(step(1, 0.25)) == []
    written = log.add(Paused(1))
    assert [type(event).__name__ for event in written] == ["StepDone", "Paused"]
    assert written[0].loss == 0.25  # type: ignore[union-attr]
    lines = (tmp_path / "events.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["StepDone", "Paused"]


def test_a_loss_that_is_no_number_ends_in_a_sentence_and_is_not_written(tmp_path: Path) -> None:
    log = EventLog(tmp_path)
    log.add(step(1))
    log.add(step(2, float("nan")))
    with pytest.raises(UserError, match="stopped being a number at step 2"):
        log.flush()
    lines = (tmp_path / "events.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1]


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_a_checkpoint_restores_weights_average_and_optimiser(
    keeper: CheckpointKeeper, plan_of: Callable[..., Plan], name: str
) -> None:
    one, other = trained(plan_of(), name), trained(plan_of(), name, seed=1)
    one.step = 7
    keeper.save(one, 12.5)
    assert restored(keeper, other) == 12.5
    assert other.step == 7
    for a, b in ((one.network, other.network), (one.average, other.average)):
        assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    for each in (one, other):
        each.network.zero_grad()
        each.network(torch.ones(2, 1, 16, 16)).sum().backward()
        each.optimiser.step()
    pairs = zip(one.network.parameters(), other.network.parameters(), strict=True)
    assert all(torch.equal(x, y) for x, y in pairs)


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_the_optimisers_memory_goes_by_name_whatever_group_a_parameter_is_in(
    keeper: CheckpointKeeper, plan_of: Callable[..., Plan], name: str
) -> None:
    parameters = [name for name, _ in build_network(plan_of(), seed=0).named_parameters()]
    halves = parameters[::2], parameters[1::3]
    one, other = (trained(plan_of(), name, seed, carried) for seed, carried in enumerate(halves))
    keeper.save(one, 1.0)
    assert keeper.newest().checkpoint.state["carried"] == parameters[::2]  # type: ignore[union-attr]
    restored(keeper, other)
    there, here = (memory(trainee) for trainee in (one, other))
    assert sorted(here) == sorted(parameters)
    for parameter, kinds in there.items():
        assert all(torch.equal(tensor, here[parameter][kind]) for kind, tensor in kinds.items()), parameter
    assert [group["carried"] for group in other.optimiser.param_groups] == [False, True]
    assert other.optimiser.param_groups[1]["param_names"] == parameters[1::3]


def memory(trainee: Trainee) -> dict[str, dict[str, torch.Tensor]]:
    """Return what the optimiser remembers of each parameter, by name."""
    return {
        name: {kind: torch.as_tensor(value) for kind, value in trainee.optimiser.state[parameter].items()}
        for group in trainee.optimiser.param_groups
        for name, parameter in zip(group["param_names"], group["params"], strict=True)
    }


def test_the_newest_two_and_the_best_stay(tmp_path: Path, keeper: CheckpointKeeper, trainee: Trainee) -> None:
    for number, score in ((1, 0.9), (2, 0.5), (3, None), (4, None)):
        trainee.step = number
        keeper.save(trainee, 1.0, score)
    assert names(tmp_path) == ["step-000001", "step-000003", "step-000004"]
    assert read_json(tmp_path / "checkpoints" / "best.json") == {"checkpoint": "step-000001", "dice": 0.9}
    assert read_json(tmp_path / "checkpoints" / "last.json") == {"checkpoint": "step-000004"}


def test_a_step_is_saved_once_unless_it_turns_out_best(keeper: CheckpointKeeper, trainee: Trainee) -> None:
    trainee.step = 3
    assert keeper.save(trainee, 1.0) is not None
    assert keeper.save(trainee, 1.0) is None
    assert keeper.save(trainee, 1.0, 0.4) is not None
    assert keeper.best == 0.4


def test_the_best_is_remembered_over_a_restart(
    tmp_path: Path, keeper: CheckpointKeeper, trainee: Trainee, plan_of: Callable[..., Plan]
) -> None:
    trainee.step = 1
    keeper.save(trainee, 1.0, 0.9)
    again = CheckpointKeeper(tmp_path, plan_of(), CONFIG)
    restored(again, trainee)
    assert again.best == 0.9


def test_a_damaged_newest_falls_back_and_never_pushes_out_what_is_saved_next(
    tmp_path: Path, keeper: CheckpointKeeper, trainee: Trainee, plan_of: Callable[..., Plan]
) -> None:
    for number in (5, 10, 20):
        trainee.step = number
        keeper.save(trainee, float(number), 0.9 if number == 5 else None)
    for number in (10, 20):
        (tmp_path / "checkpoints" / f"step-{number:06d}" / "model.safetensors").write_bytes(b"x")
    again = CheckpointKeeper(tmp_path, plan_of(), CONFIG)
    assert len(again.newest().damaged) == 2
    seconds = restored(again, trainee)
    assert (trainee.step, seconds) == (5, 5.0)
    trainee.step = 7
    again.save(trainee, 7.0)
    assert "step-000007" in names(tmp_path)


def test_weights_that_are_no_numbers_are_never_saved(
    tmp_path: Path, keeper: CheckpointKeeper, trainee: Trainee
) -> None:
    trainee.step = 1
    keeper.save(trainee, 1.0)
    with torch.no_grad():
        next(trainee.network.parameters()).fill_(float("nan"))
    trainee.step = 2
    assert keeper.save(trainee, 2.0, 0.9) is None
    assert names(tmp_path) == ["step-000001"]
    assert keeper.best is None


def test_previews_are_never_overwritten_and_three_are_kept(tmp_path: Path) -> None:
    labels = LabelMap(np.ones((2, 3, 4), np.uint8), Geometry.from_spacing((2, 3, 4), (1.0, 1.0, 1.0)))
    writer = PreviewWriter(tmp_path)
    paths = [writer.write("a", number, labels=labels.labels) for number in range(5)]
    assert len(set(paths)) == 5
    assert PreviewWriter(tmp_path).write("a", 9, labels=labels.labels) == "preview/000006.npz"
    assert [path.stem for path in sorted((tmp_path / "preview").glob("*"))] == ["000004", "000005", "000006"]
    with np.load(tmp_path / "preview" / "000006.npz") as found:
        assert (str(found["case"]), int(found["step"]), found["labels"].dtype) == ("a", 9, np.uint8)


def test_the_sign_of_life_rises_and_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BEAT_SECONDS", 0.01)
    with sign_of_life(tmp_path):
        assert is_alive(tmp_path)
        while read_json(tmp_path / "alive.json")["count"] < 2:
            pass
    assert not is_alive(tmp_path)
    assert not (tmp_path / "alive.json").exists()

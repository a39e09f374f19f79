"""Batches with simulated clicks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from napari_progseg.data.plan import Plan
from napari_progseg.data.sampler import Batch
from napari_progseg.guidance.maps import ClickTensor, click_maps
from napari_progseg.tasks import interactive
from napari_progseg.tasks.interactive import Interactive
from napari_progseg.tasks.segmentation import Targets
from napari_progseg.volume import LabelClass

PlanOf = Callable[..., Plan]
BOTH = (LabelClass("a", (1,)), LabelClass("b", (2,)))


class Stubborn(nn.Module):
    """Marks the left half whatever it is shown, and remembers what it was shown."""

    def __init__(self, classes: int = 2) -> None:
        super().__init__()
        self.classes = classes
        self.seen: list[Tensor] = []

    def forward(self, inputs: Tensor) -> Tensor:
        assert not self.training, "the robot asks the network in evaluation mode"
        self.seen.append(inputs)
        out = torch.full((len(inputs), self.classes, *inputs.shape[2:]), -9.0)
        out[..., : inputs.shape[-1] // 2] = 9.0
        return out


def batch(size: int = 64) -> tuple[Tensor, Tensor]:
    labels = torch.zeros((size, 16, 16), dtype=torch.uint8)
    labels[:, 3:8, 9:14] = 1
    labels[:, 10:14, 2:6] = 2
    return torch.rand(size, 1, 16, 16), labels


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[ClickTensor]:
    """Click tensors from which maps were drawn, the batch's own last."""
    seen: list[ClickTensor] = []

    def recorded(clicks: ClickTensor, *rest: Any) -> Tensor:
        seen.append(clicks)
        return click_maps(clicks, *rest)

    monkeypatch.setattr(interactive, "click_maps", recorded)
    return seen


def prepared(
    plan: Plan,
    labels: Tensor | None = None,
    network: nn.Module | None = None,
    seed: int = 0,
    progress: float = 1.0,
) -> tuple[Tensor, Targets]:
    images, usual = batch()
    given = usual if labels is None else labels
    generator = torch.Generator().manual_seed(seed)
    return Interactive(plan).prepare(Batch(images, given), network or Stubborn(), progress, generator)


def plan_with(plan_of: PlanOf, **clicks: Any) -> Plan:
    plain = {"background": 0.0, "none": 0.0, "previous_dropout": 0.0, "min_component": 0, "bent": 0.0}
    return plan_of(clicks={**plain, **clicks}, task="interactive", classes=BOTH)


def test_one_to_five_clicks_occur(plan_of: PlanOf, drawn: list[ClickTensor]) -> None:
    inputs, targets = prepared(plan_with(plan_of))
    assert set(drawn[-1].valid.sum(1).tolist()) == {1, 2, 3, 4, 5}
    assert inputs.shape == (64, 4, 16, 16)
    assert targets.read.sum(1).tolist() == [1] * 64


def test_clicks_begin_after_their_share_of_the_run_and_cost_no_prediction_before(
    plan_of: PlanOf, drawn: list[ClickTensor]
) -> None:
    plan, network = plan_with(plan_of, after=0.5), Stubborn()
    inputs, targets = prepared(plan, network=network, progress=0.49)
    assert not drawn[-1].valid.any()
    assert not inputs[:, 1:].any()
    assert targets.read.all()
    assert network.seen == []
    prepared(plan, network=network, progress=0.5)
    assert drawn[-1].valid.any(1).all()


def test_the_network_is_left_in_training_mode(plan_of: PlanOf) -> None:
    network = Stubborn()
    prepared(plan_with(plan_of), network=network)
    assert network.training


def test_the_same_generator_prepares_the_same_batch(plan_of: PlanOf) -> None:
    images, labels = batch()
    task = Interactive(plan_with(plan_of, none=0.3, background=0.1, previous_dropout=0.3))
    one, again, other = (
        task.prepare(Batch(images, labels), Stubborn(), 1.0, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(one[0], again[0])
    assert torch.equal(one[1].read, again[1].read)
    assert not torch.equal(one[0], other[0])


def test_first_click_lies_inside_the_drawn_class(plan_of: PlanOf, drawn: list[ClickTensor]) -> None:
    _, targets = prepared(plan_with(plan_of))
    rows = torch.arange(64)
    chosen = targets.read.argmax(1)
    assert set(chosen.tolist()) == {0, 1}
    y, x = drawn[-1].positions[:, 0].long().T
    assert drawn[-1].inside[:, 0].all()
    assert (targets.masks[rows, chosen, y, x] == 1).all()


def test_a_sample_without_clicks_reads_all_channels_and_shows_nothing(
    plan_of: PlanOf, drawn: list[ClickTensor]
) -> None:
    inputs, targets = prepared(plan_with(plan_of, none=0.4))
    bare = drawn[-1].valid.sum(1) == 0
    assert 10 < int(bare.sum()) < 45
    assert (targets.read[bare] == 1).all()
    assert not inputs[bare, 1:].any()
    assert (inputs[~bare, 1:3].flatten(1).amax(1) > 0.5).all()
    assert (targets.read[~bare].sum(1) == 1).all()


def test_an_all_background_sample_gets_outside_clicks_only(plan_of: PlanOf, drawn: list[ClickTensor]) -> None:
    inputs, targets = prepared(plan_with(plan_of, background=1.0))
    assert not (drawn[-1].inside & drawn[-1].valid).any()
    assert drawn[-1].valid[:, 0].all()
    chosen = targets.masks[torch.arange(64), targets.read.argmax(1)]
    assert not chosen.any()
    assert not inputs[:, 1].any()


def test_an_empty_patch_gets_an_outside_click(plan_of: PlanOf, drawn: list[ClickTensor]) -> None:
    prepared(plan_with(plan_of), labels=torch.zeros((64, 16, 16), dtype=torch.uint8))
    assert drawn[-1].valid[:, 0].all()
    assert not drawn[-1].inside.any()


@pytest.mark.parametrize(("dropout", "low", "high"), [(0.0, 64, 64), (1.0, 0, 0), (0.5, 15, 50)])
def test_the_previous_mask_is_dropped_as_often_as_asked(plan_of: PlanOf, dropout: float, low: int, high: int) -> None:
    inputs, _ = prepared(plan_with(plan_of, previous_dropout=dropout))
    shown = inputs[:, 3].flatten(1).any(1)
    assert low <= int(shown.sum()) <= high
    expected = torch.zeros(16, 16)
    expected[:, :8] = 1
    assert (inputs[shown, 3] == expected).all()


def test_without_previous_mask_there_is_no_channel_for_it(plan_of: PlanOf) -> None:
    inputs, _ = prepared(plan_with(plan_of, previous_mask=False))
    assert inputs.shape[1] == 3


def test_each_question_shows_the_clicks_before_it(plan_of: PlanOf) -> None:
    """Guards against clicks that are drawn but never reach the network (MONAI's DeepEdit in inference)."""
    network = Stubborn()
    prepared(plan_with(plan_of), network=network)
    peaks = [inputs[:, 1:3].flatten(2).amax(2).amax(1) for inputs in network.seen]
    assert not peaks[0].any()
    assert all((peak > 0.9).all() for peak in peaks[1:])
    assert len(network.seen) == 5


def test_a_perfect_network_is_not_clicked_twice(plan_of: PlanOf, drawn: list[ClickTensor]) -> None:
    labels = torch.zeros((64, 16, 16), dtype=torch.uint8)
    labels[:, :, :8] = 1
    prepared(plan_with(plan_of), labels=labels)
    assert drawn[-1].valid.sum(1).tolist() == [1] * 64


def test_3d_batches(plan_of: PlanOf) -> None:
    labels = torch.zeros((8, 8, 8, 8), dtype=torch.uint8)
    labels[:, 2:5, 2:5, 4:7] = 1
    plan = plan_of(patch=(8, 8, 8), task="interactive", clicks={"none": 0.0, "sigma_mm": 1.0})
    network = Stubborn(1)
    inputs, targets = Interactive(plan).prepare(
        Batch(torch.rand(8, 1, 8, 8, 8), labels), network, 1.0, torch.Generator()
    )
    assert inputs.shape == (8, 4, 8, 8, 8)
    assert Interactive(plan).loss(torch.zeros(8, 1, 8, 8, 8), targets).isfinite()


def test_bent_contours_are_wanted_where_several_clicks_are_given_and_nowhere_else(plan_of: PlanOf) -> None:
    _, labels = batch()
    real = interactive.masks_of(labels, 2)
    _, targets = prepared(plan_with(plan_of, bent=1.0, bend=0.5, none=0.5))
    clicked = targets.read.sum(1) == 1
    changed = (targets.masks != real).flatten(1).any(1)
    assert 16 < clicked.sum() < 48
    assert not changed[~clicked].any()
    assert 0.6 < changed[clicked].float().mean() < 0.95, "one click in five is alone and tells no bend"
    read = targets.read.bool()
    assert torch.equal(targets.masks[~read], real[~read]), "a class without clicks keeps its contour"


def test_a_lone_click_goes_with_the_contour_of_the_reference(plan_of: PlanOf) -> None:
    _, labels = batch()
    _, targets = prepared(plan_with(plan_of, bent=1.0, bend=0.5, most=1))
    assert torch.equal(targets.masks, interactive.masks_of(labels, 2))


@pytest.mark.parametrize("combine", ["max", "sum"])
@pytest.mark.parametrize("settings", [{}, {"background": 1.0}, {"none": 1.0}, {"bent": 1.0, "bend": 1.0}])
@pytest.mark.parametrize("fill", [None, 0, 1, 2])
def test_inputs_and_loss_are_always_numbers(
    plan_of: PlanOf, combine: str, settings: dict[str, float], fill: Any
) -> None:
    labels = None if fill is None else torch.full((64, 16, 16), fill, dtype=torch.uint8)
    plan = plan_with(plan_of, combine=combine, **settings)
    inputs, targets = prepared(plan, labels)
    assert inputs.isfinite().all()
    assert inputs.amin() >= 0
    assert inputs.amax() <= 1
    assert Interactive(plan).loss(torch.zeros(64, 2, 16, 16), targets).isfinite()
    empty = inputs[:, 1:3].flatten(2).amax(2)
    assert ((empty == 0) | (empty > 0.5)).all(), "a map without clicks is 0, one with clicks has its peak"


def test_every_number_of_clicks_is_as_likely_as_the_others(plan_of: PlanOf, drawn: list[ClickTensor]) -> None:
    counts = torch.zeros(6, dtype=torch.long)
    for seed in range(20):
        prepared(plan_with(plan_of), seed=seed)
        counts += drawn[-1].valid.sum(1).bincount(minlength=6)
    assert counts[0] == 0
    assert (counts[1:] > 0.15 * counts.sum()).all()

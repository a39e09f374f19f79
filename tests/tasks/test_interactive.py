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
from napari_progseg.tasks.segmentation import Targets, masks_of
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
    """Build a plan of two classes by the paper's rule: the network answers between the clicks, and that is all."""
    plain = {"background": 0.0, "none": 0.0, "previous_dropout": 0.0, "min_component": 0, "bent": 0.0}
    paper = {"decoys": 0.0, "emphasis": 0.0, "previous": "answers"}
    return plan_of(clicks={**plain, **paper, **clicks}, task="interactive", classes=BOTH)


def test_one_to_five_clicks_occur(plan_of: PlanOf, drawn: list[ClickTensor]) -> None:
    inputs, targets = prepared(plan_with(plan_of))
    assert set(drawn[-1].valid.sum(1).tolist()) == {1, 2, 3, 4, 5}
    assert inputs.shape == (64, 4, 16, 16)
    assert targets.read.all()


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


def test_the_first_click_names_a_structure_which_every_channel_learns(
    plan_of: PlanOf, drawn: list[ClickTensor]
) -> None:
    _, labels = batch()
    _, targets = prepared(plan_with(plan_of))
    y, x = drawn[-1].positions[:, 0].long().T
    clicked = labels[torch.arange(64), y, x]
    assert set(clicked.tolist()) == {1, 2}
    assert drawn[-1].inside[:, 0].all()
    wanted = (labels == clicked[:, None, None]).float()
    assert targets.read.all()
    assert all(torch.equal(targets.masks[:, channel], wanted) for channel in (0, 1))


def test_a_sample_without_clicks_reads_all_channels_and_shows_nothing(
    plan_of: PlanOf, drawn: list[ClickTensor]
) -> None:
    inputs, targets = prepared(plan_with(plan_of, none=0.4))
    bare = drawn[-1].valid.sum(1) == 0
    assert 10 < int(bare.sum()) < 45
    assert (targets.read[bare] == 1).all()
    assert torch.equal(targets.masks[bare], masks_of(batch()[1], 2)[bare])
    assert not inputs[bare, 1:].any()
    assert (inputs[~bare, 1:3].flatten(1).amax(1) > 0.5).all()


def test_an_all_background_sample_gets_outside_clicks_only(plan_of: PlanOf, drawn: list[ClickTensor]) -> None:
    inputs, targets = prepared(plan_with(plan_of, background=1.0))
    assert not (drawn[-1].inside & drawn[-1].valid).any()
    assert drawn[-1].valid[:, 0].all()
    assert (targets.read.sum(1) == 1).all(), "an outside click does not say what is left of the other classes"
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


def test_bent_contours_are_wanted_where_several_clicks_are_given_and_nowhere_else(
    plan_of: PlanOf, drawn: list[ClickTensor]
) -> None:
    real = masks_of(batch()[1], 2)
    _, targets = prepared(plan_with(plan_of, bent=1.0, bend=0.5, none=0.5))
    clicks = drawn[-1].valid.sum(1)
    straight = (targets.masks == targets.masks[:, :1]).flatten(1).all(1) & (targets.masks[:, :1] != real).flatten(
        2
    ).any(2).all(1)
    assert not straight[clicks == 0].any()
    assert straight[clicks > 1].float().mean() > 0.6


def test_the_loss_looks_at_a_bent_contour_only_where_clicks_tell_it(plan_of: PlanOf) -> None:
    real = masks_of(batch()[1], 2)
    _, targets = prepared(plan_with(plan_of, bent=1.0, bend=0.5, sigma_mm=1.0))
    own = (real * targets.masks[:, :1]).flatten(2).sum(2).argmax(1)
    agrees = real[torch.arange(64), own] == targets.masks[:, 0]
    near, far = targets.near[:, 0] > 0.02, targets.near[:, 0] < 0.01
    seen = targets.seen[:, 0] > 0
    assert seen[near].all()
    assert not seen[far & ~agrees].any()
    assert 0 < (~seen).float().mean() < 0.2


def test_a_lone_click_goes_with_the_contour_of_the_reference(plan_of: PlanOf) -> None:
    _, targets = prepared(plan_with(plan_of, bent=1.0, bend=0.5, most=1))
    real = masks_of(batch()[1], 2)
    assert ((targets.masks[:, :1] == real).flatten(2).all(2)).any(1).all()


def degraded(plan_of: PlanOf, **clicks: Any) -> Plan:
    return plan_with(plan_of, **{"previous": "degraded", "sigma_mm": 1.0, **clicks})


def test_degraded_masks_are_mended_without_asking_the_network(plan_of: PlanOf, drawn: list[ClickTensor]) -> None:
    network = Stubborn()
    inputs, _ = prepared(degraded(plan_of), network=network)
    assert network.seen == []
    assert network.training
    counts = drawn[-1].valid.sum(1).bincount(minlength=6)
    assert counts[0] == 0
    assert counts[1] > counts[2] > counts[4:].sum(), "few clicks are more frequent than many"
    assert inputs[:, 3].flatten(1).any(1).float().mean() > 0.8
    assert len(inputs[:, 3].flatten(1).unique(dim=0)) > 20


def test_the_last_click_lies_in_an_error_of_the_mask_that_is_shown(plan_of: PlanOf, drawn: list[ClickTensor]) -> None:
    inputs, targets = prepared(degraded(plan_of))
    clicks, rows = drawn[-1], torch.arange(64)
    last = clicks.valid.sum(1) - 1
    several = (last > 0) & (inputs[:, 3] != targets.masks[:, 0]).flatten(1).any(1)
    assert several.float().mean() > 0.2
    y, x = clicks.positions[rows, last].long().T
    inside, wanted = clicks.inside[rows, last], targets.masks[rows, 0, y, x] > 0
    assert torch.equal(inside, wanted), "a click says what is true"
    marked = inputs[rows, 3, y, x] > 0
    assert (marked[several] != wanted[several]).all(), "and that it is not marked"


def test_a_mask_is_right_where_it_was_clicked_before(plan_of: PlanOf, drawn: list[ClickTensor]) -> None:
    inputs, targets = prepared(degraded(plan_of))
    clicks, rows = drawn[-1], torch.arange(64)
    count = clicks.valid.sum(1)
    for slot in range(4):
        earlier = count - 1 > slot
        y, x = clicks.positions[:, slot].long().T
        assert torch.equal(inputs[rows, 3, y, x][earlier], targets.masks[rows, 0, y, x][earlier])


def test_an_object_that_became_background_is_marked_and_clicked_away(plan_of: PlanOf, drawn: list[ClickTensor]) -> None:
    _, labels = batch()
    inputs, targets = prepared(degraded(plan_of, background=1.0, most=1))
    y, x = drawn[-1].positions[:, 0].long().T
    rows = torch.arange(64)
    marked = (inputs[:, 3].bool() & (labels > 0)).flatten(1).any(1)
    assert marked.float().mean() > 0.6
    assert (inputs[rows, 3, y, x][marked] == 1).float().mean() > 0.7, "what is marked is clicked"
    assert not drawn[-1].inside.any()
    assert not targets.masks[rows, targets.read.argmax(1)].any()


def gallery(copies: int = 64) -> tuple[Tensor, Tensor]:
    """Two structures of one grey each, and a third square of another grey that has no name."""
    labels = torch.zeros((copies, 48, 48), dtype=torch.uint8)
    labels[:, 3:18, 3:18] = 1
    labels[:, 3:18, 30:45] = 2
    images = torch.zeros(copies, 1, 48, 48)
    images[:, 0][labels > 0] = 0.6
    images[:, :, 28:42, 16:30] = 1.0
    return images, labels


def test_decoys_are_pieces_without_a_name_that_an_inside_click_names(plan_of: PlanOf, drawn: list[ClickTensor]) -> None:
    images, labels = gallery()
    plan = degraded(plan_of, decoys=1.0, most=1)
    _, targets = Interactive(plan).prepare(Batch(images, labels), Stubborn(), 1.0, torch.Generator().manual_seed(0))
    named = ~(targets.masks[:, 0].bool() & (labels > 0)).flatten(1).any(1)
    assert named.float().mean() > 0.2, "not every image has a piece to offer"
    assert torch.equal(targets.masks[named, 0] > 0, images[named, 0] == 1.0)
    assert drawn[-1].inside[named, 0].all()
    assert targets.read[named].all()


def test_without_decoys_clicks_name_classes_alone(plan_of: PlanOf) -> None:
    images, labels = gallery()
    _, targets = Interactive(degraded(plan_of)).prepare(
        Batch(images, labels), Stubborn(), 1.0, torch.Generator().manual_seed(0)
    )
    real = masks_of(labels, 2)
    assert ((targets.masks[:, :1] == real).flatten(2).all(2)).any(1).all()


def test_the_loss_weighs_an_error_at_a_click_more_than_one_far_from_all(plan_of: PlanOf) -> None:
    plan = degraded(plan_of, most=1, emphasis=1.0)
    _, targets = prepared(plan)
    right = (targets.masks * 2 - 1) * 9
    near, far = right.clone(), right.clone()
    place = targets.near.flatten(1).argmax(1)
    opposite = (targets.near + targets.masks[:, :1]).flatten(1).argmin(1)
    rows = torch.arange(64)
    near.flatten(2)[rows, :, place] *= -1
    far.flatten(2)[rows, :, opposite] *= -1
    weighed, plain = Interactive(plan), Interactive(degraded(plan_of, most=1), dice=False)
    assert weighed.loss(near, targets) > weighed.loss(far, targets) + 0.2
    assert plain.loss(near, targets) == pytest.approx(float(plain.loss(far, targets)), rel=1e-3)


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

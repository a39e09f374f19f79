"""What a network takes over from another one."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from napari_progseg.data.plan import Plan
from napari_progseg.errors import UserError
from napari_progseg.networks.build import build_network, convolutions, input_and_head
from napari_progseg.networks.surgery import CarryReport, carry_over
from napari_progseg.volume import LabelClass

PlanOf = Callable[..., Plan]
BONE, LIVER, KIDNEY = LabelClass("bone", (1,)), LabelClass("liver", (2, 3)), LabelClass("kidney", (4,))
SIZES = {2: (48, 32), 3: (16, 16, 32)}
BOTH = pytest.mark.parametrize("architecture", ["dynunet", "basic_unet"])
DIMS = pytest.mark.parametrize("dims", [2, 3])


@pytest.fixture(autouse=True)
def _few_threads(one_thread: None) -> None:
    """Let torch leave the other cores alone."""


@pytest.fixture
def shaped(plan_of: PlanOf) -> PlanOf:
    """Build a plan of five levels for an architecture, dimensions and task; further fields by name."""

    def build(architecture: str, dims: int, task: str, **fields: Any) -> Plan:
        network = {"architecture": architecture, "widths": (4, 8, 8, 8, 8), "strides": ((2,) * dims,) * 4}
        return plan_of(**{"patch": SIZES[dims], "task": task, **network, **fields})

    return build


def learned(plan: Plan) -> nn.Module:
    """Build a network none of whose tensors has its initial value."""
    network = build_network(plan, seed=5)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    return network.eval()


def taken_over(source: Plan, plan: Plan, **how: Any) -> tuple[nn.Module, nn.Module, CarryReport]:
    """Return the network that has learned, one that begins with its weights, and the report."""
    old, new = learned(source), build_network(plan, seed=9).eval()
    tensors, report = carry_over(old.state_dict(), source, new, plan, **how)
    new.load_state_dict(tensors)
    return old, new, report


def images(dims: int, batch: int = 3) -> Tensor:
    return torch.rand(batch, 1, *SIZES[dims], generator=torch.Generator().manual_seed(0))


def with_empty(image: Tensor, channels: int) -> Tensor:
    """Add empty click maps, and an empty previous mask, to images."""
    return torch.cat([image, image.new_zeros(len(image), channels - 1, *image.shape[2:])], dim=1)


@BOTH
@DIMS
@pytest.mark.parametrize("previous_mask", [True, False])
def test_without_clicks_the_inflated_network_equals_the_one_channel_network_exactly(
    shaped: PlanOf, architecture: str, dims: int, previous_mask: bool
) -> None:
    """Algorithms 8.6, to the last bit."""
    one = shaped(architecture, dims, "segmentation")
    many = shaped(architecture, dims, "interactive", clicks={"previous_mask": previous_mask})
    old, new, _ = taken_over(one, many)
    assert many.input_channels == 3 + previous_mask
    for batch in (1, 2, 5):
        image = images(dims, batch)
        with torch.no_grad():
            assert torch.equal(new(with_empty(image, many.input_channels)), old(image))


@BOTH
@DIMS
def test_restoration_to_interactive_gives_the_restored_image_exactly_where_the_head_is_kept(
    shaped: PlanOf, architecture: str, dims: int
) -> None:
    source = shaped(architecture, dims, "restoration")
    plan = shaped(architecture, dims, "interactive", classes=(BONE, LIVER))
    old, new, report = taken_over(source, plan, keep_head=True)
    image = images(dims)
    with torch.no_grad():
        out = new(with_empty(image, 4))
        assert torch.equal(out[:, 0], out[:, 1])
        torch.testing.assert_close(out[:, :1], old(image), rtol=0, atol=1e-6)
    assert (report.kept, report.fresh, report.new) == (("bone", "liver"), (), ())


@BOTH
@DIMS
def test_restoration_to_interactive_has_the_same_features_and_a_fresh_head(
    shaped: PlanOf, architecture: str, dims: int
) -> None:
    source = shaped(architecture, dims, "restoration")
    plan = shaped(architecture, dims, "interactive")
    old, new, report = taken_over(source, plan)
    seen: list[Tensor] = []
    for network in (old, new):
        input_and_head(network)[1].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    image = images(dims)
    with torch.no_grad():
        old(image), new(with_empty(image, 4))
    assert torch.equal(*seen)
    fresh = input_and_head(build_network(plan, seed=9))[1].state_dict()
    assert all(torch.equal(tensor, fresh[name]) for name, tensor in input_and_head(new)[1].state_dict().items())
    assert len(report.new) == 2
    assert report.fresh == ("bone",)


@BOTH
@DIMS
def test_from_restoration_with_click_tasks_every_class_can_begin_as_what_was_clicked(
    shaped: PlanOf, architecture: str, dims: int
) -> None:
    source = shaped(architecture, dims, "restoration", click_tasks=True)
    plan = shaped(architecture, dims, "interactive", classes=(BONE, LIVER))
    old, new, report = taken_over(source, plan, keep_head=True)
    shown = torch.rand(3, 4, *SIZES[dims], generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(new(shown), old(shown)[:, 1:].expand(-1, 2, *[-1] * dims), rtol=0, atol=1e-6)
        assert not torch.equal(old(shown)[:, :1], old(shown)[:, 1:])
    assert (report.kept, report.fresh, report.new) == (("bone", "liver"), (), ())
    assert report.channels_before == report.channels


@BOTH
@DIMS
def test_click_tasks_give_their_features_and_click_filters_and_the_head_is_fresh(
    shaped: PlanOf, architecture: str, dims: int
) -> None:
    source = shaped(architecture, dims, "restoration", click_tasks=True)
    plan = shaped(architecture, dims, "interactive")
    old, new, report = taken_over(source, plan)
    seen: list[Tensor] = []
    for network in (old, new):
        input_and_head(network)[1].register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    shown = torch.rand(3, 4, *SIZES[dims], generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        old(shown), new(shown)
    assert torch.equal(*seen)
    assert (report.kept, report.fresh) == ((), ("bone",))


@BOTH
def test_click_tasks_leave_segmentation_a_fresh_head_and_no_click_channels(shaped: PlanOf, architecture: str) -> None:
    source = shaped(architecture, 2, "restoration", click_tasks=True)
    _, _, report = taken_over(source, shaped(architecture, 2, "segmentation"))
    assert (report.kept, report.fresh) == ((), ("bone",))
    assert "input narrowed from 4 channels to 1" in report.sentence
    old, new, report = taken_over(source, shaped(architecture, 2, "segmentation"), keep_head=True)
    with torch.no_grad():
        restored = old(with_empty(images(2), 4))[:, :1]
        torch.testing.assert_close(new(images(2)), restored, rtol=0, atol=1e-6)
    assert report.kept == ("bone",)


@BOTH
def test_restoration_goes_on_with_click_tasks(shaped: PlanOf, architecture: str) -> None:
    source = shaped(architecture, 2, "restoration")
    old, new, report = taken_over(source, shaped(architecture, 2, "restoration", click_tasks=True))
    with torch.no_grad():
        torch.testing.assert_close(new(with_empty(images(2), 4))[:, :1], old(images(2)), rtol=0, atol=1e-6)
    assert (report.kept, report.fresh) == (("the restored image",), ("the clicked object",))


@BOTH
@DIMS
@pytest.mark.parametrize("previous_mask", [True, False])
def test_an_interactive_network_without_clicks_equals_the_reduced_one_exactly(
    shaped: PlanOf, architecture: str, dims: int, previous_mask: bool
) -> None:
    many = shaped(architecture, dims, "interactive", clicks={"previous_mask": previous_mask})
    one = shaped(architecture, dims, "segmentation")
    old, new, report = taken_over(many, one)
    image = images(dims)
    with torch.no_grad():
        assert torch.equal(new(image), old(with_empty(image, many.input_channels)))
    assert not report.new


@BOTH
@pytest.mark.parametrize(("before", "after"), [(True, False), (False, True)])
def test_the_previous_mask_comes_and_goes_by_its_meaning(
    shaped: PlanOf, architecture: str, before: bool, after: bool
) -> None:
    source, plan = (
        shaped(architecture, 2, "interactive", clicks={"previous_mask": with_mask}) for with_mask in (before, after)
    )
    old, new, report = taken_over(source, plan)
    shown = torch.cat([images(2), torch.rand(3, 2, *SIZES[2])], dim=1)
    empty = torch.zeros(3, 1, *SIZES[2])
    with torch.no_grad():
        seen = [
            network(torch.cat([shown, empty], 1) if mask else shown) for network, mask in ((old, before), (new, after))
        ]
    assert torch.equal(*seen)
    assert ("without previous mask" in report.sentence) is before


def test_channels_go_by_meaning_and_not_by_place(shaped: PlanOf, monkeypatch: pytest.MonkeyPatch) -> None:
    source, plan = shaped("dynunet", 2, "interactive"), shaped("dynunet", 2, "interactive")
    turned = ("previous mask", "outside clicks", "inside clicks", "image")
    monkeypatch.setattr(Plan, "channels", property(lambda self: turned if self is source else turned[::-1]))
    old, new, _ = taken_over(source, plan)
    there, here = (input_and_head(network)[0].weight for network in (old, new))
    assert torch.equal(here, there.flip(1))  # type: ignore[operator, arg-type]


@BOTH
def test_classes_of_the_same_name_and_values_keep_their_output(shaped: PlanOf, architecture: str) -> None:
    source = shaped(architecture, 2, "segmentation", classes=(BONE, LIVER, KIDNEY))
    other_kidney, turned_liver = LabelClass("kidney", (9,)), LabelClass("liver", (3, 2))
    plan = shaped(architecture, 2, "segmentation", classes=(turned_liver, other_kidney, BONE))
    old, new, report = taken_over(source, plan)
    image = images(2)
    with torch.no_grad():
        there, here = old(image), new(image)
    assert torch.equal(here[:, 0], there[:, 1])
    assert torch.equal(here[:, 2], there[:, 0])
    assert not torch.allclose(here[:, 1], there[:, 2])
    assert (report.kept, report.fresh) == (("liver", "bone"), ("kidney",))
    assert all(name.startswith(("output_block.", "final_conv.")) for name in report.new)


@BOTH
@DIMS
def test_every_tensor_is_either_carried_or_new(shaped: PlanOf, architecture: str, dims: int) -> None:
    source, plan = shaped(architecture, dims, "restoration"), shaped(architecture, dims, "interactive")
    old, new, report = taken_over(source, plan)
    named = dict(new.named_parameters())
    assert sorted((*report.carried, *report.new)) == sorted(named)
    there = dict(old.named_parameters())
    inputs = next(name for name, parameter in named.items() if parameter is input_and_head(new)[0].weight)
    assert inputs in report.carried
    for name in set(report.carried) - {inputs}:
        assert torch.equal(named[name], there[name]), name
    assert torch.equal(named[inputs][:, :1], there[inputs])
    assert not named[inputs][:, 1:].any()
    for name in report.new:
        assert not torch.equal(named[name], there[name]), name


def test_neither_network_is_changed_by_looking(shaped: PlanOf) -> None:
    source, plan = shaped("dynunet", 2, "restoration"), shaped("dynunet", 2, "interactive")
    old, new = learned(source), build_network(plan, seed=9)
    before = [{name: tensor.clone() for name, tensor in network.state_dict().items()} for network in (old, new)]
    carry_over(old.state_dict(), source, new, plan)
    for network, tensors in zip((old, new), before, strict=True):
        assert all(torch.equal(tensor, tensors[name]) for name, tensor in network.state_dict().items())


@pytest.mark.parametrize(
    ("tasks", "classes", "keep_head", "expected"),
    [
        (
            ("restoration", "interactive"),
            ((), (LIVER,)),
            False,
            "{carried} of {all} tensors carried over; input widened from 1 to 4 channels, the new ones start at zero; "
            "new head for liver",
        ),
        (
            ("restoration", "segmentation"),
            ((), (LIVER, BONE)),
            True,
            "{all} of {all} tensors carried over; head kept for liver, bone",
        ),
        (
            ("interactive", "segmentation"),
            ((BONE,), (BONE, LIVER)),
            False,
            "{carried} of {all} tensors carried over; input narrowed from 4 channels to 1, "
            "without inside clicks, outside clicks, previous mask; head kept for bone; new head for liver",
        ),
        (
            ("restoration", "restoration"),
            ((), ()),
            False,
            "{all} of {all} tensors carried over; head kept for the restored image",
        ),
        (
            ("segmentation", "restoration"),
            ((BONE,), ()),
            True,
            "{carried} of {all} tensors carried over; new head for the restored image",
        ),
    ],
)
def test_the_report_says_it_in_plain_words(
    shaped: PlanOf, tasks: tuple[str, str], classes: Any, keep_head: bool, expected: str
) -> None:
    source, plan = (shaped("dynunet", 2, task, classes=each) for task, each in zip(tasks, classes, strict=True))
    origin = f"0001-learn ({tasks[0]}, step 1200)"
    _, new, report = taken_over(source, plan, keep_head=keep_head, origin=origin)
    total = len(list(new.parameters()))
    assert report.sentence == f"from {origin}: " + expected.format(all=total, carried=total - 2)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"architecture": "basic_unet"}, "architecture"),
        ({"widths": (8, 8, 8, 8, 8)}, "widths"),
        ({"patch": (16, 16, 16), "strides": ((2, 2, 2),) * 4}, "dims"),
        ({"strides": ((2, 2), (2, 2), (2, 2), (1, 2))}, "strides"),
    ],
)
def test_another_network_is_refused_by_what_differs(shaped: PlanOf, change: dict[str, Any], named: str) -> None:
    source = shaped("dynunet", 2, "segmentation")
    with pytest.raises(UserError, match=f"network of {named}"):
        taken_over(source, shaped(**{"architecture": "dynunet", "dims": 2, "task": "segmentation", **change}))


def test_tensors_that_belie_their_plan_are_refused_by_name(shaped: PlanOf) -> None:
    plan = shaped("dynunet", 2, "segmentation")
    tensors = learned(plan).state_dict()
    for name, wrong in itertools.product(tensors, (None, torch.zeros(3, 3))):
        torn = {key: tensor for key, tensor in tensors.items() if key != name}
        with pytest.raises(UserError, match=name.replace(".", r"\.")):
            carry_over(torn if wrong is None else {**torn, name: wrong}, plan, build_network(plan, seed=0), plan)


@BOTH
@DIMS
def test_the_ends_of_a_network_are_its_first_and_last_convolution(shaped: PlanOf, architecture: str, dims: int) -> None:
    plan = shaped(architecture, dims, "interactive", classes=(BONE, LIVER))
    network = build_network(plan, seed=0)
    first, last = input_and_head(network)
    assert (first.in_channels, last.out_channels) == (4, 2)
    called: list[nn.Module] = []
    for module in convolutions(network):
        module.register_forward_hook(lambda module, inputs, output: called.append(module))
    network(torch.zeros(2, 4, *SIZES[dims]))
    assert (called[0], called[-1]) == (first, last)

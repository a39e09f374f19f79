"""Networks that plans describe."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from monai.networks.nets.basic_unet import BasicUNet

from napari_progseg.data.plan import CaseFacts, Plan, make_plan
from napari_progseg.networks.build import build_network, convolutions, input_and_head
from napari_progseg.training.config import BudgetConfig, Task, preset_config
from napari_progseg.volume import LabelClass

PlanOf = Callable[..., Plan]
BOTH = (LabelClass("a", (1,)), LabelClass("b", (2,)))


def paper(task: Task) -> Plan:
    facts = CaseFacts("a", "ct", (40, 96, 96), (1.0, 1.0, 1.0), np.arange(9, dtype=np.float32))
    return make_plan([facts], preset_config("paper", task, budget=BudgetConfig(steps=1)), BOTH[:1])


def test_the_papers_network_has_23_convolutions_and_31_million_weights() -> None:
    network = build_network(paper("segmentation"), seed=0)
    assert isinstance(network, BasicUNet)
    assert len(convolutions(network)) == 23
    assert sum(weight.numel() for weight in network.parameters()) / 1e6 == pytest.approx(31.1, abs=0.1)
    kinds = {type(module).__name__ for module in network.modules()}
    assert "ReLU" in kinds
    assert not any("Norm" in kind or "Leaky" in kind for kind in kinds)


@pytest.mark.parametrize("architecture", ["dynunet", "basic_unet"])
@pytest.mark.parametrize("patch", [(16, 32), (16, 16, 32)])
def test_one_logit_a_class_on_the_grid_of_the_input(plan_of: PlanOf, architecture: str, patch: tuple[int, ...]) -> None:
    stride = (2,) * len(patch)
    plan = plan_of(
        patch=patch,
        architecture=architecture,
        task="interactive",
        classes=BOTH,
        widths=(2, 4, 8, 8, 8),
        strides=(stride,) * 4,
    )
    network = build_network(plan, seed=0).train()
    assert network(torch.zeros(2, 4, *patch)).shape == (2, 2, *patch)


def test_axes_may_be_halved_at_different_levels_and_down_to_one_voxel(plan_of: PlanOf) -> None:
    plan = plan_of(patch=(2, 4, 4), widths=(2, 4, 8), strides=((1, 2, 2), (2, 2, 2)))
    network = build_network(plan, seed=0).train()
    network(torch.rand(1, 1, 2, 4, 4)).sum().backward()
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    unreached = {name for name, gradient in gradients.items() if gradient is None}
    assert all(name.startswith("bottleneck.") for name in unreached), "one voxel, normalised, passes only its offset"
    assert all(gradient.isfinite().all() for gradient in gradients.values() if gradient is not None)


@pytest.mark.parametrize("architecture", ["dynunet", "basic_unet"])
def test_an_interactive_network_begins_deaf_to_clicks_and_can_learn_to_hear(plan_of: PlanOf, architecture: str) -> None:
    widths = (4, 4, 8, 8, 8) if architecture == "basic_unet" else (4, 8, 8)
    strides = ((2, 2),) * (len(widths) - 1)
    plan = plan_of(task="interactive", architecture=architecture, widths=widths, strides=strides, patch=(16, 16))
    network = build_network(plan, seed=0)
    image, said = torch.rand(2, 1, 16, 16), torch.rand(2, 3, 16, 16)
    clicked = torch.cat([image, said], 1)
    torch.testing.assert_close(network(clicked), network(torch.cat([image, torch.zeros_like(said)], 1)))
    first, _ = input_and_head(network)
    network(clicked).square().mean().backward()
    assert (first.weight.grad.flatten(2).abs().sum((0, 2)) > 0).all()  # type: ignore[union-attr, operator]


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 9, 9), (12, 12, 12)])
@pytest.mark.parametrize("dims", [2, 3])
def test_the_smallest_images_have_a_network_too(shape: tuple[int, int, int], dims: int) -> None:
    facts = CaseFacts("a", "mr", shape, (1.0, 1.0, 1.0), np.arange(9, dtype=np.float32))
    config = preset_config("tiny", "segmentation", budget=BudgetConfig(steps=1), model={"dims": dims, "width": 2})
    plan = make_plan([facts], config, BOTH[:1])
    assert build_network(plan, seed=0).train()(torch.zeros(2, 1, *plan.patch)).shape == (2, 1, *plan.patch)


def test_the_seed_decides_the_weights_and_leaves_the_global_generator_alone(plan_of: PlanOf) -> None:
    before = torch.random.get_rng_state()
    one, again, other = (build_network(plan_of(), seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)

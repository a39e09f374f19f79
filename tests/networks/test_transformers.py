"""Transformers take the patches of a growing schedule, and learn from each of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from napari_progseg.data.plan import Plan
from napari_progseg.data.sampler import Batch
from napari_progseg.networks import build_network
from napari_progseg.schedules.patches import growing_patches
from napari_progseg.tasks.segmentation import Segmentation

pytest.importorskip("einops")

PlanOf = Callable[..., Plan]
SIZES = {"unetr": (4, 16), "swin_unetr": (5, 32)}


def plan_for(plan_of: PlanOf, architecture: str, dims: int) -> Plan:
    halvings, step = SIZES[architecture]
    patch = (2 * step,) * (dims - 1) + (step,)
    strides = ((2,) * dims,) * halvings
    return plan_of(architecture=architecture, dims=dims, patch=patch, widths=(2,), strides=strides)


@pytest.mark.slow
@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("architecture", list(SIZES))
def test_one_step_of_every_stage(plan_of: PlanOf, architecture: str, dims: int) -> None:
    plan = plan_for(plan_of, architecture, dims)
    assert plan.divisor == (SIZES[architecture][1],) * dims
    network, task = build_network(plan, seed=0), Segmentation(1)
    optimiser = torch.optim.SGD(network.parameters(), 0.1)
    for patch in growing_patches(plan.patch, plan.divisor):
        images = torch.rand(2, 1, *patch)
        labels = torch.randint(0, 2, (2, *patch), dtype=torch.uint8)
        inputs, targets = task.prepare(Batch(images, labels), network, 0.0, torch.Generator())
        logits = network(inputs)
        assert logits.shape == (2, 1, *patch)
        loss = task.loss(logits, targets)
        loss.backward()
        assert loss.isfinite()
        optimiser.step()
        optimiser.zero_grad()


def test_the_places_of_tokens_are_interpolated(plan_of: PlanOf) -> None:
    network: nn.Module = build_network(plan_for(plan_of, "unetr", 2), seed=0)
    embedding = network.get_submodule("vit").get_submodule("patch_embedding")
    nn.init.zeros_(embedding.tokens.weight)  # type: ignore[arg-type]
    nn.init.zeros_(embedding.tokens.bias)  # type: ignore[arg-type]
    places = embedding.places.detach()
    assert places.shape[2:] == (2, 1)
    assert torch.allclose(embedding(torch.rand(1, 1, 32, 16))[0], places[0, :, :, 0].T)
    assert torch.allclose(embedding(torch.rand(1, 1, 16, 16))[0, 0], places[0].mean((1, 2)), atol=1e-6)

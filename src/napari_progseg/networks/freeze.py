"""Which part of a network learns; the rest keeps its weights and its running statistics.

Transfer paper (last layers are trained again); the generic rule of algorithms 3.4.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..data.plan import Plan
from ..training.config import FreezeChoice, RunConfig
from .build import CONVOLUTIONS, input_and_head

# parts of the networks that halve the image or follow directly on the last halving
_ENCODERS = ("input_block", "downsamples", "bottleneck", "conv_0", "down_", "encoder")


def frozen(network: nn.Module, plan: Plan, config: RunConfig) -> list[str]:
    """Freeze what a run's settings ask for, and say what learns; nothing is said where all of it does.

    Where the input has channels that the source had not, the first convolution learns, too: its new filters are zero.
    """
    settings = config.freeze
    if settings.policy == "none":
        return []
    sample = torch.zeros(2, plan.input_channels, *plan.patch)
    freeze(network, settings.policy, sample, last=settings.last)
    first, _ = input_and_head(network)
    wakes = _has_unread_inputs(first)
    if wakes:
        first.requires_grad_(requires_grad=True)
    total = sum(1 for module in network.modules() if isinstance(module, CONVOLUTIONS))
    now = sum(1 for m in network.modules() if isinstance(m, CONVOLUTIONS) and m.weight.requires_grad)
    tail = ", the first among them, since it has new input channels" if wakes else ""
    return [f"{now} of {total} convolutions learn{tail}; the other {total - now} stay as they are"]


def learn_only(network: nn.Module, names: Collection[str]) -> None:
    """Let the parameters of these names learn, and no others."""
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name in names)
    learn(network)


def _has_unread_inputs(first: nn.Module) -> bool:
    weight = first.weight
    assert isinstance(weight, Tensor)
    return not bool(weight.detach().flatten(2).any(2).any(0).all())


def freeze(network: nn.Module, policy: FreezeChoice, sample: Tensor, *, last: int = 10) -> tuple[str, ...]:
    """Freeze a part of a network.

    Parameters
    ----------
    policy : {"none", "encoder", "last_k", "head"}
        What is frozen: nothing; all that halves the image; all but the last `last` convolutions; all but the output.
    sample : Tensor, (B, channels, *patch)
        An input, which shows in which order the layers answer. A layer is a convolution with all that follows up to
        the next one.
    last : int
        Convolutions that learn, transposed ones among them; more than there are freeze nothing.

    Returns
    -------
    tuple of str
        Names of the parameters that learn.
    """
    network.requires_grad_(requires_grad=True)
    if policy == "encoder":
        for name, parameter in network.named_parameters():
            parameter.requires_grad_(not name.startswith(_ENCODERS))
    elif policy == "last_k":
        for layer in layers(network, sample)[:-last]:
            for module in layer:
                module.requires_grad_(requires_grad=False)
    elif policy == "head":
        network.requires_grad_(requires_grad=False)
        input_and_head(network)[1].requires_grad_(requires_grad=True)
    learn(network)
    return tuple(name for name, parameter in network.named_parameters() if parameter.requires_grad)


def learn(network: nn.Module) -> None:
    """Put a network in training mode, save its frozen modules: their statistics and dropout stay at rest."""
    network.train()
    for module in network.modules():
        own = list(module.parameters(recurse=False))
        if own and not any(parameter.requires_grad for parameter in own):
            module.eval()


def layers(network: nn.Module, sample: Tensor) -> list[list[nn.Module]]:
    """List the modules with weights in the order in which they answer, a new list at every convolution."""
    order = _answering(network, sample)
    found: list[list[nn.Module]] = []
    for module in order:
        if isinstance(module, CONVOLUTIONS) or not found:
            found.append([])
        found[-1].append(module)
    return found


def _answering(network: nn.Module, sample: Tensor) -> Sequence[nn.Module]:
    order: dict[nn.Module, None] = {}

    def heard(module: nn.Module, inputs: Any, output: Any) -> None:
        order.setdefault(module)

    weighted = [module for module in network.modules() if list(module.parameters(recurse=False))]
    hooks = [module.register_forward_hook(heard) for module in weighted]
    was_training = network.training
    try:
        with torch.no_grad():
            network.eval()(sample)
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    return list(order)

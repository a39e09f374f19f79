"""From a plan to a network."""

from __future__ import annotations

import torch
from monai.networks.nets.basic_unet import BasicUNet
from monai.networks.nets.dynunet import DynUNet
from torch import nn

from ..data.plan import Plan, ShapeHeads
from .backbones import BaseBackbone, UnetBackbone
from .deeplab import Deeplab, Norm
from .norm import PatientInstanceNorm, replace_instance_norms
from .shape import ShapeNetwork
from .transformers import swin_unetr, unetr


def build_network(plan: Plan, *, seed: int) -> nn.Module:
    """Build the network a plan describes, with one output channel (logit) per class.

    An interactive one begins as an automatic one: the filters of all channels but the image start at zero, as they do
    where a network is widened, so that clicks change nothing before it has learned from them (our choice; the papers do
    not say).

    Parameters
    ----------
    plan : Plan
        Gives dimensions, channels, widths and strides.
    seed : int
        Seeds the initial weights; the global generator is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _ARCHITECTURES[plan.architecture](plan) if plan.heads is None else _shape(plan, plan.heads)
        replace_instance_norms(network)
    if plan.input_channels > 1:
        _read_the_image_alone(network, plan.input_channels)
    return network


def _read_the_image_alone(network: nn.Module, channels: int) -> None:
    """Zero the filters of the other channels, and make those of the image as large as if there were no others."""
    first, _ = input_and_head(network)
    assert isinstance(first.weight, torch.Tensor)
    with torch.no_grad():
        first.weight[:, 1:] = 0
        first.weight[:, :1] *= channels**0.5


def _basic_unet(plan: Plan) -> nn.Module:
    """Five levels as in the limited-data paper, section 2.1: 23 convolutions, ReLU, no norm in `paper`."""
    widths = (*plan.widths, plan.widths[0])
    return BasicUNet(
        spatial_dims=plan.dims,
        in_channels=plan.input_channels,
        out_channels=plan.outputs,
        features=widths,
        act=("relu", {"inplace": True}),
        norm=("instance", {"affine": True}) if plan.norm == "instance" else None,  # type: ignore[arg-type]
        dropout=0.0,
        upsample="deconv",
    )


def _shape(plan: Plan, heads: ShapeHeads) -> nn.Module:
    """Build the network of task ``shape``; its decoders are still to become the mean and modes of a shape model."""
    return ShapeNetwork(
        BaseBackbone(plan.patch) if heads.backbone == "base" else UnetBackbone(_dynunet(plan), plan.widths[-1]), heads
    )


def _dynunet(plan: Plan) -> DynUNet:
    strides = [(1,) * plan.dims, *plan.strides]
    return DynUNet(
        spatial_dims=plan.dims,
        in_channels=plan.input_channels,
        out_channels=plan.outputs,
        kernel_size=[(3,) * plan.dims] * len(strides),
        strides=strides,
        upsample_kernel_size=list(plan.strides),
        filters=list(plan.widths),
        norm_name=("instance", {"affine": True}),
        act_name=("leakyrelu", {"inplace": True, "negative_slope": 0.01}),
        deep_supervision=False,
    )


def _deeplab(plan: Plan) -> nn.Module:
    norm: Norm = nn.BatchNorm2d if plan.norm == "batch" else PatientInstanceNorm
    return Deeplab(plan.input_channels, plan.outputs, plan.widths[0], plan.blocks, norm)


_ARCHITECTURES = {
    "basic_unet": _basic_unet,
    "dynunet": _dynunet,
    "deeplab": _deeplab,
    "unetr": unetr,
    "swin_unetr": swin_unetr,
}


CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)


def convolutions(network: nn.Module) -> list[nn.Module]:
    """List all convolutions, transposed ones too, in order of definition."""
    return [module for module in network.modules() if isinstance(module, CONVOLUTIONS)]


def input_and_head(network: nn.Module) -> tuple[nn.Module, nn.Module]:
    """Return the convolution that reads the input and the one, or those, that write the output."""
    first, *_, last = convolutions(network)
    return first, network.pyramid if isinstance(network, Deeplab) else last

"""The last layers learn, the others rest (algorithms 3.4, tests of 8.5)."""

from __future__ import annotations

import pytest
import torch
from monai.networks.nets.basic_unet import BasicUNet
from monai.networks.nets.dynunet import DynUNet
from torch import nn

from napari_progseg.networks.build import CONVOLUTIONS
from napari_progseg.networks.freeze import freeze, layers, learn

SAMPLE = torch.rand(2, 1, 32, 32)


def paper_unet() -> nn.Module:
    torch.manual_seed(0)
    return BasicUNet(2, 1, 1, (8, 8, 16, 16, 32, 8), upsample="deconv")


def dynunet() -> nn.Module:
    torch.manual_seed(0)
    strides = [(1, 1), (2, 2), (2, 2), (2, 2)]
    return DynUNet(2, 1, 1, [(3, 3)] * 4, strides, strides[1:], [8, 16, 16, 16], norm_name="batch")


def learning(network: nn.Module) -> list[nn.Module]:
    return [m for m in network.modules() if isinstance(m, CONVOLUTIONS) and m.weight.requires_grad]


@pytest.mark.parametrize("build", [paper_unet, dynunet])
def test_exactly_ten_convolutions_of_the_network_learn(build: type) -> None:
    network = build()
    freeze(network, "last_k", SAMPLE)
    assert len(learning(network)) == 10


def test_the_last_ten_of_the_paper_unet_are_three_decoder_levels_and_the_head() -> None:
    network = paper_unet()
    names = freeze(network, "last_k", SAMPLE)
    assert {name.split(".")[0] for name in names} == {"upcat_3", "upcat_2", "upcat_1", "final_conv"}


def test_a_norm_rests_with_the_convolution_before_it() -> None:
    network = dynunet()
    freeze(network, "last_k", SAMPLE, last=1)
    assert [layer for layer in layers(network, SAMPLE) if any(p.requires_grad for m in layer for p in m.parameters())]
    for layer in layers(network, SAMPLE)[:-1]:
        assert not any(p.requires_grad for module in layer for p in module.parameters())


def test_the_head_is_the_last_convolution() -> None:
    network = dynunet()
    names = freeze(network, "head", SAMPLE)
    assert {name.split(".")[0] for name in names} == {"output_block"}


def test_without_encoder_the_decoder_learns() -> None:
    network = dynunet()
    names = freeze(network, "encoder", SAMPLE)
    assert {name.split(".")[0] for name in names} == {"upsamples", "output_block"}


def test_more_layers_than_there_are_freeze_nothing() -> None:
    network = dynunet()
    assert len(freeze(network, "last_k", SAMPLE, last=99)) == len(list(network.parameters()))


def test_freezing_again_thaws_first() -> None:
    network = dynunet()
    freeze(network, "head", SAMPLE)
    assert len(freeze(network, "none", SAMPLE)) == len(list(network.parameters()))


def test_frozen_weights_and_statistics_do_not_move_in_twenty_steps() -> None:
    network = dynunet()
    freeze(network, "last_k", SAMPLE, last=4)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    optimiser = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], 1e-2)
    for step in range(20):
        network.eval()
        learn(network)
        network(SAMPLE + step).square().mean().backward()
        optimiser.step()
        optimiser.zero_grad()
    moving = [layer for layer in layers(network, SAMPLE) if any(p.requires_grad for m in layer for p in m.parameters())]
    statistics = {id(b) for layer in moving for m in layer for b in m.buffers()}
    for name, tensor in network.state_dict(keep_vars=True).items():
        moves = tensor.requires_grad or id(tensor) in statistics
        assert torch.equal(tensor, before[name]) != moves, name


def test_the_frozen_part_is_run_without_a_graph() -> None:
    network = dynunet()
    freeze(network, "last_k", SAMPLE, last=1)
    kept: list[bool] = []
    network.get_submodule("input_block").register_forward_hook(lambda *args: kept.append(args[2].requires_grad))
    network(SAMPLE)
    assert kept == [False]

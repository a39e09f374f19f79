"""The network of the transfer paper and its small sibling."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from napari_progseg.networks.build import convolutions
from napari_progseg.networks.deeplab import PAPER_BLOCKS, Deeplab
from napari_progseg.networks.freeze import freeze


def small(outputs: int = 2) -> Deeplab:
    torch.manual_seed(0)
    return Deeplab(1, outputs, 4, (1, 1, 2, 1), nn.BatchNorm2d)


@pytest.mark.parametrize("size", [(33, 47), (64, 64), (417, 417)])
def test_it_answers_in_the_size_of_the_image(size: tuple[int, int]) -> None:
    assert small()(torch.rand(2, 1, *size)).shape == (2, 2, *size)


def test_the_network_of_the_paper_has_its_hundred_convolutions_four_connections_and_four_branches() -> None:
    with torch.device("meta"):
        network = Deeplab(1, 1, 64, PAPER_BLOCKS, nn.BatchNorm2d)
    found = convolutions(network)
    assert len(found) == 1 + 3 * sum(PAPER_BLOCKS) + 4 + 4
    assert found[-1].in_channels == 2048


def test_the_image_is_halved_three_times_only() -> None:
    network = small()
    deep = network.encoder_stages(network.encoder_stem(torch.rand(1, 1, 64, 80)))
    assert deep.shape[2:] == (8, 10)


def test_fourteen_last_convolutions_are_the_fifth_stage_and_the_pyramid() -> None:
    torch.manual_seed(0)
    network = Deeplab(1, 1, 4, (1, 1, 2, 3), nn.BatchNorm2d)
    names = freeze(network, "last_k", torch.rand(2, 1, 32, 32), last=14)
    assert {name.split(".")[0] + name.split(".")[1] for name in names} == {
        "encoder_stages3", "pyramid0", "pyramid1", "pyramid2", "pyramid3",
    }  # fmt: skip


def test_without_encoder_the_pyramid_learns() -> None:
    assert {name.split(".")[0] for name in freeze(small(), "encoder", torch.rand(2, 1, 32, 32))} == {"pyramid"}


@pytest.mark.parametrize(
    ("blocks", "expected"), [((1, 1, 1, 1), 7 + 8 + 16 + 32 + 64), ((1, 1, 3, 2), 7 + 8 + 16 + 3 * 32 + 2 * 64)]
)
def test_dilation_lets_the_later_stages_see_far(blocks: tuple[int, ...], expected: int) -> None:
    """A voxel sees 7 pixels through the stem (its pool hands on the gradient of one), then twice stride × dilation more
    through each bottleneck.
    """
    network = Deeplab(1, 1, 4, blocks, nn.BatchNorm2d).eval()
    for each in network.modules():
        if isinstance(each, nn.Conv2d):
            nn.init.ones_(each.weight)
    image = torch.ones(1, 1, 512, 512, requires_grad=True)
    network.encoder_stages(network.encoder_stem(image))[0, 0, 32, 32].backward()
    assert image.grad is not None
    rows = image.grad[0, 0].any(1).nonzero()[:, 0]
    assert rows.max() - rows.min() + 1 == expected


def test_the_branches_of_the_pyramid_look_as_far_as_their_rates_say() -> None:
    network = small(1).eval()
    for rate, branch in zip((6, 12, 18, 24), network.pyramid, strict=True):
        deep = torch.ones(1, 64 // 16 * 8 * 4, 65, 65, requires_grad=True)
        branch(deep)[0, 0, 32, 32].backward()
        assert deep.grad is not None
        rows = deep.grad[0, 0].any(1).nonzero()[:, 0]
        assert rows.tolist() == [32 - rate, 32, 32 + rate]

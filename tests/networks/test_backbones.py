"""What reads the image for a shape network."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from napari_progseg.data.plan import Plan, ShapeHeads
from napari_progseg.errors import UserError
from napari_progseg.networks.backbones import SHARPNESS, BaseBackbone, UnetBackbone, mask_moments
from napari_progseg.networks.build import build_network
from napari_progseg.networks.shape import ShapeNetwork

HEADS = ShapeHeads(backbone="unet", scales=(16, 32), modes=(2, 3), previous="latent", detach_previous=False)


def test_the_base_backbone_refuses_an_axis_of_59() -> None:
    with pytest.raises(UserError, match="needs 60 voxels along every axis and the image has 60×59×60"):
        BaseBackbone((60, 59, 60))


def test_the_base_backbone_takes_axes_of_60() -> None:
    features, mask = BaseBackbone((60, 60, 60)).eval()(torch.rand(1, 1, 60, 60, 60))
    assert features.shape == (1, 96)
    assert mask is None


def unet(plan_of: Callable[..., Plan]) -> UnetBackbone:
    plan = plan_of(task="shape", patch=(16, 16, 16), heads=HEADS)
    network = build_network(plan, seed=0)
    assert isinstance(network, ShapeNetwork)
    assert isinstance(network.backbone, UnetBackbone)
    return network.backbone.eval()


@pytest.mark.parametrize("size", [(16, 16, 16), (24, 16, 32)])
def test_the_unet_backbone_takes_images_of_any_size_and_says_a_mask(
    plan_of: Callable[..., Plan], size: tuple[int, int, int]
) -> None:
    features, mask = unet(plan_of)(torch.rand(2, 1, *size))
    assert features.shape == (2, 106)
    assert mask.shape == (2, 1, *size)


def test_features_are_what_a_mask_does_not_share_with_the_training_masks(plan_of: Callable[..., Plan]) -> None:
    backbone, image = unet(plan_of), torch.rand(1, 1, 16, 16, 16)
    with torch.no_grad():
        share = torch.sigmoid(SHARPNESS * backbone(image)[1])
        backbone.standardise(torch.cat([share, share]))
        assert backbone(image)[0][:, -10:].abs().max() < 1e-4


def test_moments_say_how_large_a_mask_is_and_where() -> None:
    mask = torch.zeros(1, 1, 8, 8, 8)
    mask[..., 6:, :, :] = 1
    volume, z, y, x, *_ = mask_moments(mask)[0].tolist()
    assert (volume, z, y, x) == pytest.approx((1.0, 3.0, 0.0, 0.0), abs=1e-5)


def test_an_empty_mask_has_moments_that_are_numbers() -> None:
    assert mask_moments(torch.zeros(1, 1, 4, 4, 4)).isfinite().all()

"""What reads the image for a shape network: DeepSSM's own convolutions, or a U-Net with a mask head."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.nets.dynunet import DynUNet
from torch import Tensor, nn
from torch.nn import functional

from ..data.grid import SMALLEST_BASE
from ..errors import UserError

_FEATURES = 96
_HIDDEN = 384
# the soft mask is pooled to so many cells along every axis
_CELLS = 8
_LEAST_SPREAD = 0.05
_MOST_UNUSUAL = 6.0
SHARPNESS = 5.0
# volume, centroid and second moments of the soft mask
_MASK_MOMENTS = 10


class BaseBackbone(nn.Module):
    """DeepSSM's convolutions: 5x5x5 without padding, batch norm, PReLU; 384, then 96 features (algorithms 5.1).

    Parameters
    ----------
    patch_zyx : tuple of int
        Voxels of the image, each 60 or more; only images of this size are taken.

    Raises
    ------
    UserError
        If an axis is shorter.

    Attributes
    ----------
    size : int
        Number of features.
    """

    def __init__(self, patch_zyx: Sequence[int]) -> None:
        super().__init__()
        if min(patch_zyx) < SMALLEST_BASE:
            size = "×".join(map(str, patch_zyx))
            raise UserError(
                f"the base backbone needs {SMALLEST_BASE} voxels along every axis and the image has {size}; "
                "nothing was started; set shape.backbone=unet or a finer data.spacing"
            )
        widths = ((1, 12), None, (12, 24), (24, 48), None, (48, 96), (96, 192), None)
        self.layers = nn.Sequential(*(nn.MaxPool3d(2) if each is None else _block(*each) for each in widths))
        left = [(((n - 4) // 2 - 8) // 2 - 8) // 2 for n in patch_zyx]
        self.features = nn.Sequential(
            nn.Flatten(),
            nn.Linear(192 * int(torch.tensor(left).prod()), _HIDDEN),
            nn.PReLU(),
            nn.Linear(_HIDDEN, _FEATURES),
            nn.PReLU(),
        )
        self.apply(_xavier)
        self.size = _FEATURES

    def forward(self, images: Tensor) -> tuple[Tensor, None]:
        """Turn images (B, 1, Z, Y, X) into features (B, 96); there is no mask."""
        return self.features(self.layers(images)), None


def _block(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(before, after, 5), nn.BatchNorm3d(after), nn.PReLU())


class UnetBackbone(nn.Module):
    """A U-Net whose bottleneck, pooled over the image, and whose mask, pooled to 8x8x8 cells, give the features.

    That the shape is read off the mask as well is our reading of "segmentation-guided" (algorithms 5.2). Means over an
    image do not say where something is, and a network that reads the bottleneck in cells knows its training cases by
    heart instead (measured on supershapes). The moments of the mask are features, too, for the pose.

    Parameters
    ----------
    unet : DynUNet
        With one output channel.
    width : int
        Channels of its bottleneck.

    Attributes
    ----------
    size : int
        Number of features.
    """

    usual: Tensor
    spread: Tensor

    def __init__(self, unet: DynUNet, width: int) -> None:
        super().__init__()
        self.unet = unet
        self.features = nn.Sequential(
            nn.Linear(width + _CELLS**3 + _MASK_MOMENTS, _HIDDEN), nn.PReLU(), nn.Linear(_HIDDEN, _FEATURES), nn.PReLU()
        )
        self.features.apply(_xavier)
        self.size = _FEATURES + _MASK_MOMENTS
        self.register_buffer("usual", torch.zeros(_CELLS**3 + _MASK_MOMENTS))
        self.register_buffer("spread", torch.ones(_CELLS**3 + _MASK_MOMENTS))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Turn images (B, 1, Z, Y, X) into features (B, 106) and logits of the mask (B, 1, Z, Y, X)."""
        bottom: list[Tensor] = []
        handle = self.unet.bottleneck.register_forward_hook(lambda *given: bottom.append(given[2]))
        try:
            logits = self.unet(images)
        finally:
            handle.remove()
        # nearly black and white, as the training masks are
        share = torch.sigmoid(SHARPNESS * logits.detach().float())
        told = (_told(share) - self.usual) / self.spread
        # the masks of the first steps are like none, and what they teach would weigh on the optimiser for long
        told = told.clamp(-_MOST_UNUSUAL, _MOST_UNUSUAL)
        # half precision would round the pose
        with torch.autocast(images.device.type, enabled=False):
            features = self.features(torch.cat([bottom[0].float().mean((2, 3, 4)), told], dim=1))
        return torch.cat([features, told[:, -_MASK_MOMENTS:]], dim=1), logits

    @torch.no_grad()
    def standardise(self, masks: Tensor) -> None:
        """Tell what masks (N, 1, Z, Y, X) of the training cases have in common, so that features are what differs."""
        told = _told(masks)
        self.usual.copy_(told.mean(0))
        self.spread.copy_(told.std(0, correction=0) + _LEAST_SPREAD)


def _told(share: Tensor) -> Tensor:
    """Return what a soft mask (B, 1, Z, Y, X) says of a shape: how full each cell is, and its moments."""
    cells = functional.adaptive_avg_pool3d(share, _CELLS).flatten(1)
    return torch.cat([cells, mask_moments(share)], dim=1)


def mask_moments(share: Tensor) -> Tensor:
    """Return volume, centroid and second moments of a soft mask (B, 1, Z, Y, X) as (B, 10), each about 1 in size."""
    total = share.sum((2, 3, 4))
    mass = total.clamp(min=1e-3)
    axes = _coordinates(share)
    centre = [(share * at).sum((2, 3, 4)) / mass for at in axes]
    off = [at - c[:, :, None, None, None] for at, c in zip(axes, centre, strict=True)]
    second = [(share * off[a] * off[b]).sum((2, 3, 4)) / mass for a in range(3) for b in range(a, 3)]
    volume = total / share[0].numel()
    return torch.cat([4 * volume, *(4 * c for c in centre), *(8 * s for s in second)], dim=1)


def _coordinates(values: Tensor) -> list[Tensor]:
    """Return z, y and x from -1 to 1, each of a shape that multiplies `values`."""
    found = []
    for axis, n in enumerate(values.shape[2:]):
        at = (2 * torch.arange(n, device=values.device, dtype=torch.float32) + 1) / n - 1
        found.append(at.view([-1 if a == axis else 1 for a in range(3)]))
    return found


def _xavier(module: nn.Module) -> None:
    if isinstance(module, nn.Conv3d | nn.Linear):
        nn.init.xavier_normal_(module.weight)
        assert module.bias is not None
        nn.init.zeros_(module.bias)

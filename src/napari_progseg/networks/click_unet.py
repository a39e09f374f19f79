"""A small 3D U-Net for clicks on any structure: it works at half resolution and says how well its window suits."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from .norm import PatientInstanceNorm

STRIDE = 16
"""Every axis of a window is divisible by it."""


class ClickUnet(nn.Module):
    """Image, click maps and previous mask in; one logit a voxel and one logit a window out.

    All but the last two convolutions work at half resolution and below: on a CPU a window then costs a third of what
    the same widths cost at full resolution (measured), which is what makes an answer to a click quick.

    Parameters
    ----------
    channels : int
        Input channels.
    widths : tuple of int
        Features at 1/2, 1/4, 1/8 and 1/16 of the resolution.
    fine : int
        Features at full resolution, read beside the input itself.
    """

    def __init__(self, channels: int = 7, widths: tuple[int, ...] = (24, 48, 96, 128), fine: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv3d(channels, widths[0], 4, stride=2, padding=1)
        self.down = nn.ModuleList(
            _ResidualBlock(before, width, stride)
            for before, width, stride in zip((widths[0], *widths), widths, (1, 2, 2, 2), strict=False)
        )
        pairs = list(zip(widths[1:], widths, strict=False))
        self.narrow = nn.ModuleList(nn.Conv3d(deep, shallow, 1) for deep, shallow in pairs)
        self.up = nn.ModuleList(_ResidualBlock(2 * shallow, shallow, 1) for _, shallow in pairs)
        self.finest = nn.ConvTranspose3d(widths[0], fine, 2, stride=2)
        self.edge = nn.Conv3d(fine + channels, fine, 3, padding=1)
        self.mask = nn.Conv3d(fine, 1, 1)
        self.fit = nn.Sequential(nn.Linear(2 * widths[0] + widths[-1], 64), nn.LeakyReLU(0.01), nn.Linear(64, 1))

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Answer windows.

        Parameters
        ----------
        inputs : Tensor, (B, channels, Z, Y, X)
            See `data.click_windows.click_inputs`; each axis is divisible by 16.

        Returns
        -------
        mask : Tensor, (B, 1, Z, Y, X)
            Logits.
        fit : Tensor, (B,)
            Logit of how good the mask is expected to be as a mask of the whole object: low where the window is too
            small for it, too large, or the object cannot be told from its neighbours.
        """
        features = self.stem(inputs)
        levels = []
        for block in self.down:
            features = block(features)
            levels.append(features)
        deepest = features.mean((2, 3, 4))
        for narrow, block, level in reversed(list(zip(self.narrow, self.up, levels[:-1], strict=True))):
            enlarged = functional.interpolate(narrow(features), scale_factor=2.0, mode="trilinear")
            features = block(torch.cat([enlarged, level], dim=1))
        edge = functional.leaky_relu(self.edge(torch.cat([self.finest(features), inputs], dim=1)), 0.01)
        mask = self.mask(edge)
        return mask, self.fit(torch.cat([deepest, _inside_and_around(features, mask)], dim=1))[:, 0]


class _ResidualBlock(nn.Module):
    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv3d(before, width, 3, stride, padding=1, bias=False)
        self.second = nn.Conv3d(width, width, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(PatientInstanceNorm(width) for _ in range(2))
        same = before == width and stride == 1
        self.shortcut = nn.Identity() if same else nn.Conv3d(before, width, 1, stride, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        out = functional.leaky_relu(self.norms[0](self.first(features)), 0.01, inplace=True)
        out = self.norms[1](self.second(out)) + self.shortcut(features)
        return functional.leaky_relu(out, 0.01, inplace=True)


def _inside_and_around(features: Tensor, mask: Tensor) -> Tensor:
    """Average features (B, C, ...) inside and outside of the mask that was found, (B, 2 C)."""
    inside = torch.sigmoid(functional.avg_pool3d(mask.detach(), 2))
    means = [(features * share).sum((2, 3, 4)) / share.sum((2, 3, 4)).clamp(min=1) for share in (inside, 1 - inside)]
    return torch.cat(means, dim=1)

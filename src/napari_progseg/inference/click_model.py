"""The starter's network: what it marks in windows of a scan, given clicks, a reach and the mask as it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor, nn

from ..data.click_windows import WINDOW_IN_REACHES, click_inputs, scale_windows, window_ranges
from ..errors import UserError
from ..guidance.maps import ClickTensor
from ..networks.click_unet import ClickUnet
from ..networks.starter_weights import WEIGHTS, read_weights
from .click_window import Array, ClickWindow
from .model import choose_device

_MIRRORED: tuple[tuple[int, ...], ...] = ((), (4,), (3,), (3, 4))
_FEW_VOXELS = 48**3


@dataclass(frozen=True, eq=False)
class Said:
    """What the user has said of one structure.

    Parameters
    ----------
    voxels_zyx : ndarray of float, (K, 3)
        Clicked voxels of the scan, the one that began the structure first.
    inside : ndarray of bool, (K,)
        What each click says.
    reach_mm : float or None
        How far the structure reaches from the first click, where that is known.
    """

    voxels_zyx: NDArray[np.float64]
    inside: NDArray[np.bool_]
    reach_mm: float | None = None


@dataclass(frozen=True, eq=False)
class Look:
    """What the network says of a window.

    Parameters
    ----------
    window : ClickWindow
        Where it looked.
    logits : ndarray, (size, size, size)
        Above 0: marked.
    fit : float
        How good the mask is expected to be as a mask of the whole object, in [0, 1].
    """

    window: ClickWindow
    logits: Array
    fit: float


class ClickModel:
    """A network for clicks on any structure.

    Parameters
    ----------
    network : nn.Module
        A `ClickUnet`.
    device : torch.device
        Where it works.
    """

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        self.network = network.to(device, memory_format=torch.channels_last_3d).eval()  # type: ignore[call-overload]
        self.device = device

    @torch.no_grad()
    def look(
        self,
        image: NDArray[np.generic],
        windows: Sequence[ClickWindow],
        said: Said,
        masks: Sequence[Array] | None = None,
        limits: tuple[float, float] | None = None,
        *,
        guess_reach: bool = False,
    ) -> list[Look]:
        """Answer windows of one size at once.

        Parameters
        ----------
        image : ndarray, (Z, Y, X)
            The scan.
        said : Said
            Clicks beyond a window still tell it their intensities.
        masks : sequence of ndarray, (size, size, size), or None
            The mask as it stands in each window, as shares of voxels; None: nothing is marked.
        limits : tuple of float or None
            Intensities are cut to this range first.
        guess_reach : bool
            Suppose that the structure reaches as far as suits each window, instead of what was said.
        """
        pixels = torch.from_numpy(np.stack([_cut(window, image, limits) for window in windows]))[:, None]
        low, high = window_ranges(pixels)
        under = np.array(
            [[_cut(_around(window, at), image, limits).ravel() for at in said.voxels_zyx] for window in windows]
        )
        places = np.stack([window.to_window(said.voxels_zyx) for window in windows])
        count, clicks = len(windows), len(said.inside)
        tensor = ClickTensor(
            torch.from_numpy(places).float(),
            torch.from_numpy(said.inside).expand(count, clicks),
            torch.ones((count, clicks), dtype=torch.bool),
        )
        intensities = scale_windows(torch.from_numpy(under).float(), low.view(-1, 1, 1), high.view(-1, 1, 1)).mean(2)
        reach = torch.tensor(
            [
                window.size / WINDOW_IN_REACHES if guess_reach else (said.reach_mm or 0.0) / window.step_mm
                for window in windows
            ]
        )
        previous = torch.zeros_like(pixels[:, 0]) if masks is None else torch.from_numpy(np.stack(masks))
        inputs = click_inputs(scale_windows(pixels, low, high), tensor, previous, intensities, reach)
        mask, fit = self._answer(inputs)
        return [Look(*each) for each in zip(windows, mask.numpy(), fit.tolist(), strict=True)]

    def _answer(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (B, Z, Y, X) and fits (B,), each the mean of the window and its mirror images.

        A small window alone is mirrored in X, Y and both, larger ones and the many of a search in X only.
        """
        mirrored = _MIRRORED if inputs[:, 0].numel() <= _FEW_VOXELS else _MIRRORED[:2]
        all_of_them = torch.cat([inputs.flip(axes) for axes in mirrored]).to(self.device)
        with torch.autocast("cuda", torch.bfloat16, enabled=self.device.type == "cuda"):
            mask, fit = self.network(all_of_them.contiguous(memory_format=torch.channels_last_3d))
        parts = mask.float().cpu().chunk(len(mirrored))
        logits = torch.stack([part.flip(axes)[:, 0] for part, axes in zip(parts, mirrored, strict=True)]).mean(0)
        return logits, torch.sigmoid(fit.float()).cpu().view(len(mirrored), -1).mean(0)


@cache
def load_starter(device: str = "auto", weights: Path = WEIGHTS) -> ClickModel:
    """Load the starter that comes with the package.

    Raises
    ------
    UserError
        If its weights are missing.
    """
    if not weights.is_file():
        raise UserError(
            f"the starter's weights are missing ({weights}); nothing was changed; reinstall the package, or train them "
            "with scripts/train_starter.py"
        )
    network = ClickUnet()
    try:
        network.load_state_dict(read_weights(weights))
    except (SafetensorError, RuntimeError) as error:
        raise UserError(
            f"the starter's weights in {weights} cannot be read; nothing was changed; reinstall the package"
        ) from error
    return ClickModel(network, choose_device(device))


def starter_available() -> bool:
    """Whether the starter's weights are there."""
    return WEIGHTS.is_file()


def _cut(window: ClickWindow, image: NDArray[np.generic], limits: tuple[float, float] | None) -> Array:
    values = window.cut(image)
    return values if limits is None else values.clip(*limits)


def _around(window: ClickWindow, voxel_zyx: NDArray[np.float64]) -> ClickWindow:
    """Return the 3 × 3 × 3 voxels around a click, as far apart as those of a window."""
    z, y, x = voxel_zyx.tolist()
    return ClickWindow((z, y, x), window.step_mm, window.spacing_zyx_mm, 3)

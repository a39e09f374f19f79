"""UNETR and SwinUNETR, so that patches can grow with them, too (PGPS paper; algorithms 2.8).

Both need the package einops, which the extra ``transformers`` brings.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import torch
from monai.networks.nets.swin_unetr import SwinUNETR
from monai.networks.nets.unetr import UNETR
from torch import Tensor, nn
from torch.nn import functional

from ..data.plan import Plan
from ..errors import UserError

_TOKEN = 16
_NORM: Any = ("instance", {"affine": True})


def unetr(plan: Plan) -> nn.Module:
    """Build a UNETR for the plan's patch and all smaller ones that 16 divides."""
    _require_einops("unetr")
    return _Unetr(plan)


def swin_unetr(plan: Plan) -> nn.Module:
    """Build a SwinUNETR for patches that 32 divides."""
    _require_einops("swin_unetr")
    # its heads ask for a multiple of 12
    features = 12 * max(1, round(plan.widths[0] / 12))
    return SwinUNETR(
        in_channels=plan.input_channels,
        out_channels=plan.outputs,
        feature_size=features,
        norm_name=_NORM,
        spatial_dims=plan.dims,
    )


class _Unetr(UNETR):
    """A UNETR whose tokens are placed by an interpolated embedding, and whose features follow the patch at hand."""

    def __init__(self, plan: Plan) -> None:
        hidden = 48 * plan.widths[0]
        super().__init__(
            in_channels=plan.input_channels,
            out_channels=plan.outputs,
            img_size=plan.patch,
            feature_size=plan.widths[0],
            hidden_size=hidden,
            mlp_dim=4 * hidden,
            norm_name=_NORM,
            spatial_dims=plan.dims,
        )
        self.vit.patch_embedding = _Embedding(plan, hidden)  # type: ignore[assignment]

    def forward(self, images: Tensor) -> Tensor:
        """Answer images whose size 16 divides."""
        self.proj_view_shape = [*(n // _TOKEN for n in images.shape[2:]), self.hidden_size]
        answer: Tensor = super().forward(images)  # type: ignore[no-untyped-call]
        return answer


class _Embedding(nn.Module):
    """Tokens of 16 voxels, and a learned place for each, interpolated linearly for smaller patches."""

    def __init__(self, plan: Plan, hidden: int) -> None:
        super().__init__()
        convolution = nn.Conv2d if plan.dims == 2 else nn.Conv3d
        self.tokens = convolution(plan.input_channels, hidden, _TOKEN, stride=_TOKEN)
        self.places = nn.Parameter(torch.zeros(1, hidden, *(n // _TOKEN for n in plan.patch)))
        nn.init.trunc_normal_(self.places, std=0.02)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.tokens(images)
        mode = "bilinear" if images.ndim == 4 else "trilinear"
        places = functional.interpolate(self.places, size=tokens.shape[2:], mode=mode, align_corners=False)
        placed: Tensor = (tokens + places).flatten(2).transpose(1, 2)
        return placed


def _require_einops(architecture: str) -> None:
    if find_spec("einops") is None:
        raise UserError(
            f"model.architecture {architecture} needs the package einops; nothing was started; "
            'install it with: pip install "napari-progseg[transformers]"'
        )

"""The starter's weights in a file: half precision, which halves the download and changes no mask that matters."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load, save
from torch import Tensor, nn

from ..storage.atomic import write_bytes

WEIGHTS = Path(__file__).parent / "weights" / "starter.safetensors"
"""Where the package keeps them."""


def write_weights(path: Path, network: nn.Module) -> None:
    """Write the weights of a network as safetensors of float16."""
    tensors = network.state_dict().items()
    write_bytes(path, save({name: tensor.detach().cpu().to(torch.float16).contiguous() for name, tensor in tensors}))


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read weights as float32."""
    return {name: tensor.float() for name, tensor in load(path.read_bytes()).items()}

"""What kind of machine a row comes from, without its name."""

from __future__ import annotations

import os
import platform
from importlib import metadata

import torch

from ..inference.model import choose_device

_PACKAGES = ("napari-progseg", "torch", "monai", "numpy")


def machine_sentence(device: str = "auto") -> str:
    """Say on what was computed, such as ``Linux x86_64, 2 CPU cores, 1 thread, no GPU``."""
    threads = torch.get_num_threads()
    on = choose_device(device)
    gpu = torch.cuda.get_device_name(on) if on.type == "cuda" else "no GPU" if on.type == "cpu" else on.type
    plural = "" if threads == 1 else "s"
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPU cores, {threads} thread{plural}, {gpu}"


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide a result."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "unknown"
    return found

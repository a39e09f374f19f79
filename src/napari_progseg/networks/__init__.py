"""Network builders over MONAI."""

from .build import build_network

__all__ = ["build_network"]

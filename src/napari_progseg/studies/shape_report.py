"""What the study of shapes says in the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from . import report as parts
from .arms import ArmStudy
from .rows import Row

Setting = parts.Setting[ArmStudy]


def write_shape(folder: Path, setting: Setting, rows: Sequence[Row]) -> Path | None:
    """Write the report of the rows there are; None without any."""
    return None

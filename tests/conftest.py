"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from napari_progseg.data.plan import Plan

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real CT/MR volumes; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("PROGSEG_SHARED_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the real volumes are not here: {folder} does not exist (set PROGSEG_SHARED_DATA)")
    return folder


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Let torch work with one thread."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def plan_of() -> Callable[..., Plan]:
    """Build a small 2D plan with one class of value 1; fields and click settings by name."""
    from napari_progseg.data.plan import Plan
    from napari_progseg.training.config import ClickConfig
    from napari_progseg.volume import LabelClass

    def build(clicks: dict[str, Any] | None = None, **fields: Any) -> Plan:
        dims = len(fields.get("patch", (16, 16)))
        settings = ClickConfig(**(clicks or {}))
        task = fields.get("task", "segmentation")
        plain: dict[str, Any] = {
            "task": task,
            "modality": "ct",
            "window": (0.0, 100.0),
            "spacing_zyx_mm": (1.0, 1.0, 1.0),
            "dims": dims,
            "patch": (16, 16),
            "batch": 4,
            "architecture": "dynunet",
            "norm": "instance",
            "input_channels": 3 + settings.previous_mask if task == "interactive" else 1,
            "widths": (4, 8, 8),
            "strides": ((2,) * dims,) * 2,
            "classes": () if task == "restoration" else (LabelClass("bone", (1,)),),
            "clicks": settings,
            "sentence": "",
        }
        return Plan(**{**plain, **fields})

    return build

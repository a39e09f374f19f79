"""Patients with a bright ball each, and a starter that is small enough for a test."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from napari_progseg.geometry import Geometry
from napari_progseg.inference.cases import ReferenceCase
from napari_progseg.inference.click_model import ClickModel
from napari_progseg.networks.click_unet import ClickUnet
from napari_progseg.training import accepted, learned
from napari_progseg.training.accepted import AcceptedRecipe
from napari_progseg.training.learned import Comparison
from napari_progseg.volume import LabelClass, LabelMap, Volume

SHAPE, SPACING = (24, 40, 40), (2.0, 1.0, 1.0)
BALL = LabelClass("ball", (3,))
QUICK = AcceptedRecipe(windows=3, steps=2, batch=2, pool=2)


def ball_at(y: float, x: float = 20, radius_mm: float = 8) -> Any:
    """Draw a ball in the middle slice; its longest side is 17 voxels of 1 mm."""
    grids = np.indices(SHAPE) - np.array([12, y, x]).reshape(-1, 1, 1, 1)
    return ((grids * np.array(SPACING).reshape(-1, 1, 1, 1)) ** 2).sum(0) <= radius_mm**2


def patient(name: str, y: float = 18) -> ReferenceCase:
    mask = ball_at(y)
    noise = np.random.default_rng(int(y)).normal(0, 10, SHAPE)
    geometry = Geometry.from_spacing(SHAPE, SPACING)
    volume = Volume((100 + 100 * mask + noise).astype(np.int16), geometry)
    return ReferenceCase(name, lambda: volume, lambda: LabelMap((3 * mask).astype(np.uint8), geometry))


def small_starter(seed: int = 0) -> ClickModel:
    torch.manual_seed(seed)
    return ClickModel(ClickUnet(widths=(6, 8, 8, 8), fine=4), torch.device("cpu"))


def learn_in_small_windows(patch: pytest.MonkeyPatch) -> None:
    """Cut windows of 16 voxels a side, which a small network learns from at once."""
    patch.setattr(accepted, "SIZE", 16)


def compare_nothing(patch: pytest.MonkeyPatch) -> None:
    """Call both models equally good, without a click."""

    def compare(starter: Any, known: Any, case: ReferenceCase, structure: Any, *, held_out: bool) -> Any:
        yield from ()
        return Comparison(case.id, 0.5, 0.5, held_out)

    patch.setattr(learned, "_compare", compare)

"""Models whose answers can be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor, nn

from napari_progseg.data.plan import Plan
from napari_progseg.geometry import Geometry
from napari_progseg.inference.model import TrainedModel
from napari_progseg.training.config import BudgetConfig, preset_config
from napari_progseg.volume import Volume


class Bright(nn.Module):
    """Marks voxels above 0.5, channel c above 0.5 + c / 4; deaf to clicks."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.offsets = torch.arange(classes) / 4 + 0.5
        self.sizes: list[tuple[int, ...]] = []

    def forward(self, inputs: Tensor) -> Tensor:
        self.sizes.append(tuple(inputs.shape[2:]))
        return (inputs[:, :1] - self.offsets.view(1, -1, *[1] * (inputs.ndim - 2))) * 40


class Obedient(nn.Module):
    """Marks what is near inside clicks and not near outside ones, keeps the previous mask and adds bright voxels."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, inputs: Tensor) -> Tensor:
        image, inside, outside, previous = inputs[:, :4].split(1, dim=1)
        logits = 10 * (image > 0.9) + 20 * previous - 5 + 30 * (inside > 0.3) - 60 * (outside > 0.3)
        return logits.expand(-1, self.classes, *inputs.shape[2:]).contiguous()


class WhichOne(nn.Module):
    """Marks those bright things that a click lies in, perfectly, and nothing where nobody clicked."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, inputs: Tensor) -> Tensor:
        out = torch.full((len(inputs), self.classes, *inputs.shape[2:]), -9.0)
        for sample, (image, inside) in enumerate(zip(inputs[:, 0].numpy(), inputs[:, 1].numpy(), strict=True)):
            things, _ = ndimage.label(image > 0.5)
            clicked = np.setdiff1d(things[inside > 0.99], 0)
            out[sample, :, torch.from_numpy(np.isin(things, clicked))] = 9.0
        return out


class Contrary(nn.Module):
    """Marks everything but what was clicked as inside, and what was clicked as outside."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.classes = classes

    def forward(self, inputs: Tensor) -> Tensor:
        _, inside, outside, _ = inputs[:, :4].split(1, dim=1)
        return (1 - 4 * inside + 9 * outside).expand(-1, self.classes, *inputs.shape[2:]).contiguous()


@pytest.fixture
def model_of(plan_of: Callable[..., Plan]) -> Callable[..., TrainedModel]:
    """Build a trained model around a network that is no network; fields of the plan by name."""

    def build(kind: type[nn.Module] = Bright, **fields: Any) -> TrainedModel:
        plan = plan_of(**fields)
        config = preset_config("tiny", plan.task, budget=BudgetConfig(steps=1))
        return TrainedModel(kind(len(plan.classes)), plan, config, torch.device("cpu"), "0001-fake", 1, None)

    return build


@pytest.fixture
def interactive_of(model_of: Callable[..., TrainedModel]) -> Callable[..., TrainedModel]:
    """Build an interactive model; an obedient one, if no other kind is named."""

    def build(kind: type[nn.Module] = Obedient, **fields: Any) -> TrainedModel:
        return model_of(kind, task="interactive", **{"clicks": {"sigma_mm": 2.0}, **fields})

    return build


def scan(image: Any, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> Volume:
    array = np.asarray(image)
    return Volume(array, Geometry.from_spacing(array.shape, spacing))  # type: ignore[arg-type]


@pytest.fixture
def volume_of() -> Callable[..., Volume]:
    """Put an array on a grid."""
    return scan

"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from napari_progseg.data.plan import Plan
    from napari_progseg.shape.model import ShapeModel

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
            "input_channels": 3 + settings.previous_mask if task == "interactive" or fields.get("click_tasks") else 1,
            "widths": (4, 8, 8),
            "strides": ((2,) * dims,) * 2,
            "classes": () if task == "restoration" else (LabelClass("bone", (1,)),),
            "clicks": settings,
            "sentence": "",
        }
        return Plan(**{**plain, **fields})

    return build


@pytest.fixture(scope="session")
def shape_model() -> ShapeModel:
    """Build a model of six ellipsoids, whose points correspond exactly; 16, 32 and 64 points, all modes."""
    import numpy as np

    from napari_progseg.shape.correspondences import Correspondences
    from napari_progseg.shape.farthest import farthest_order
    from napari_progseg.shape.mesh import surface_of
    from napari_progseg.shape.model import ShapeModel

    rng = np.random.default_rng(0)
    sphere = rng.standard_normal((400, 3))
    sphere /= np.linalg.norm(sphere, axis=1, keepdims=True)
    sphere = sphere[farthest_order(sphere, 64)]
    axes = np.array([9.0, 7.0, 6.0]) * np.exp(0.12 * rng.standard_normal((6, 3)))
    shift = rng.standard_normal((6, 1, 3))
    grid = np.stack(np.meshgrid(*[np.arange(-12.0, 13)] * 3, indexing="ij"), axis=-1)
    template, _ = surface_of(((grid / axes[0]) ** 2).sum(-1) < 1, (1.0, 1.0, 1.0))
    points = sphere * axes[:, None] + shift
    found = Correspondences(
        tuple(f"p{number}" for number in range(6)), points, np.zeros(6, bool), template, sphere * axes[0]
    )
    return ShapeModel.of(found, "body", (16, 32, 64), 1.0)


@pytest.fixture
def write_run() -> Callable[..., Path]:
    """Write the folder of an ended run, ``(project root, number, patients, best Dice by case)``, without training."""
    from napari_progseg.storage.atomic import write_json
    from napari_progseg.storage.journal import Journal
    from napari_progseg.training.config import preset_config
    from napari_progseg.training.events import Event, Finished, StepDone, Validated, to_record

    def write(
        root: Path,
        number: int,
        patients: int,
        dice: dict[str, float | None],
        *,
        task: Any = "segmentation",
        reason: str = "budget",
        init: str | None = None,
    ) -> Path:
        run = root / "runs" / f"{number:04d}-n{patients}"
        train = tuple(f"p{each}" for each in range(patients))
        checked = () if task == "restoration" else tuple(dice)
        config = preset_config("tiny", task, train=train, validation=checked, init=init, budget={"steps": 40})
        write_json(run / "config.json", config.model_dump(mode="json"))
        best = {case: {"bone": value} for case, value in dice.items()}
        worse: dict[str, dict[str, float | None]] = {case: {"bone": 0.01} for case in dice}
        events: list[Event] = [
            Validated(20, 0.5, 2.0, 0.01, worse, True),
            Validated(30, 0.7, 3.0, 0.5, best, True),
            Validated(39, 0.9, 3.9, 0.01, worse, False),
            StepDone(40, 1.0, 0.1, 1e-3, 4.0, 0, (8, 8), 4, 2),
            Finished(40, 4.0, reason, 0.5),
        ]
        Journal(run / "events.jsonl").extend(to_record(event) for event in events)
        return run

    return write

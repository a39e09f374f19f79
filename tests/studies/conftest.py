"""A project of tiny patients, and studies of runs that take a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from napari_progseg.project import Project
from napari_progseg.studies.draw import draw_cases
from napari_progseg.studies.grid import Cell
from napari_progseg.studies.limited_data import LimitedData
from napari_progseg.studies.rows import CaseScore, Cost, Point, Row
from napari_progseg.studies.terms import Terms
from napari_progseg.training.config import BudgetConfig

LABELLED, UNLABELLED = 8, 2
SMALL = (
    "model.dims=2",
    "model.width=4",
    "model.levels=2",
    "patches.size=16,16",
    "patches.batch=4",
    "validate_on.times=3",
)


@pytest.fixture(autouse=True)
def _few_threads(one_thread: None) -> None:
    """Let torch leave the other cores alone."""


def write_patient(folder: Path, name: str, rng: np.random.Generator, *, labelled: bool) -> None:
    """Write a bright ball in noise, 6 slices of 16 × 16 voxels; the first and the last are free of it."""
    grid = np.stack(np.meshgrid(*map(np.arange, (16, 16, 6)), indexing="ij"), axis=-1)
    offset = (grid - [*rng.uniform(6, 9, size=2), 2.5]) / [1, 1, 0.4]
    ball = np.linalg.norm(offset, axis=-1) < 4.5
    image = (100 * ball + rng.normal(200, 10, ball.shape)).astype(np.int16)
    parts = [("images", image)] + [("labels", ball.astype(np.uint8))] * labelled
    for part, array in parts:
        (folder / part).mkdir(parents=True, exist_ok=True)
        nibabel.save(nibabel.Nifti1Image(array, np.diag([1.0, 1.0, 3.0, 1.0])), folder / part / f"{name}.nii.gz")


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with ``images`` and ``labels`` of p0 to p7, and images of p8 and p9; read only."""
    folder = tmp_path_factory.mktemp("cohort")
    rng = np.random.default_rng(4)
    for number in range(LABELLED + UNLABELLED):
        write_patient(folder, f"p{number}", rng, labelled=number < LABELLED)
    return folder


@pytest.fixture
def project(cohort: Path, tmp_path: Path) -> Project:
    """Make a fresh project of the cohort: 5 train, 1 validates, 2 test, 2 have no labels."""
    return Project.create(tmp_path / "project", cohort / "images", cohort / "labels")


@pytest.fixture
def study_of() -> Callable[..., LimitedData]:
    """Build a study of few steps; fields by name."""

    def build(steps: int = 3, **fields: Any) -> LimitedData:
        budget = BudgetConfig(steps=steps)
        own = {"patients": (1, 2), "pretraining": budget}
        plain = {"groups": ("Seg",), "seeds": (0,), "budget": budget, "settings": SMALL}
        own |= {name: fields.pop(name) for name in own if name in fields}
        return LimitedData(terms=Terms(**{**plain, **fields}), **own)  # type: ignore[arg-type]

    return build


@pytest.fixture
def cells_of(project: Project, tmp_path: Path, study_of: Callable[..., LimitedData]) -> Callable[..., tuple[Cell, ...]]:
    """List the cells of a study in the project."""

    def build(**fields: Any) -> tuple[Cell, ...]:
        study, draw = study_of(**fields), draw_cases(project, validation=1)
        return study.cells(draw, study.common(project, draw, tmp_path / "common"))

    return build


@pytest.fixture
def shape_row_of(row_of: Callable[..., Row]) -> Callable[..., Row]:
    """Build a row of shapes; distances of the cases a, b, ... per measure, and points (step, mm) of the curve."""

    def build(
        group: str = "Deep",
        patients: int = 5,
        seed: int = 0,
        *,
        mm: dict[str, list[float | None]] | None = None,
        curve: tuple[tuple[int, float], ...] = ((10, 2.0), (20, 1.0)),
        **fields: Any,
    ) -> Row:
        told = mm or {"surface": [1.0, 2.0], "largest": [3.0, 4.0], "points": [1.5, 2.5]}
        scores = tuple(
            CaseScore(case=chr(ord("a") + number), mm={measure: values[number] for measure, values in told.items()})
            for number in range(len(told["surface"]))
        )
        points = tuple(Point(step=step, seconds=step / 10, dice=None, mm=value) for step, value in curve)
        return row_of(group, patients, seed, **{"study": "shape", "scores": scores, "curve": ()} | fields).model_copy(
            update={"curve": points}
        )

    return build


@pytest.fixture
def row_of() -> Callable[..., Row]:
    """Build a row; Dice of the cases a, b, ... per measure, and points (step, Dice) of the curve."""

    def build(
        group: str = "Seg",
        patients: int = 1,
        seed: int = 0,
        *,
        dice: dict[str, list[float | None]] | None = None,
        curve: tuple[tuple[int, float | None], ...] = ((10, 0.5),),
        **fields: Any,
    ) -> Row:
        told = {"0": [0.5, 0.7], "emptied": [0.6, 0.8]} | (dice or {})
        scores = tuple(
            CaseScore(
                case=chr(ord("a") + number),
                clicks={
                    int(measure): {"ball": values[number]} for measure, values in told.items() if measure.isdigit()
                },
                emptied={"ball": told["emptied"][number]},
            )
            for number in range(len(told["0"]))
        )
        plain: dict[str, Any] = {
            "study": "limited-data",
            "digest": f"{group}{patients}{seed}",
            "document": {},
            "train": ("x",),
            "dims": 2,
            "scores": scores,
            "curve": tuple(Point(step=step, seconds=step / 10, dice=value) for step, value in curve),
            "curve_clicks": 0,
            "cost": Cost(steps=20, voxels=1_000_000, seconds=2.0, validation_seconds=0.5),
            "evaluation_seconds": 1.0,
            "machine": "a machine",
            "versions": {"torch": "2"},
        }
        return Row(group=group, patients=patients, seed=seed, **{**plain, **fields})

    return build

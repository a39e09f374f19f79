"""The study of shapes: its runs, and the rows they leave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from napari_progseg.project import Project
from napari_progseg.samples.supershapes import supershape
from napari_progseg.shape.correspondences import Correspondences, build_correspondences
from napari_progseg.shape.mesh import Mesh
from napari_progseg.studies.arms import ArmStudy
from napari_progseg.studies.draw import draw_cases
from napari_progseg.studies.grid import Cell, CellScored, RunBegan, run_grid
from napari_progseg.studies.rows import RowFile
from napari_progseg.studies.shape import SHAPE
from napari_progseg.studies.terms import Terms
from napari_progseg.training import shapes
from napari_progseg.training.config import BudgetConfig

SMALL = ("model.width=4", "model.levels=2", "patches.batch=2", "validate_on.times=2", "shape.scales=8,16")
Cells = Callable[..., tuple[Cell, ...]]


@pytest.fixture(scope="session")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with ``images`` and ``labels`` of seven supershapes of 16 × 16 × 16 voxels; read only."""
    folder = tmp_path_factory.mktemp("bodies")
    for patient in range(7):
        volume, labels, _ = supershape(patient, shape_zyx=(16, 16, 16), spacing_zyx_mm=(4, 4, 4))
        for part, values in (("images", volume.image), ("labels", labels.labels)):
            (folder / part).mkdir(exist_ok=True)
            array = volume.geometry.from_canonical(np.asarray(values))
            nibabel.save(nibabel.Nifti1Image(array, volume.geometry.affine_ras), folder / part / f"b{patient}.nii.gz")
    return folder


@pytest.fixture
def project(bodies: Path, tmp_path: Path) -> Project:
    return Project.create(tmp_path / "project", bodies / "images", bodies / "labels")


@pytest.fixture
def cells_of(project: Project, tmp_path: Path) -> Cells:
    def build(patients: int = 3, **fields: Any) -> tuple[Cell, ...]:
        plain: dict[str, Any] = {"groups": tuple(SHAPE.settings), "seeds": (0,), "settings": SMALL}
        study = ArmStudy(SHAPE, (patients,), Terms(budget=BudgetConfig(steps=2), **{**plain, **fields}))
        draw = draw_cases(project, test=1, validation=1)
        return study.cells(draw, study.common(project, draw, tmp_path / "common"))

    return build


def test_arms_of_a_seed_differ_in_schedule_and_supervision_alone(cells_of: Cells) -> None:
    told = {}
    documents = []
    for cell in cells_of():
        document = cell.config.model_dump()
        told[cell.group] = (document["shape"].pop("schedule"), document["shape"].pop("supervision"))
        documents.append(document)
    assert told == {
        "Deep": ("stagewise", "deep"),
        "Shallow": ("stagewise", "shallow"),
        "Joint": ("joint", "deep"),
        "Single": ("single", "deep"),
    }
    assert all(document == documents[0] for document in documents)


def test_all_seeds_share_a_grid_of_whole_volumes(cells_of: Cells) -> None:
    cells = cells_of(seeds=(0, 1))
    assert len({cell.config.train for cell in cells}) == 2
    assert {cell.config.data.spacing for cell in cells} == {(4.0, 4.0, 4.0)}
    # a patch is a whole volume, whatever cases a seed draws
    assert {(cell.config.task, cell.config.patches.size) for cell in cells} == {("shape", None)}
    coarse = cells_of(settings=(*SMALL, "patches.voxels=512"))
    assert min(coarse[0].config.data.spacing or ()) >= 7.5


def test_runs_of_shapes_become_rows_of_distances(
    project: Project, cells_of: Cells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[int] = []

    def counting(surfaces: Mapping[str, Mesh], count: int, **words: Any) -> Correspondences:
        built.append(len(surfaces))
        return build_correspondences(surfaces, count, **words)

    monkeypatch.setattr(shapes, "build_correspondences", counting)
    cells = cells_of(groups=("Deep", "Single"))
    events = list(run_grid(project, cells, RowFile(tmp_path), device="cpu"))
    assert [event.cell.group for event in events if isinstance(event, CellScored)] == ["Deep", "Single"]
    deep, single = RowFile(tmp_path).read().values()
    finest = ("surface", "largest", "points")
    assert deep.measures == (*finest, "surface 8", "surface 16", "mask", "fitted")
    assert single.measures == (*finest, "mask", "fitted")
    assert [score.case for score in deep.scores] == list(cells[0].test)
    assert deep.mean("surface") == deep.mean("surface 16")
    for row in (deep, single):
        assert 0 < (row.mean("surface") or 0) < (row.mean("largest") or 0)
        assert row.mean("0") is None
        assert row.dims == 3
        assert [point.step for point in row.curve] == [1, 2]
        assert all(point.dice is None and (point.mm or 0) > 0 for point in row.curve)
        assert (row.cost.steps, row.cost.voxels) == (2, 2 * 2 * 16**3)
    again = list(run_grid(project, cells, RowFile(tmp_path), device="cpu"))
    assert again == []
    assert built == [3]
    more = run_grid(project, cells_of(groups=("Joint", "Deep")), RowFile(tmp_path), device="cpu")
    assert [event.cell.group for event in more if isinstance(event, RunBegan)] == ["Joint"]

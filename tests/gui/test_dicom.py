"""A sarcoma CT from its DICOM folder: open, click, accept, save, and compare the grids with SimpleITK."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK

from napari_progseg.project import Project


@pytest.mark.slow
def test_a_mask_of_a_dicom_series_lies_on_its_grid(dock, engine, shared_data, tmp_path, qtbot) -> None:
    folder = shared_data / "dicom_rtstruct" / "STS_002_CT" / "image"
    dock.create_project(tmp_path / "project", folder, classes={"tumour": (1,)})
    qtbot.waitUntil(lambda: dock.desk.project is not None, timeout=60_000)
    case = dock.desk.project.cases[0].id
    engine.add_run(dock.desk.project, "0001-inter", "interactive")
    dock.desk.runs.refresh()
    qtbot.waitUntil(lambda: dock.desk.answerer.run is not None, timeout=20_000)
    dock.open_case(case)
    qtbot.waitUntil(lambda: dock.desk.case is not None, timeout=60_000)
    dock.desk.case.add_click((7, 100, 100), True)
    qtbot.waitUntil(lambda: dock.desk.case.has_prediction, timeout=20_000)
    with qtbot.waitSignal(dock.desk.keeper.saved, timeout=60_000):
        dock.desk.accept()

    mask = SimpleITK.ReadImage(str(tmp_path / "project" / "labels" / f"{case}.nii.gz"))
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    assert mask.GetSize() == image.GetSize()
    # NIfTI stores its affine as float32
    for corner in np.ndindex(2, 2, 2):
        index = [int(bit * (size - 1)) for bit, size in zip(corner, image.GetSize(), strict=True)]
        assert mask.TransformIndexToPhysicalPoint(index) == pytest.approx(
            image.TransformIndexToPhysicalPoint(index), abs=1e-3
        )
    assert SimpleITK.GetArrayFromImage(mask).sum() == 16
    stored = Project.open(tmp_path / "project").labels(case)
    assert stored.labels[7, :4, :4].all()

"""A whole day in miniature on a real CT: from its DICOM folder by a click to a saved mask on the DICOM grid."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from napari_progseg.gui import ProgSegDock
from napari_progseg.gui.driving import WINDOW, Driver
from napari_progseg.io import write_labels
from napari_progseg.project import CaseState, Project
from napari_progseg.samples import leg_ct
from napari_progseg.training.config import apply_settings, preset_config
from napari_progseg.training.run import create_run, execute

pytestmark = pytest.mark.slow
STEPS = 40


@pytest.fixture(scope="module")
def series(shared_data: Path) -> Path:
    """Folder with the DICOM slices of the sarcoma CT of one patient."""
    return shared_data / "dicom_rtstruct" / "STS_002_CT" / "image"


@pytest.fixture(scope="module")
def study(series: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project of two small labelled legs and the CT, with an interactive model for bone trained for a few steps."""
    folder = tmp_path_factory.mktemp("day")
    for patient in range(2):
        volume, labels = leg_ct(patient, shape_zyx=(20, 48, 48))
        image = nibabel.Nifti1Image(volume.geometry.from_canonical(volume.image), volume.geometry.affine_ras)
        (folder / "images").mkdir(exist_ok=True)
        nibabel.save(image, folder / "images" / f"leg_{patient}.nii.gz")
        write_labels(folder / "labels" / f"leg_{patient}.nii.gz", labels)
    shutil.copytree(series, folder / "images" / "sarcoma")
    project = Project.create(folder / "study", folder / "images", folder / "labels", {"bone": (1,)})
    config = preset_config("tiny", "interactive", train=("leg_0", "leg_1"), budget={"steps": STEPS}, device="cpu")
    settings = ["model.dims=2", "model.width=8", "patches.size=[48,48]", "patches.batch=8"]
    list(execute(create_run(project, apply_settings(config, settings))))
    return project


@pytest.fixture
def window(make_napari_viewer, qtbot) -> Iterator[tuple[ProgSegDock, Driver]]:
    """The dock in a shown window, with hands on it; the engine is the real one."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(*WINDOW)
    dock = ProgSegDock(viewer)
    viewer.window.add_dock_widget(dock)
    yield dock, Driver(viewer, dock)
    dock.desk.close()
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=30_000)


def test_a_click_on_a_ct_from_its_dicom_folder_gives_a_mask_that_is_saved_on_the_dicom_grid(
    window: tuple[ProgSegDock, Driver], study: Project, series: Path
) -> None:
    dock, driver = window
    assert dock.open_project(study.root)
    (case_id,) = (case.id for case in study.cases if case.id.startswith("dcm-"))
    dock.open_case(case_id)
    driver.wait(lambda: dock.desk.case is not None, "the CT", 60)
    driver.wait(lambda: dock.desk.answerer.run is not None, "the model", 60)
    voxel = brightest_inner_voxel(dock.desk.case.volume.image)
    driver.click(voxel)
    driver.wait(lambda: dock.desk.case.predicted[voxel[0]].any(), "a mask in the clicked slice", 60)
    mask = dock.desk.case.predicted.copy()
    driver.press(dock.annotate.accept)
    driver.press(dock.annotate.completed)
    driver.wait(lambda: dock.desk.state_of(case_id) is CaseState.COMPLETED, "the labels to be saved", 60)

    saved, scan = sitk.ReadImage(str(Project.open(study.root).case(case_id).label)), read_dicom(series)
    assert saved.GetSize() == scan.GetSize()
    np.testing.assert_allclose(saved.GetSpacing(), scan.GetSpacing(), atol=1e-4)
    np.testing.assert_allclose(saved.GetOrigin(), scan.GetOrigin(), atol=1e-3)
    np.testing.assert_allclose(saved.GetDirection(), scan.GetDirection(), atol=1e-6)
    assert np.count_nonzero(sitk.GetArrayFromImage(saved)) == np.count_nonzero(mask)
    # the mask is where the click was: the same HU lie under it, seen through SimpleITK alone
    seen = sitk.GetArrayFromImage(scan)[sitk.GetArrayFromImage(saved) == 1]
    np.testing.assert_array_equal(np.sort(seen), np.sort(dock.desk.case.volume.image[mask == 1]))


def brightest_inner_voxel(image: np.ndarray) -> tuple[int, int, int]:
    """Return a voxel of dense bone in the middle slice, away from its border."""
    z, margin = len(image) // 2, 5
    inner = image[z, margin:-margin, margin:-margin]
    y, x = np.unravel_index(inner.argmax(), inner.shape)
    return z, int(y) + margin, int(x) + margin


def read_dicom(series: Path) -> sitk.Image:
    """Read a series with SimpleITK alone."""
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(series)))
    return reader.Execute()

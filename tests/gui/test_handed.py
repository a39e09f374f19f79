"""The next patient in the layers of the one before."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from napari_progseg.io import read_volume
from napari_progseg.project import Project

from .conftest import open_case


@pytest.fixture
def show(dock, project, qtbot):
    """Return what opens a patient."""

    def shown(case_id: str):
        open_case(dock, project, qtbot, case_id)
        return dock.desk.case

    return shown


def small_scan(project: Project, case_id: str, dtype: type = np.int16) -> None:
    """Put another scan in place of a case's, of other voxels."""
    path = project.case(case_id).image
    image = np.arange(8 * 9 * 10, dtype=dtype).reshape(10, 9, 8)
    nib.save(nib.Nifti1Image(image, np.diag([2.0, 4.0, 5.0, 1.0])), path)


def test_the_next_patient_takes_over_the_layers(show, dock, project) -> None:
    small_scan(project, "case-3")
    before = show("case-0")
    layers = before.own_layers()
    before.add_click((6, 10, 8), inside=True)
    before.prediction_layer.visible = False
    case = show("case-3")
    assert case.own_layers()[:4] == layers[:4]
    assert [layer.name for layer in dock.desk.viewer.layers[:1]] == ["ProgSeg · case-3"]
    volume = read_volume(project.case("case-3").image)
    assert case.image.data is case.volume.image
    assert case.image.data.shape == volume.image.shape == (8, 9, 10)
    for layer in layers[:4]:
        assert layer.visible
        assert tuple(layer.scale) == volume.geometry.spacing_zyx_mm == (5.0, 4.0, 2.0)
    assert case.prediction_layer.data is case.predicted
    assert case.labels_layer.data is case.labels
    assert len(case.click_layer.layer.data) == 0
    assert before.image.metadata["progseg"]["source"].endswith("case-3.nii.gz")


def test_strokes_and_clicks_go_to_the_patient_on_screen_alone(show, project) -> None:
    before = show("case-0")
    old = before.labels.copy()
    case = show("case-3")
    case.labels_layer.paint((2, 3, 3), 1)
    case.settle()
    case.add_click((6, 10, 8), inside=True)
    assert case.labels[2, 3, 3] == 1
    assert len(case.history.prompts) == 1
    assert before.history.prompts == ()
    assert np.array_equal(before.labels, old)
    case.labels_layer.undo()  # what napari's own key calls
    assert not case.history.prompts


def test_a_window_set_for_one_scan_is_not_kept_for_the_next(show, project) -> None:
    small_scan(project, "case-3")
    show("case-0").image.contrast_limits = (0, 1)
    shown = show("case-3").image
    assert shown.contrast_limits[1] > 700
    assert shown.contrast_limits_range[1] == 719


def test_a_compared_patient_is_followed_by_one_without_comparison(show, dock) -> None:
    dock.desk.tools.set(show_agreement=True)
    before = show("case-0")
    before.put_whole(before.labels)
    layer = before.agreement.layer
    assert layer.visible
    case = show("case-1")
    assert case.agreement.layer is layer
    assert not layer.visible
    case.put_whole(np.zeros_like(case.labels))
    assert layer.visible
    assert layer.data.shape == case.labels.shape
    assert set(np.unique(layer.data)) <= {0, 3}


@pytest.mark.parametrize("broken", ["removed", "other type"])
def test_layers_that_do_not_suit_are_made_anew(show, dock, project, broken) -> None:
    before = show("case-0")
    layers = before.own_layers()
    if broken == "removed":
        dock.desk.viewer.layers.remove(before.labels_layer)
    else:
        small_scan(project, "case-3", np.float32)
    case = show("case-3")
    assert not set(case.own_layers()) & set(layers)
    assert all(layer in dock.desk.viewer.layers for layer in case.own_layers())
    assert len(dock.desk.viewer.layers) == 4

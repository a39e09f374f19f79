"""The shape of a patient: predicted by a run that was really trained, shown, moved, measured and saved."""

from __future__ import annotations

import shutil

import nibabel as nib
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog

from napari_progseg import io
from napari_progseg.errors import UserError
from napari_progseg.gui.layers import PREFIX
from napari_progseg.gui.shaped import outline
from napari_progseg.project import CaseState, Project
from napari_progseg.samples.supershapes import supershape
from napari_progseg.shape.correspondences import Correspondences
from napari_progseg.shape.files import save_model
from napari_progseg.shape.frame import from_world, to_voxels
from napari_progseg.shape.mesh import surface_of
from napari_progseg.shape.model import ShapeModel
from napari_progseg.training.config import preset_config

from .conftest import open_case

SCALES = (16, 32, 64)
RUN = "0001-shape"


@pytest.fixture(scope="session")
def trained_shapes(tmp_path_factory) -> Project:
    """A project of six supershapes, five of them labelled, with a run that has learned a little of their shape.

    The points of its model are the exact ones, which takes less time than finding them.
    """
    from napari_progseg.training.run import create_run, execute

    folder = tmp_path_factory.mktemp("shapes")
    exact, surfaces = {}, {}
    for patient in range(6):
        volume, labels, points = supershape(patient, shape_zyx=(20, 20, 20), spacing_zyx_mm=(3.2, 3.2, 3.2))
        stored = nib.Nifti1Image(volume.geometry.from_canonical(volume.image), volume.geometry.affine_ras)
        (folder / "images").mkdir(exist_ok=True)
        nib.save(stored, folder / "images" / f"body_{patient}.nii.gz")
        if patient < 5:
            io.write_labels(folder / "labels" / f"body_{patient}.nii.gz", labels)
        exact[f"body_{patient}"] = points[: SCALES[-1]]
        surfaces[f"body_{patient}"] = surface_of(labels.labels > 0, volume.geometry.spacing_zyx_mm)[0]
    project = Project.create(folder / "project", folder / "images", folder / "labels", {"body": (1,)})
    *train, check = (case.id for case in project.completed)
    points = np.stack([exact[case] for case in train])
    known = Correspondences(tuple(train), points, np.zeros(len(train), bool), surfaces[train[0]], points[0])
    save_model(folder / "model.npz", ShapeModel.of(known, "body", SCALES))
    config = preset_config(
        "tiny",
        "shape",
        name="shape",
        train=tuple(train),
        validation=(check,),
        budget={"steps": 2},
        shape={"structure": "body", "scales": SCALES, "model": str(folder / "model.npz")},
        device="cpu",
    )
    for _ in execute(create_run(project, config)):
        pass
    return project


@pytest.fixture
def shapes(trained_shapes, tmp_path, make_napari_viewer_proxy, qtbot):
    """The dock with a copy of that project, its first labelled patient open, nothing faked, no lessons beside it."""
    from napari_progseg.gui import ProgSegDock
    from napari_progseg.gui.preferences import remember_learning

    remember_learning(False)

    source = trained_shapes.root.parent
    shutil.copytree(source, tmp_path / "study")
    viewer = make_napari_viewer_proxy()
    dock = ProgSegDock(viewer)
    viewer.window.add_dock_widget(dock)
    project = Project.open(tmp_path / "study" / "project")
    open_case(dock, project, qtbot, project.completed[-1].id)
    qtbot.waitUntil(lambda: bool(dock.desk.device and dock.desk.runs.rows), timeout=60_000)
    yield dock
    dock.desk.close()
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)


def layer(dock, name: str):
    return next((each for each in dock.desk.viewer.layers if each.name == f"{PREFIX}shape {name}"), None)


def shape_layers(dock) -> list[str]:
    found = [each.name.removeprefix(PREFIX) for each in dock.desk.viewer.layers]
    return [name for name in found if name.startswith("shape ")]


def predict(dock, qtbot):
    """Press *Predict this patient* and wait until all is there."""
    part = dock.results.shape
    assert part.predict.isEnabled()
    QTest.mouseClick(part.predict, Qt.MouseButton.LeftButton)
    assert not part.predict.isEnabled()
    qtbot.waitUntil(lambda: part.shaped is not None and not dock.desk.background.busy, timeout=60_000)
    return part


def moved(dock, qtbot, place: int) -> None:
    part = dock.results.shape
    part.controls.slider.setValue(place)
    qtbot.waitUntil(lambda: not part._drawing.isActive(), timeout=5000)


def test_the_part_is_there_where_a_run_knows_shapes(dock, engine, project, qtbot) -> None:
    engine.add_run(project, "0001-segm", "segmentation")
    assert dock.open_project(project.root)
    qtbot.waitUntil(lambda: len(dock.desk.runs.rows) == 1, timeout=20_000)
    assert dock.results.shape.isHidden()
    for number in (2, 3):
        engine.add_run(project, f"000{number}-shape", "shape")
    dock.desk.runs.refresh()
    qtbot.waitUntil(lambda: len(dock.desk.runs.rows) == 3, timeout=20_000)
    part = dock.results.shape
    assert not part.isHidden()
    assert [part.run.itemText(n) for n in range(2)] == ["run 0003", "run 0002"]
    assert part.chosen.name == "0003-shape"
    part.run.setCurrentIndex(1)
    dock.desk.runs.refresh()
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)
    assert part.chosen.name == "0002-shape"
    assert not part.predict.isEnabled()
    assert part.about.text() == "Open a patient to predict its shape."
    assert part.controls.isHidden()


def test_a_predicted_shape_lies_over_the_image_and_changes_no_label(shapes, qtbot) -> None:
    case = shapes.desk.case
    labels, predicted = case.labels.copy(), case.predicted.copy()
    part = predict(shapes, qtbot)
    assert shape_layers(shapes) == ["shape mask", "shape surface", "shape outline", "shape points"]
    geometry, found = case.volume.geometry, part.shaped
    assert np.allclose(layer(shapes, "points").data, to_voxels(found.patient.points[-1], geometry))
    assert np.allclose(layer(shapes, "surface").vertices, to_voxels(found.patient.vertices, geometry))
    assert layer(shapes, "mask").data.shape == case.volume.image.shape
    for name in ("mask", "surface", "outline", "points"):
        assert np.allclose(layer(shapes, name).scale, case.image.scale)
        assert layer(shapes, name).units == case.image.units
    moved(shapes, qtbot, 20)
    assert not layer(shapes, "points").editable
    assert not layer(shapes, "mask").editable
    assert shapes.desk.viewer.layers.selection.active == case.click_layer.layer
    assert np.array_equal(case.labels, labels)
    assert np.array_equal(case.predicted, predicted)
    assert shapes.desk.answerer.predictor is None
    # a network of two steps has learned no more than where bodies are
    middle = np.argwhere(case.labels > 0).mean(axis=0)
    assert np.linalg.norm(layer(shapes, "points").data.mean(axis=0) - middle) < 6


def test_the_points_of_any_scale_are_shown(shapes, qtbot) -> None:
    part = predict(shapes, qtbot)
    assert [part.controls.scale.itemText(n) for n in range(part.controls.scale.count())] == [
        str(count) for count in SCALES
    ]
    assert len(layer(shapes, "points").data) == SCALES[-1]
    size = layer(shapes, "points").size[0]
    part.controls.scale.setCurrentIndex(0)
    qtbot.waitUntil(lambda: len(layer(shapes, "points").data) == SCALES[0], timeout=5000)
    assert layer(shapes, "points").size[0] > size
    assert np.allclose(layer(shapes, "points").data, to_voxels(part.shaped.patient.points[0], part.shaped.geometry))


def test_the_slider_moves_the_surface_along_a_mode_and_back(shapes, qtbot) -> None:
    from napari_progseg.inference.shapes import load_shapes, predict_shape

    part, case = predict(shapes, qtbot), shapes.desk.case
    trained = load_shapes(shapes.desk.project.runs_dir / RUN)
    predicted = predict_shape(trained, case.volume)
    level = trained.model.levels[-1]
    assert part.controls.mode.itemText(0) == f"Mode 1 · {100 * level.share[0]:.0f} % of variance"
    assert part.controls.mode.count() == len(level.modes) > 1
    part.controls.mode.setCurrentIndex(1)
    part.controls.mean.click()
    moved(shapes, qtbot, 20)
    assert part.controls.place.text() == "+2.0 σ"
    scores = np.zeros(len(level.modes))
    scores[1] = 2
    wanted = predicted.placed(trained.model.surface_at(level.shapes(scores)[0])).vertices
    assert np.allclose(layer(shapes, "surface").vertices, to_voxels(wanted, part.shaped.geometry), atol=1e-4)
    still = to_voxels(part.shaped.patient.vertices, part.shaped.geometry)
    part.controls.patient.click()
    assert part.controls.slider.value() == 0
    qtbot.waitUntil(lambda: np.allclose(layer(shapes, "surface").vertices, still), timeout=5000)
    moved(shapes, qtbot, -30)
    assert not np.allclose(layer(shapes, "surface").vertices, still)
    part.controls.mode.setCurrentIndex(0)
    assert (part.controls.slider.value(), part.controls.place.text()) == (0, "0.0 σ")


def test_a_slice_shows_the_outline_and_3d_the_surface_with_no_mask_before_it(shapes, qtbot) -> None:
    part, case, dims = predict(shapes, qtbot), shapes.desk.case, shapes.desk.viewer.dims
    drawn, surface = layer(shapes, "outline"), layer(shapes, "surface")
    assert not surface.visible
    z = round(float(case.image.world_to_data(dims.point)[0]))
    starts = drawn.data[:, 0]
    assert len(starts) > 10
    assert np.allclose(starts[:, 0], z)
    low, high = surface.vertices.min(axis=0), surface.vertices.max(axis=0)
    assert ((starts >= low - 1e-6) & (starts <= high + 1e-6)).all()
    part.controls.turn.click()
    assert dims.ndisplay == 3
    assert (surface.visible, drawn.visible, case.labels_layer.visible) == (True, False, False)
    part.controls.turn.click()
    assert (surface.visible, drawn.visible, case.labels_layer.visible) == (False, True, True)
    dims.set_point(0, 0)
    assert len(drawn.data) == 0


def test_what_is_shown_is_saved_in_the_mm_of_the_scan(shapes, qtbot, tmp_path, monkeypatch) -> None:
    from napari_progseg.shape.particles import read_particles

    part = predict(shapes, qtbot)
    geometry, case = part.shaped.geometry, shapes.desk.case.id
    asked, endings = [], [".particles", ".csv", ".ply", ".stl", ".particles"]

    def answer(parent, title, name, kinds):
        asked.append(name)
        wanted = endings[len(asked) - 1]
        return str(tmp_path / "saved"), next(kind for kind in kinds.split(";;") if wanted in kind)

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    for ending in endings[:4]:
        QTest.mouseClick(part.controls.save, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda path=tmp_path / f"saved{ending}": path.exists(), timeout=20_000)
    assert asked[0].endswith(f"{case}-shape")
    points = from_world(read_particles(tmp_path / "saved.particles"), geometry)
    assert np.allclose(points, part.shaped.patient.points[-1], atol=1e-3)
    qtbot.waitUntil(lambda: "Saved as saved.stl." in part.about.text(), timeout=20_000)
    moved(shapes, qtbot, 15)
    said = []
    shapes.desk.said.connect(said.append)
    part.controls.save.click()
    assert said == ["saved.particles is there already, so nothing was saved. Choose another name."]
    assert asked[-1].endswith(f"{case}-shape-mode1+1.5")
    part.save_to(tmp_path / "moved.particles")
    qtbot.waitUntil(lambda: not shapes.desk.background.busy, timeout=20_000)
    points = from_world(read_particles(tmp_path / "moved.particles"), geometry)
    assert np.allclose(points, part.form.points[-1], atol=1e-3)
    assert not np.allclose(points, part.shaped.patient.points[-1], atol=1e-2)


def test_the_distance_from_a_completed_mask_is_said(shapes, qtbot) -> None:
    from napari_progseg.shape.distances import surface_distance
    from napari_progseg.shape.mesh import Mesh

    part, case = predict(shapes, qtbot), shapes.desk.case
    surface, _ = surface_of(case.labels == 1, part.shaped.geometry.spacing_zyx_mm)
    wanted = surface_distance(Mesh(part.shaped.patient.vertices, part.shaped.faces), surface)
    text = f"body by run 0001: {wanted.mean_mm:.2f} mm from your mask (largest {wanted.hausdorff_mm:.1f} mm)."
    assert part.about.text() == text
    left = next(each.id for each in shapes.desk.project.cases if each.state is not CaseState.COMPLETED)
    shapes.open_case(left)
    qtbot.waitUntil(lambda: shapes.desk.case is not None and shapes.desk.case.id == left, timeout=20_000)
    predict(shapes, qtbot)
    assert part.about.text().startswith(f"body by run 0001: {SCALES[-1]} points, ")


def test_a_shape_goes_with_its_patient(shapes, qtbot) -> None:
    part = predict(shapes, qtbot)
    other = shapes.desk.project.cases[0].id
    shapes.open_case(other)
    qtbot.waitUntil(lambda: shapes.desk.case is not None and shapes.desk.case.id == other, timeout=20_000)
    assert shape_layers(shapes) == []
    assert part.controls.isHidden()
    assert part.shaped is None
    predict(shapes, qtbot)
    assert len(shape_layers(shapes)) == 4
    shapes.desk.close_case()
    assert len(shapes.desk.viewer.layers) == 0
    assert not part.predict.isEnabled()


def test_a_shape_that_comes_late_is_not_shown_over_another_patient(shapes, qtbot, monkeypatch) -> None:
    part = shapes.results.shape
    part.predict.click()
    other = shapes.desk.project.cases[0].id
    shapes.open_case(other)
    qtbot.waitUntil(lambda: shapes.desk.case is not None and shapes.desk.case.id == other, timeout=20_000)
    qtbot.waitUntil(lambda: not shapes.desk.background.busy, timeout=60_000)
    assert part.shaped is None
    assert shape_layers(shapes) == []
    assert part.predict.isEnabled()


def test_removed_layers_are_no_trouble(shapes, qtbot) -> None:
    part = predict(shapes, qtbot)
    for name in ("points", "surface", "outline"):
        shapes.desk.viewer.layers.remove(layer(shapes, name))
    moved(shapes, qtbot, 10)
    part.controls.turn.click()
    part.controls.turn.click()
    predict(shapes, qtbot)
    assert len(shape_layers(shapes)) == 4


def test_a_model_that_cannot_be_read_is_one_sentence(shapes, qtbot) -> None:
    said = []
    shapes.desk.said.connect(said.append)
    for weights in (shapes.desk.project.runs_dir / RUN / "checkpoints").rglob("*.safetensors"):
        weights.write_bytes(b"no model")
    part = shapes.results.shape
    part.predict.click()
    qtbot.waitUntil(lambda: bool(said) and not shapes.desk.background.busy, timeout=60_000)
    assert len(said) == 1
    assert "unexpected" not in said[0]
    assert part.predict.isEnabled()
    assert shape_layers(shapes) == []


def test_the_other_side_is_asked_for_where_a_model_mirrors(dock, engine, project, qtbot, monkeypatch) -> None:
    asked = []

    def refuse(run, volume, mirrored):
        asked.append(mirrored)
        raise UserError("no")

    monkeypatch.setattr("napari_progseg.gui.engine.predict_shape", refuse)
    engine.add_run(project, "0001-shape", "shape")
    config = preset_config("tiny", "shape", budget={"minutes": 1}, shape={"structure": "left", "reflect": True})
    engine.add_configured(project, "0002-shape", config)
    open_case(dock, project, qtbot, "case-0")
    part = dock.results.shape
    qtbot.waitUntil(lambda: part.run.count() == 2, timeout=20_000)
    assert part.run.itemText(0) == "run 0002 · left"
    for position, ticked in ((0, True), (1, False)):
        part.run.setCurrentIndex(position)
        assert part.mirrored.isHidden() is (position == 1)
        part.mirrored.setChecked(True)
        part.predict.click()
        qtbot.waitUntil(lambda count=position + 1: len(asked) == count and part.predict.isEnabled(), timeout=20_000)
        assert asked[-1] is ticked


# --- the outline ------------------------------------------------------------------------------------------------


def test_the_outline_is_where_the_plane_cuts_the_surface() -> None:
    z, y, x = np.indices((24, 24, 24)) - 11.5
    mesh, _ = surface_of(z**2 + y**2 + x**2 < 81, (1.0, 1.0, 1.0))
    for axis in range(3):
        pieces = outline(mesh.vertices, mesh.faces, axis, 2.25)
        assert np.allclose(pieces[..., axis], 2.25)
        assert np.allclose(np.linalg.norm(pieces.reshape(-1, 3), axis=1), 9, atol=0.3)
        # closed: every end is the beginning or end of one other piece
        ends = np.round(pieces.reshape(-1, 3), 6)
        assert set(np.unique(ends, axis=0, return_counts=True)[1]) == {2}
        around = np.linalg.norm(pieces[:, 0] - pieces[:, 1], axis=1).sum()
        assert around == pytest.approx(2 * np.pi * np.sqrt(81 - 2.25**2), rel=0.03)
    assert outline(mesh.vertices, mesh.faces, 0, 40.0).shape == (0, 2, 3)


def test_a_plane_through_corners_cuts_no_hole() -> None:
    corners = np.array([[0, 0, 0], [0, 0, 2], [0, 2, 0], [2, 0, 0]], float)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    assert outline(corners, faces, 1, 0.0).shape[1:] == (2, 3)
    assert len(outline(corners, faces, 1, 1.0)) == 3

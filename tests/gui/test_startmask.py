"""Starting from a mask the user has: layers and files on the case's grid, undo, and clicks that go on from it."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_progseg.errors import UserError
from napari_progseg.geometry import Geometry
from napari_progseg.gui import annotate
from napari_progseg.gui.bridge import Preview
from napari_progseg.gui.edits import journal
from napari_progseg.gui.startmask import mask_of
from napari_progseg.placement import describe
from napari_progseg.volume import LabelClass

from .conftest import BALL, SHAPE, SPACING

CLASSES = (LabelClass("left", (1, 4)), LabelClass("right", (2,)))


def ball(value: int = 1, dtype: type = np.uint8) -> np.ndarray:
    values = np.zeros(SHAPE, dtype)
    values[BALL] = value
    return values


def add_layer(dock, values: np.ndarray, name: str = "mine", **changes):
    image = dock.desk.case.image
    space = {"scale": image.scale, "translate": image.translate, "units": image.units, "axis_labels": image.axis_labels}
    return dock.desk.viewer.add_labels(values, name=name, **{**space, **changes})


def offered(dock) -> dict[str, object]:
    """Press the button; return the entries of its menu."""
    QTest.mouseClick(dock.annotate.begin, Qt.MouseButton.LeftButton)
    return {action.text(): action for action in dock.annotate.masks.actions() if not action.isSeparator()}


def take(dock, qtbot, name: str) -> None:
    menu, actions = dock.annotate.masks, offered(dock)
    qtbot.waitUntil(menu.isVisible, timeout=2000)
    QTest.mouseClick(menu, Qt.MouseButton.LeftButton, pos=menu.actionGeometry(actions[name]).center())
    menu.hide()
    qtbot.waitUntil(lambda: not dock.desk.busy, timeout=20_000)


def said(dock, qtbot, name: str) -> str:
    with qtbot.waitSignal(dock.desk.said, timeout=20_000) as signal:
        take(dock, qtbot, name)
    return signal.args[0]


def test_the_menu_offers_the_users_layers_and_a_file(opened) -> None:
    add_layer(opened, ball(), "liver")
    assert list(offered(opened)) == ["liver", "ProgSeg · labels", "Labels file…"]
    opened.annotate.masks.hide()


def test_a_layer_becomes_the_current_mask_and_undo_takes_it_back(opened, project, qtbot) -> None:
    case = opened.desk.case
    case.add_click((2, 3, 3), True)
    qtbot.waitUntil(lambda: not opened.desk.answerer.answering, timeout=20_000)
    before = case.predicted.copy()
    add_layer(opened, ball(2, np.int64))
    take(opened, qtbot, "mine")
    assert np.array_equal(case.predicted, ball(2))
    assert case.has_prediction
    assert case.history.clicks == ()
    assert "from mine" in opened.desk.viewer.canvas.overlays.text.text
    assert opened.desk.viewer.layers.selection.active.name == case.click_layer.layer.name
    record = list(journal(project, "case-0").read())[-1]
    assert (record["edit"], record["source"], record["clicks"]) == ("import", "mine", [])
    QTest.mouseClick(opened.annotate.undo, Qt.MouseButton.LeftButton)
    assert np.array_equal(case.predicted, before)
    assert len(case.history.clicks) == 1
    QTest.mouseClick(opened.annotate.redo, Qt.MouseButton.LeftButton)
    assert np.array_equal(case.predicted, ball(2))
    assert case.history.clicks == ()


def test_dice_counts_a_mask_that_was_started_from(opened, qtbot) -> None:
    add_layer(opened, opened.desk.case.labels.copy())
    take(opened, qtbot, "mine")
    assert opened.desk.case.dice == {1: 1.0, 2: 1.0}


def test_clicks_go_on_from_the_mask(opened, engine, project, qtbot, monkeypatch) -> None:
    session = type(__import__("napari_progseg.gui.engine", fromlist=["x"]).make_session(None))
    given = []
    answer = session.answer

    def watched(self, clicks, revision, current=None, **asked):
        given.append(None if current is None else current.copy())
        return answer(self, clicks, revision, current, **asked)

    monkeypatch.setattr(session, "answer", watched)
    engine.add_run(project, "0001-inter", "interactive")
    opened.desk.runs.refresh()
    qtbot.waitUntil(lambda: opened.desk.answerer.run is not None, timeout=20_000)
    add_layer(opened, ball(2))
    take(opened, qtbot, "mine")
    opened.desk.case.add_click((10, 1, 1), True)
    qtbot.waitUntil(lambda: not opened.desk.answerer.answering, timeout=20_000)
    assert np.array_equal(given[0], ball(2))
    assert engine.own_mask, "also the first click only corrects it"
    assert (opened.desk.case.predicted[10, :4, :4] == 1).all()
    assert np.array_equal(opened.desk.case.predicted[:10], ball(2)[:10])


def test_training_does_not_replace_a_mask_that_was_started_from(opened, engine, project, qtbot) -> None:
    run = engine.add_run(project, "0001-segm", "segmentation")
    opened.desk.runs.attach(run)
    add_layer(opened, ball())
    take(opened, qtbot, "mine")
    live = Preview(50, "case-0", np.full(SHAPE, 2, np.uint8))
    opened.desk.runs.previewed.emit(live)
    assert np.array_equal(opened.desk.case.predicted, ball())
    opened.desk.case.undo()
    opened.desk.runs.previewed.emit(live)
    assert (opened.desk.case.predicted == 2).all()


@pytest.mark.parametrize(
    ("shape", "changes", "why"),
    [
        ((4, 4, 4), {}, "is 4×4×4 voxels, the image 12×20×16"),
        (SHAPE, {"scale": (1, 1, 1)}, "lies elsewhere than the image"),
        (SHAPE, {"translate": (0, 0, 5)}, "lies elsewhere than the image"),
        (
            SHAPE,
            {"metadata": describe(Geometry(tuple(reversed(SHAPE)), np.diag([1.0, 1.0, -3.0, 1.0]) + np.eye(4, k=3)))},
            "came from a file on another grid",
        ),
    ],
)
def test_a_layer_on_another_grid_is_refused_in_a_sentence(opened, qtbot, shape, changes, why) -> None:
    add_layer(opened, np.ones(shape, np.uint8), **changes)
    sentence = said(opened, qtbot, "mine")
    assert sentence.startswith(f"The layer “mine” {why}")
    assert "the mask on screen stays as it is" in sentence
    assert not opened.desk.case.has_prediction
    assert opened.desk.case.history.done == []


def test_a_layer_of_two_axes_is_refused(opened, qtbot) -> None:
    opened.desk.viewer.add_labels(np.ones((20, 16), np.uint8), name="flat", units=("mm", "mm"))
    assert "is not one volume of three axes" in said(opened, qtbot, "flat")


def test_values_of_no_class_are_left_out_and_named(opened, qtbot) -> None:
    values = ball(1)
    values[0, 0, 0] = 7
    add_layer(opened, values)
    assert said(opened, qtbot, "mine").startswith("Value 7 of “mine” is no class of this project (left = 1, right = 2)")
    assert np.array_equal(opened.desk.case.predicted, ball(1))


def test_a_layer_without_any_class_is_refused(opened, qtbot) -> None:
    add_layer(opened, ball(9))
    assert "holds no voxel of a class of this project" in said(opened, qtbot, "mine")
    assert not opened.desk.case.has_prediction


def stored(path, values: np.ndarray, spacing=SPACING):
    geometry = Geometry.from_spacing(values.shape, spacing)
    nib.save(nib.Nifti1Image(np.ascontiguousarray(geometry.from_canonical(values)), geometry.affine_ras), path)
    return path


def choose_file(monkeypatch, path) -> None:
    monkeypatch.setattr(annotate.QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))


def test_a_file_on_the_same_grid_is_taken(opened, tmp_path, qtbot, monkeypatch) -> None:
    choose_file(monkeypatch, stored(tmp_path / "mask.nii.gz", ball(2)))
    take(opened, qtbot, "Labels file…")
    assert np.array_equal(opened.desk.case.predicted, ball(2))


def test_a_file_on_another_grid_is_refused(opened, tmp_path, qtbot, monkeypatch) -> None:
    choose_file(monkeypatch, stored(tmp_path / "mask.nii.gz", ball(2), (2.0, 1.0, 1.0)))
    sentence = said(opened, qtbot, "Labels file…")
    assert sentence.startswith("mask.nii.gz lies on another grid than the image")
    assert not opened.desk.case.has_prediction


def test_nothing_happens_without_a_chosen_file(opened, qtbot, monkeypatch) -> None:
    choose_file(monkeypatch, "")
    take(opened, qtbot, "Labels file…")
    assert opened.desk.case.history.done == []


def test_every_value_of_a_class_becomes_its_first() -> None:
    values = np.array([[[0, 1, 4, 2, 9]]], np.int32)
    mask = mask_of(values, CLASSES, "mine")
    assert mask.labels.tolist() == [[[0, 1, 1, 2, 0]]]
    assert "Value 9" in mask.left_out
    assert mask_of(values[..., :4], CLASSES, "mine").left_out == ""


def test_what_is_no_label_map_is_refused() -> None:
    with pytest.raises(UserError, match="label values run from -1"):
        mask_of(np.full((2, 2, 2), -1), CLASSES, "mine")

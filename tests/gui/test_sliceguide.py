"""The strip of slices: what it shows, and where a click on it leads."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_progseg.gui.box import difference

LEFT = Qt.MouseButton.LeftButton


def axial(dock) -> int:
    return round(float(dock.desk.case.image.world_to_data(dock.desk.viewer.dims.point)[0]))


def press(strip, index: int, count: int) -> None:
    QTest.mouseClick(strip, LEFT, pos=QPoint(2 + round((index + 0.5) * (strip.width() - 4) / count), 20))


@pytest.fixture
def predicted(opened):
    """A completed patient whose prediction is right but for slice 5, half missed, and slice 10, all extra."""
    case = opened.desk.case
    labels = case.labels.copy()
    labels[5, :10] = 0
    labels[10, :2, :2] = 1
    case.put_whole(labels)
    opened.show_part("Annotate")
    return opened


def test_bars_are_the_errors_against_the_reference(predicted) -> None:
    guide = predicted.annotate.slices
    totals = guide.strip.totals
    assert np.flatnonzero(totals).tolist() == [5, 10]
    assert totals[5] == pytest.approx(0.5)
    assert guide.strip.worst == 5
    assert guide.about.text().startswith("Against the reference:")


def test_a_click_on_a_bar_goes_to_its_slice_and_the_button_to_the_worst(predicted) -> None:
    guide = predicted.annotate.slices
    press(guide.strip, 10, 12)
    assert axial(predicted) == 10
    QTest.mouseClick(guide.worst, LEFT)
    assert axial(predicted) == 5
    guide.go_to(0)
    assert axial(predicted) == 0


def test_it_follows_the_axis_that_is_sliced(predicted) -> None:
    guide = predicted.annotate.slices
    predicted.desk.viewer.dims.order = (1, 0, 2)
    assert guide.title.text() == "Slices, coronal (y)"
    assert len(guide.strip.totals) == 20
    guide.go_to(7)
    assert round(predicted.desk.viewer.dims.point[1]) == 7
    predicted.desk.viewer.dims.ndisplay = 3
    assert guide.about.text() == "Shown for slices: leave the 3D view."
    assert not guide.worst.isEnabled()


def test_it_follows_an_answer_without_counting_the_volume_again(predicted, monkeypatch) -> None:
    from napari_progseg.gui.compare import Tally

    case = predicted.desk.case
    monkeypatch.setattr(Tally, "of", None)
    case.put([((slice(5, 6), slice(0, 20), slice(0, 16)), case.labels[5:6])])
    assert np.flatnonzero(predicted.annotate.slices.strip.totals).tolist() == [10]


@pytest.fixture
def unlabelled(dock, engine, project, qtbot):
    """A patient without labels, with a model that can predict it."""
    engine.add_run(project, "0001-inter", "interactive")
    dock.open_project(project.root)
    dock.open_case("case-3")
    qtbot.waitUntil(lambda: dock.desk.case is not None, timeout=10_000)
    qtbot.waitUntil(lambda: dock.desk.answerer.predictor is not None, timeout=20_000)
    return dock


def test_before_a_prediction_it_says_what_to_do(unlabelled) -> None:
    guide = unlabelled.annotate.slices
    assert guide.about.text() == "Nothing to show yet: predict this patient with a model."
    assert guide.strip.worst is None


def test_without_a_reference_it_shows_doubts_and_says_so(unlabelled, qtbot) -> None:
    guide = unlabelled.annotate.slices
    unlabelled.desk.predict()
    qtbot.waitUntil(lambda: unlabelled.desk.case.has_prediction, timeout=20_000)
    assert guide.about.text().startswith("No reference, so this is no error:")
    assert np.flatnonzero(guide.strip.totals).tolist() == [6]
    qtbot.waitUntil(lambda: not unlabelled.desk.background.busy, timeout=20_000)


def test_an_answer_takes_doubts_away_and_undo_brings_them_back(unlabelled, qtbot) -> None:
    desk, strip = unlabelled.desk, unlabelled.annotate.slices.strip
    desk.predict()
    qtbot.waitUntil(lambda: desk.case.has_prediction, timeout=20_000)
    from napari_progseg.gui import engine as door

    plane = (slice(6, 7), slice(0, 20), slice(0, 16))
    type(door.make_session(None)).doubts = ((plane, np.zeros((1, 20, 16), bool)),)
    desk.case.add_click((6, 7, 8), True)
    qtbot.waitUntil(lambda: not desk.answerer.answering, timeout=20_000)
    assert not strip.totals.any()
    desk.case.undo()
    assert np.flatnonzero(strip.totals).tolist() == [6]
    desk.case.redo()
    assert not strip.totals.any()


def test_a_mask_from_elsewhere_has_no_doubts(unlabelled, qtbot) -> None:
    desk = unlabelled.desk
    desk.predict()
    qtbot.waitUntil(lambda: desk.case.has_prediction, timeout=20_000)
    mask = np.ones(desk.case.labels.shape, np.uint8)
    desk.case.start_from(mask, "elsewhere", difference(np.zeros_like(mask), mask))
    assert unlabelled.annotate.slices.about.text().startswith("No reference. With a model, “Predict")
    assert not unlabelled.annotate.slices.worst.isEnabled()


def test_where_slices_share_a_pixel_the_worst_of_them_is_chosen(qtbot) -> None:
    from napari_progseg.gui.strip import SliceStrip, Stack

    strip = SliceStrip(str)
    qtbot.addWidget(strip)
    strip.resize(104, 44)
    shares = np.zeros(1000)
    shares[507] = 0.4
    strip.show_bars([Stack(shares, "#000000")], 0)
    assert strip.slice_at(2 + 50) == 507
    assert strip.slice_at(-5) == 0
    assert strip.slice_at(500) == 999

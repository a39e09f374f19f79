"""What a training shows of the case on screen, and what it never replaces."""

from __future__ import annotations

import numpy as np
import pytest

from napari_progseg.gui.bridge import Preview

from .conftest import SHAPE, open_case


@pytest.fixture
def large(dock, engine, project, qtbot, monkeypatch):
    """A completed case that counts as large, and a run that trains."""
    monkeypatch.setattr("napari_progseg.gui.live.LARGE_VOXELS", 1)
    monkeypatch.setattr("napari_progseg.gui.case.LARGE_VOXELS", 1)
    run = engine.add_run(project, "0001-segm", "segmentation")
    open_case(dock, project, qtbot, "case-0")
    dock.desk.runs.attach(run)
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)
    return dock


def preview() -> Preview:
    return Preview(50, "case-0", np.full(SHAPE, 2, np.uint8))


def test_a_large_preview_is_counted_beside_the_window_and_shown(large, qtbot) -> None:
    case = large.desk.case
    large.desk.runs.previewed.emit(preview())
    qtbot.waitUntil(lambda: (case.predicted == 2).all(), timeout=20_000)
    assert case.dice == pytest.approx({1: 0.0, 2: case.dice[2]})
    assert case.dice[2] > 0


def test_a_preview_that_was_counted_while_the_user_clicked_is_dropped(large, qtbot) -> None:
    case = large.desk.case
    large.desk.runs.previewed.emit(preview())
    case.add_click((5, 7, 8), True)
    qtbot.waitUntil(lambda: not large.desk.background.busy, timeout=20_000)
    assert not (case.predicted == 2).any()


def test_a_preview_that_was_counted_while_labels_changed_is_counted_again(large, qtbot) -> None:
    case = large.desk.case
    large.desk.runs.previewed.emit(preview())
    case.labels[...] = 2
    case.labels_changed()
    qtbot.waitUntil(lambda: case.dice is not None and case.dice[2] == 1.0, timeout=20_000)

"""What is imported is left out of Python's searches for unused objects while the dock lives."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from napari_progseg.gui import pauses


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    gc.unfreeze()
    yield make_napari_viewer_proxy()
    gc.unfreeze()


def test_what_exists_when_the_dock_is_ready_is_searched_no_more_until_it_closes(viewer, engine, qtbot) -> None:
    from napari_progseg.gui import ProgSegDock

    dock = ProgSegDock(viewer)
    viewer.window.add_dock_widget(dock)
    qtbot.waitUntil(lambda: bool(dock.desk.device), timeout=20_000)
    assert gc.get_freeze_count() > 100_000
    dock.desk.close()
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)
    assert gc.get_freeze_count() == 0


def test_layers_that_the_user_had_open_can_still_be_freed(viewer) -> None:
    viewer.add_image(np.zeros((2, 3, 4), np.uint8))
    pauses.keep_short(viewer)
    assert gc.get_freeze_count() == 0

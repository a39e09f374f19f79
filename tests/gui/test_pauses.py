"""What Python is told while the dock lives: search less for unused objects, hand over the interpreter soon."""

from __future__ import annotations

import gc
import sys
import threading

import numpy as np
import pytest

from napari_progseg.gui import pauses


@pytest.fixture
def viewer(make_napari_viewer_proxy):
    gc.unfreeze()
    yield make_napari_viewer_proxy()
    gc.unfreeze()


def test_python_is_told_when_the_dock_is_ready_and_told_back_when_it_closes(viewer, engine, qtbot) -> None:
    from napari_progseg.gui import ProgSegDock

    interval = sys.getswitchinterval()
    dock = ProgSegDock(viewer)
    viewer.window.add_dock_widget(dock)
    assert not gc.isenabled()
    qtbot.waitUntil(lambda: bool(dock.desk.device), timeout=20_000)
    assert gc.get_freeze_count() > 100_000
    assert sys.getswitchinterval() < interval / 5
    dock.desk.close()
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    assert sys.getswitchinterval() == interval


def test_a_dock_that_closes_before_it_is_ready_leaves_python_as_it_was(viewer, engine, qtbot) -> None:
    from napari_progseg.gui import ProgSegDock

    interval = sys.getswitchinterval()
    dock = ProgSegDock(viewer)
    dock.desk.close()
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)
    assert gc.isenabled()
    assert (gc.get_freeze_count(), sys.getswitchinterval()) == (0, interval)


def test_layers_that_the_user_had_open_can_still_be_freed(viewer) -> None:
    viewer.add_image(np.zeros((2, 3, 4), np.uint8))
    told = pauses.Pauses(viewer)
    told.leave_out_what_is_there()
    assert gc.get_freeze_count() == 0
    told.end()


def test_unused_objects_are_searched_for_on_the_gui_thread_alone(viewer, engine, qtbot) -> None:
    from napari_progseg.gui import ProgSegDock

    dock = ProgSegDock(viewer)
    viewer.window.add_dock_widget(dock)
    qtbot.waitUntil(lambda: bool(dock.desk.device), timeout=20_000)
    searched = []
    gc.callbacks.append(note := lambda phase, info: searched.append(threading.current_thread()))
    worker = threading.Thread(target=rubbish)
    worker.start()
    worker.join()
    try:
        assert not searched
        qtbot.waitUntil(lambda: bool(searched), timeout=10_000)
        assert set(searched) == {threading.main_thread()}
    finally:
        gc.callbacks.remove(note)
    dock.desk.close()
    qtbot.waitUntil(lambda: not dock.desk.background.busy, timeout=20_000)


def rubbish() -> None:
    """Make objects that only a search finds, far more than a search waits for."""
    for _ in range(20_000):
        ring: list = []
        ring.append(ring)

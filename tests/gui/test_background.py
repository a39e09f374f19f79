"""Work beside the window: nothing waits for a free thread."""

from __future__ import annotations

import threading

import pytest
from qtpy.QtCore import QThreadPool

from napari_progseg.gui.background import Background, called


@pytest.fixture
def two_cores():
    """A pool of as many threads as a small machine has."""
    pool = QThreadPool.globalInstance()
    before = pool.maxThreadCount()
    pool.setMaxThreadCount(2)
    yield
    pool.setMaxThreadCount(before)


def test_a_short_job_does_not_wait_for_those_that_take_hours(two_cores, qapp, qtbot) -> None:
    background, go_on, got = Background(), threading.Event(), []
    for number in range(5):
        background.start(f"long {number}", called(go_on.wait, 20))
    try:
        background.start("saving", called(lambda: "saved"), got.append)
        qtbot.waitUntil(lambda: got == ["saved"], timeout=10_000)
    finally:
        go_on.set()
    qtbot.waitUntil(lambda: not background.busy, timeout=10_000)


def test_the_pool_is_as_large_as_before_when_jobs_have_ended(two_cores, qapp, qtbot) -> None:
    background, running, go_on = Background(), threading.Semaphore(0), threading.Event()
    for number in range(4):
        background.start(f"short {number}", called(int))
    qtbot.waitUntil(lambda: not background.busy, timeout=10_000)

    def wait() -> None:
        running.release()
        go_on.wait(20)

    pool = QThreadPool.globalInstance()
    try:
        assert [pool.tryStart(wait) for _ in range(3)] == [True, True, False]
    finally:
        go_on.set()
        pool.waitForDone()

"""The pauses that Python itself brings into the window, kept short.

Two of them: in its search for unused objects every thread stands still while all that napari and torch made at their
import is walked through, a quarter of a second each time. And a frame, which leaves the interpreter with every call of
OpenGL, waits up to a switch interval each time to get it back from a worker.
"""

from __future__ import annotations

import gc
import sys

from napari.viewer import Viewer
from qtpy.QtCore import QObject, QTimer

_SWITCH_SECONDS = 0.0005  # Python's own is 0.005
_BEFORE_SECONDS = sys.getswitchinterval()
_INTERVAL_MS = 1000


class Pauses(QObject):
    """Searches for unused objects on the GUI thread, now and then, and leaves out what was imported.

    Python would search in whatever thread has just made an object, and windows must not be deleted in a worker.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._timer = QTimer(self)
        self._timer.setInterval(_INTERVAL_MS)
        self._timer.timeout.connect(search)

    def begin(self) -> None:
        """Search for nothing while torch is imported, and have workers hand the interpreter back soon."""
        sys.setswitchinterval(_SWITCH_SECONDS)
        gc.disable()

    def leave_out_what_is_there(self) -> None:
        """Search again, but not among what exists now; call it once all is imported.

        Where the viewer shows layers already, nothing is left out: they would stay in memory after they were removed.
        """
        if not self._viewer.layers:
            gc.freeze()
        self._timer.start()

    def end(self) -> None:
        """Leave all of it to Python again."""
        self._timer.stop()
        gc.unfreeze()
        gc.enable()
        sys.setswitchinterval(_BEFORE_SECONDS)


def search() -> None:
    """Search where Python would: among young objects often, among old ones seldom."""
    for generation, (count, most) in enumerate(zip(gc.get_count(), gc.get_threshold(), strict=True)):
        if count > most:
            gc.collect(generation)

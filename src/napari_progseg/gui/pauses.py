"""The pauses that Python itself brings into the window, kept short.

Two of them: in its search for unused objects every thread stands still while all that napari and torch made at their
import is walked through, a quarter of a second each time. And a frame, which leaves the interpreter with every call of
OpenGL, waits up to a switch interval each time to get it back from a worker.
"""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.viewer import Viewer

_SWITCH_SECONDS = 0.0005  # Python's own is 0.005
_BEFORE_SECONDS = sys.getswitchinterval()


def let_window_first() -> None:
    """Have workers hand the interpreter back soon, and search for nothing until all is imported."""
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.disable()


def keep_searches_short(viewer: Viewer) -> None:
    """Search again, but leave what exists now out of it; call it once all is imported.

    Where the viewer shows layers already nothing is left out: those would stay in memory after the user has removed
    them.
    """
    if not viewer.layers:
        gc.freeze()
    gc.enable()


def as_before() -> None:
    """Search through everything again, and switch as seldom as before."""
    gc.unfreeze()
    gc.enable()
    sys.setswitchinterval(_BEFORE_SECONDS)

"""The pauses in which Python looks for unused objects, kept short.

Every thread stands still meanwhile, and all that napari and torch made at their import is walked through, which takes a
quarter of a second each time.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.viewer import Viewer


def keep_short(viewer: Viewer) -> None:
    """Leave what exists now out of these searches; call it once all is imported.

    Not where the viewer shows layers already: those would stay in memory after the user has removed them.
    """
    if not viewer.layers:
        gc.freeze()


def as_before() -> None:
    """Search through everything again."""
    gc.unfreeze()

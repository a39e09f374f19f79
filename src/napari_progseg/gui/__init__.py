"""The napari side: the dock, and the hooks that the manifest names.

Importing this package costs neither Qt nor torch: the dock's class is imported when it is asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .dock import ProgSegDock

__all__ = ["ProgSegDock"]


def __getattr__(name: str) -> Any:
    if name == "ProgSegDock":
        from .dock import ProgSegDock

        return ProgSegDock
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

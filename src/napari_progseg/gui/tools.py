"""What the user has in hand: class, sign, tool and what is shown; kept across cases."""

from __future__ import annotations

from typing import Literal

from qtpy.QtCore import QObject, Signal

from ..training.config import ClickConfig

Tool = Literal["click", "line", "box", "paint", "none"]


class Tools(QObject):
    """The tools of one dock; `changed` is emitted after every change."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.class_index = 0
        self.inside = True
        self.tool: Tool = "click"
        self.show_maps = False
        self.show_agreement = False
        self.local = True
        self.sigma_mm = ClickConfig().sigma_mm

    def set(self, **values: object) -> None:
        """Change some of them at once."""
        different = {name: value for name, value in values.items() if getattr(self, name) != value}
        for name, value in different.items():
            setattr(self, name, value)
        if different:
            self.changed.emit()

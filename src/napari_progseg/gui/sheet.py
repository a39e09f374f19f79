"""The page *Keys* of the dock."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from .keys import GESTURES, IN_FORCE, KEYS, Key
from .parts import GRID, heading, note, scrolled


class KeySheet(QWidget):
    """All keys and gestures; takes the place of the four parts while it is shown."""

    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.back = QPushButton("Back")
        self.back.setToolTip("Leave this page (Esc)")
        self.back.clicked.connect(self.left)
        leave = QShortcut(QKeySequence("Esc"), self)
        leave.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        leave.activated.connect(self.left)
        top = QHBoxLayout()
        top.addWidget(heading("Keys and gestures"), 1)
        top.addWidget(self.back)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID)
        column.addLayout(top)
        column.addWidget(note(IN_FORCE))
        column.addWidget(scrolled(_table()), 1)


def _table() -> QWidget:
    page = QWidget()
    grid = QGridLayout(page)
    grid.setContentsMargins(0, 0, GRID, 0)
    grid.setHorizontalSpacing(2 * GRID)
    grid.setVerticalSpacing(GRID // 2)
    grid.setColumnStretch(1, 1)
    for group in (*KEYS, *GESTURES.values()):
        row = grid.rowCount()
        title = heading(group.title)
        title.setContentsMargins(0, GRID, 0, 0)
        grid.addWidget(title, row, 0, 1, 2)
        for offset, key in enumerate(group.keys, start=1):
            _add(grid, row + offset, key)
    grid.setRowStretch(grid.rowCount(), 1)
    return page


def _add(grid: QGridLayout, row: int, key: Key) -> None:
    name = QLabel(key.shown.replace(", ", ",\n") if len(key.shown) > len("Ctrl+Shift+Z") else key.shown)
    grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
    grid.addWidget(note(key.does, faint=False), row, 1, Qt.AlignmentFlag.AlignTop)

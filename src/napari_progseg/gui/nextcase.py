"""The line that says which patient might be labelled next, and the buttons that go there."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QToolButton, QVBoxLayout, QWidget

from ..suggest.suggestion import Way
from .parts import GRID, note
from .upcoming import Upcoming
from .wording import next_sentence, no_next_sentence

_WAYS: dict[Way, tuple[str, str]] = {
    "typical": (
        "Most typical",
        "Like many unlabelled scans and unlike the labelled ones; the first time it reads all scans",
    ),
    "uncertain": ("Least sure", "The newest or chosen model looks at all unlabelled scans; this takes a while"),
    "random": ("At random", "Every unlabelled scan has the same chance; the order stays the same in this project"),
}
_OPEN = "Open this patient; a trained model predicts it at once (N on the layers of an open patient, Shift+N goes back)"


class NextCase(QWidget):
    """A sentence, the choice of the way, and *Open next*."""

    def __init__(self, upcoming: Upcoming) -> None:
        super().__init__()
        self._upcoming = upcoming
        self.sentence = note(faint=False, lines=2)
        self.way = QComboBox()
        self.way.setToolTip("How the next patient is found; nothing is ever opened by itself")
        for number, (way, (name, tip)) in enumerate(_WAYS.items()):
            self.way.addItem(name, way)
            self.way.setItemData(number, tip, Qt.ItemDataRole.ToolTipRole)
        self.way.activated.connect(self._way_chosen)
        self.again = QToolButton()
        self.again.clicked.connect(self._look_or_stop)
        self.open = QPushButton("Open next")
        self.open.setToolTip(_OPEN)
        self.open.clicked.connect(upcoming.open)
        row = QHBoxLayout()
        row.setSpacing(GRID // 2)
        row.addWidget(self.way, 1)
        row.addWidget(self.again)
        row.addWidget(self.open, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(self.sentence)
        column.addLayout(row)
        upcoming.changed.connect(self.refresh)
        self.refresh()

    def _way_chosen(self, number: int) -> None:
        self._upcoming.set_way(self.way.itemData(number))

    def _look_or_stop(self) -> None:
        if self._upcoming.looking:
            self._upcoming.cancel()
        else:
            self._upcoming.look()

    def refresh(self) -> None:
        """Show what is suggested now."""
        upcoming = self._upcoming
        self.way.setCurrentIndex(list(_WAYS).index(upcoming.by))
        self.sentence.setText(sentence(upcoming))
        self.open.setEnabled(upcoming.coming is not None)
        looking = upcoming.looking
        self.again.setText("✕" if looking else "↻")
        self.again.setToolTip("Stop looking" if looking else "Look again, for instance after a training")


class NextButton(QPushButton):
    """Opens the suggested patient; its tooltip says which, and why."""

    def __init__(self, upcoming: Upcoming) -> None:
        super().__init__("Next")
        self._upcoming = upcoming
        self.clicked.connect(upcoming.open)
        upcoming.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show whether there is a next patient, and which."""
        self.setEnabled(self._upcoming.coming is not None)
        self.setToolTip(f"{sentence(self._upcoming)} (N; Shift+N goes back to the patient before)")


def sentence(upcoming: Upcoming) -> str:
    """Say what is suggested, or why nothing is."""
    coming = upcoming.coming
    if coming is not None:
        return next_sentence(coming.case, coming.reason)
    if upcoming.looking:
        return f"Looking for the next patient… {100 * upcoming.fraction:.0f} %"
    return no_next_sentence(upcoming.left, upcoming.on_screen, upcoming.trouble)

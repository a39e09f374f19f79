"""The list of patients or scans that a run learns from, each with a tick."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from ..project import Project
from .modes import Mode
from .parts import GRID, note
from .wording import counted

_LIST_HEIGHT = 58
_PARTS = {"train": "learns", "validation": "checks", "test": "kept for the test"}


class _CompactList(QListWidget):
    """A list that is content with a few rows and takes what room is left."""

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Return the preferred size."""
        return QSize(200, _LIST_HEIGHT)


class CasePicker(QWidget):
    """Labelled patients for the modes that need labels, all scans for the one that does not; ticks are kept apart."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.title = note(faint=False)
        self.list = _CompactList()
        self.list.setMinimumHeight(_LIST_HEIGHT)
        self.list.setSpacing(2)
        self.list.itemChanged.connect(self._ticked)
        self._ticks: dict[bool, dict[str, bool]] = {True: {}, False: {}}
        self._labelled = True
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(self.title)
        column.addWidget(self.list, 1)

    def forget(self) -> None:
        """Forget all ticks: another project was opened."""
        for ticks in self._ticks.values():
            ticks.clear()

    def tick_all_scans(self) -> None:
        """Tick every scan that is not kept for the test again."""
        self._ticks[False].clear()

    def show_cases(self, project: Project, mode: Mode) -> None:
        """List what a mode may learn from; new ones are ticked, save those that are kept for the test."""
        self._labelled = mode.needs_labels
        cases = project.completed if self._labelled else project.cases
        known, split = self._ticks[self._labelled], project.split
        self._ticks[self._labelled] = {case.id: known.get(case.id, case.id not in split.test) for case in cases}
        self.list.setToolTip(
            "Tick the labelled patients that this run uses"
            if self._labelled
            else "Tick the scans that this run learns from; labels are not looked at"
        )
        self.list.blockSignals(True)
        self.list.clear()
        for case, on in self._ticks[self._labelled].items():
            part = next((text for name, text in _PARTS.items() if case in getattr(split, name)), "")
            shown = part if self._labelled or part == _PARTS["test"] else ""
            item = QListWidgetItem(f"{case}  ·  {shown}" if shown else case)
            item.setData(Qt.ItemDataRole.UserRole, case)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
            self.list.addItem(item)
        self.list.blockSignals(False)
        self._count()

    def ticked(self) -> list[str]:
        """Return the ticked cases in their order."""
        return [case for case, on in self._ticks[self._labelled].items() if on]

    def _ticked(self, item: QListWidgetItem) -> None:
        self._ticks[self._labelled][item.data(Qt.ItemDataRole.UserRole)] = item.checkState() == Qt.CheckState.Checked
        self._count()
        self.changed.emit()

    def _count(self) -> None:
        what = "Labelled patients" if self._labelled else "Scans"
        self.title.setText(f"{what} ({counted(len(self.ticked()), 'ticked', 'ticked')})")

"""The view of the table of patients: names can be read, whatever else has to give way."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView

from .casetable import CLASSES, DICE, GRID, MODALITY, NAME, SIZE, STATE, CaseTable, Filtered

_WIDTHS = {STATE: 24, MODALITY: 36, SIZE: 92, CLASSES: 58, DICE: 42, GRID: 34}
# what the tooltip of the name says, too, the first to go first
_GIVE_WAY = (CLASSES, SIZE)
_ROOM = 12


class CaseView(QTableView):
    """Shows patients; columns that say nothing, or take the room of the names, are hidden.

    Parameters
    ----------
    table : CaseTable
        The patients.
    rows : Filtered
        Those that are shown, sorted.
    """

    def __init__(self, table: CaseTable, rows: Filtered) -> None:
        super().__init__()
        self._table = table
        self.setModel(rows)
        self.setSortingEnabled(True)
        self.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        header = self.horizontalHeader()
        header.setMinimumSectionSize(20)
        for column, width in _WIDTHS.items():
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Fixed)
            self.setColumnWidth(column, width)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        self._fitting = QTimer(self)  # once for many changes
        self._fitting.setSingleShot(True)
        self._fitting.timeout.connect(self.fit)
        for signal in (table.modelReset, table.dataChanged):
            signal.connect(self._fit_soon)

    def resizeEvent(self, event: Any) -> None:  # noqa: N802  Qt's name
        """Choose anew what is shown."""
        super().resizeEvent(event)
        self._fit_soon()

    def _fit_soon(self, *_: object) -> None:
        self._fitting.start()

    def fit(self) -> None:
        """Hide the type where no patient has one, then what the longest name needs the room of."""
        self.setColumnHidden(MODALITY, not self._table.knows_modalities)
        shown = [column for column in _WIDTHS if column not in _GIVE_WAY and not self.isColumnHidden(column)]
        longest = max((row.case.id for row in self._table.rows), key=len, default="")
        names = self.fontMetrics().horizontalAdvance(longest)
        left = self.viewport().width() - names - _ROOM - sum(_WIDTHS[column] for column in shown)
        for column in reversed(_GIVE_WAY):
            fits = left >= _WIDTHS[column]
            self.setColumnHidden(column, not fits)
            left -= _WIDTHS[column] if fits else 0

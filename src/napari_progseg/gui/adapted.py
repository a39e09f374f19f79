"""A run beside the one it started from: Dice of both on patients that neither has learned from, keep or discard."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QTableWidgetItem, QVBoxLayout, QWidget

from . import engine
from .background import Problem, telling
from .desk import Desk
from .parts import GRID, heading, note
from .runs import RunRow
from .tables import fit, right, table
from .wording import change_number, change_sentence, dice_number, run_number

if TYPE_CHECKING:
    from ..training.adapt import Changes

_HEADINGS = ("Patient", "Before", "After", "Change")
_MOST_ROWS = 6


class BeforeAfter(QWidget):
    """Compares on demand; hidden where the chosen run did not start from one that knows the structures."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._row: RunRow | None = None
        self._found: dict[str, Changes] = {}
        self.about = note(lines=2)
        self.table = table(_HEADINGS)
        self.compare = QPushButton("Compare")
        self.compare.setToolTip("Predict all completed patients that neither run has learned from, with both")
        self.compare.clicked.connect(self._compare)
        self.keep = QPushButton("Keep and use")
        self.keep.clicked.connect(self._keep)
        self.discard = QPushButton("Discard")
        self.discard.setToolTip("Delete this run; the one it started from stays as it is")
        self.discard.clicked.connect(self._discard)
        row = QHBoxLayout()
        row.setSpacing(GRID)
        for button in (self.compare, self.keep, self.discard):
            row.addWidget(button, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(heading("Before and after"))
        column.addWidget(self.about)
        column.addWidget(self.table)
        column.addLayout(row)
        self.hide()

    def show_run(self, row: RunRow | None) -> None:
        """Show the comparison of a run, or the way to it."""
        self._row = row
        comparable = row is not None and row.usable and row.start is not None and row.start_knows_structures
        self.setVisible(comparable)
        if comparable:
            self._refresh()

    def _refresh(self) -> None:
        found = self._found.get(self._row.name)
        names = self._name_of_start(), run_number(self._row.name)
        self.table.setVisible(found is not None)
        for button in (self.keep, self.discard):
            button.setEnabled(found is not None and not self._desk.runs.live)
        self.compare.setEnabled(not self._desk.runs.live)
        if found is None:
            self.about.setText(f"{names[1].capitalize()} started from {names[0]}: is it better here?")
            return
        self.about.setText(change_sentence(*names, found.interval))
        self.table.setRowCount(len(found.cases))
        for number, case in enumerate(found.cases):
            both = None not in (case.before, case.after)
            change = change_number(case.after - case.before) if both else dice_number(None)
            self.table.setItem(number, 0, QTableWidgetItem(case.case))
            for column, text in enumerate((dice_number(case.before), dice_number(case.after), change), 1):
                self.table.setItem(number, column, right(text))
        fit(self.table, _MOST_ROWS)

    def _name_of_start(self) -> str:
        """Name the run before; one of another project is named with it, since numbers begin anew in each."""
        start = self._row.start
        number, there = run_number(start.name), start.parent.parent
        own = self._desk.project is not None and there == self._desk.project.root
        return number if own else f"{number} of {there.name}"

    def _compare(self) -> None:
        row = self._row
        self.compare.setEnabled(False)
        self.about.setText("Predicting with both models…")
        steps = telling(engine.compare_runs, self._desk.project, row.start, row.path)
        self._desk.background.start(
            "comparing two models",
            steps,
            lambda value: self._compared(row.name, value),
            lambda: self.show_run(self._row),
            "Comparing two models…",
        )

    def _compared(self, name: str, value: Changes | Problem) -> None:
        if isinstance(value, Problem):
            self._desk.said.emit(value.text)
        else:
            self._found[name] = value
        if self._row is not None and self._row.name == name:
            self._refresh()

    def _keep(self) -> None:
        self._desk.use_run(self._row.path)

    def _discard(self) -> None:
        self._desk.runs.delete(self._row)

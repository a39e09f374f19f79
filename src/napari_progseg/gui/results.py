"""Fourth part of the dock: curves, Dice per class, runs."""

from __future__ import annotations

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHBoxLayout,
    QPushButton,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from .adapted import BeforeAfter
from .clickmeter import ClickMeter
from .curves import Curves
from .desk import Desk
from .finish import Finish
from .howmany import HowMany
from .parts import GRID, heading, note, scrolled, swatch
from .runs import RunRow
from .shapes import ShapePart
from .stages import Stages
from .tables import fit, right, table
from .theme import AGREED_COLOUR, EXTRA_COLOUR, MISSED_COLOUR, Look, class_colour
from .wording import dice_number, duration, mean, mm_number, run_number

_SURE_MS = 4000
_NO_MASKS = {
    "restoration": "This run has learned to restore images; start a training from it in the Train tab",
    "shape": "This run has learned shapes, not masks; choose it in “Shape” above",
}
_USE = "Let this run's best model answer clicks and predict"


class Results(QWidget):
    """How well it goes."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._newest: str | None = None
        self._sure = QTimer(self)
        self._sure.setSingleShot(True)
        self._sure.setInterval(_SURE_MS)
        self._sure.timeout.connect(self._refresh_buttons)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setSpacing(GRID)
        self.title = heading("No run yet")
        self.curves = Curves()
        self.stages = Stages()
        self.adapted = BeforeAfter(desk)
        self.meter = ClickMeter(desk)
        self.how_many = HowMany(desk)
        self.finish = Finish(desk)
        self.shape = ShapePart(desk)
        self.said = note()
        self.said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column.addWidget(self.title)
        column.addWidget(self.curves)
        column.addWidget(self.stages)
        column.addWidget(heading("This patient"))
        column.addLayout(self._case_part())
        column.addWidget(self.shape)
        column.addWidget(heading("Runs"))
        column.addLayout(self._runs_part())
        for widget in (self.adapted, self.meter, self.how_many, self.finish):
            column.addWidget(widget)
        column.addWidget(self.said)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(scrolled(page))
        desk.annotation_changed.connect(self._refresh_case)
        desk.case_changed.connect(self._refresh_case)
        desk.runs.news.connect(self._refresh_curves)
        desk.runs.listed.connect(self._refresh_runs)
        self._refresh_case()
        self._refresh_runs()

    def _case_part(self) -> QVBoxLayout:
        self.dice = table(("Class", "Dice"))
        self.no_dice = note()
        self.overlay = QCheckBox("Show agreement with the reference")
        self.overlay.setToolTip("Green: both; vermillion: predicted only; blue: missed. For the shown slice")
        self.overlay.toggled.connect(self._overlay_toggled)
        legend = note(
            f"<span style='color:{AGREED_COLOUR}'>■</span> agreement &nbsp; "
            f"<span style='color:{EXTRA_COLOUR}'>■</span> extra &nbsp; "
            f"<span style='color:{MISSED_COLOUR}'>■</span> missed"
        )
        column = QVBoxLayout()
        column.setSpacing(GRID // 2)
        for widget in (self.no_dice, self.dice, self.overlay, legend):
            column.addWidget(widget)
        return column

    def _runs_part(self) -> QVBoxLayout:
        self.runs = table(("Run", "Mode", "Patients", "Time", "Dice", ""))
        self.runs.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.runs.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.runs.itemSelectionChanged.connect(self._refresh_buttons)
        self.use = QPushButton("Use")
        self.use.clicked.connect(self._use)
        self.show_curves = QPushButton("Curves")
        self.show_curves.setToolTip("Show the learning curves of this run above")
        self.show_curves.clicked.connect(self._show)
        self.resume = QPushButton("Resume")
        self.resume.setToolTip("Go on training this stopped run where it was")
        self.resume.clicked.connect(self._resume)
        self.delete = QPushButton("Delete")
        self.delete.setToolTip("Delete this run and its models from the disk")
        self.delete.clicked.connect(self._delete)
        row = QHBoxLayout()
        row.setSpacing(GRID)
        for button in (self.use, self.show_curves, self.resume, self.delete):
            row.addWidget(button, 1)
        column = QVBoxLayout()
        column.setSpacing(GRID // 2)
        column.addWidget(self.runs)
        column.addLayout(row)
        return column

    def set_look(self, look: Look) -> None:
        """Take the theme's colours."""
        for part in (self.curves, self.stages, self.meter, self.how_many):
            part.set_look(look)

    # --- actions ------------------------------------------------------------------------------------------------

    def _overlay_toggled(self, shown: bool) -> None:
        self._desk.tools.set(show_agreement=shown)

    def _chosen(self) -> RunRow | None:
        rows = list(reversed(self._desk.runs.rows))
        number = self.runs.currentRow()
        return rows[number] if self.runs.selectedItems() and 0 <= number < len(rows) else None

    def _use(self) -> None:
        if (row := self._chosen()) is not None:
            self._desk.use_run(row.path)
            self._refresh_runs()

    def _show(self) -> None:
        if (row := self._chosen()) is not None:
            self._desk.runs.attach(row.path)

    def _resume(self) -> None:
        if (row := self._chosen()) is not None:
            self._desk.runs.resume(row)

    def _delete(self) -> None:
        """Delete at the second click; the first asks, without a dialog."""
        row = self._chosen()
        if row is None:
            return
        if self._sure.isActive():
            self._sure.stop()
            self._desk.runs.delete(row)
            self._refresh_buttons()
        else:
            self.delete.setText("Sure?")
            self._sure.start()

    # --- state --------------------------------------------------------------------------------------------------

    def _refresh_curves(self) -> None:
        feed = self._desk.runs.feed
        self.curves.show_feed(feed)
        self.stages.show_feed(feed)
        said = feed.said if feed is not None else []
        self.said.setText(f"{run_number(feed.name).capitalize()} said: {' '.join(said)}" if said else "")
        if feed is None:
            self.title.setText("No run yet")
        else:
            best = "" if feed.best_dice is None else f" · best Dice {dice_number(feed.best_dice)}"
            best = best if feed.best_mm is None else f" · best distance {mm_number(feed.best_mm)}"
            error = "" if feed.newest_error is None else f" · error {feed.newest_error:.3f}"
            self.title.setText(f"{run_number(feed.name).capitalize()} · {feed.state}{best}{error}")

    def _refresh_case(self) -> None:
        case = self._desk.case
        dice = case.dice if case is not None else None
        self.overlay.setEnabled(case is not None and case.tally is not None)
        self.overlay.setChecked(self._desk.tools.show_agreement)
        self.dice.setVisible(dice is not None)
        self.no_dice.setVisible(dice is None)
        if dice is None:
            if case is None:
                self.no_dice.setText("No patient is open.")
            elif case.tally is None:
                self.no_dice.setText("No complete labels to compare with yet.")
            else:
                self.no_dice.setText("No prediction yet.")
            return
        entries = [(each.name, dice.get(each.value), class_colour(n)) for n, each in enumerate(case.classes)]
        if len(entries) > 1:
            entries.append(("mean", mean(list(dice.values())), None))
        self.dice.setRowCount(len(entries))
        for number, (name, value, colour) in enumerate(entries):
            item = QTableWidgetItem(name)
            if colour:
                item.setIcon(swatch(colour))
            self.dice.setItem(number, 0, item)
            self.dice.setItem(number, 1, right(dice_number(value)))
        fit(self.dice, 5)

    def _refresh_runs(self) -> None:
        rows = list(reversed(self._desk.runs.rows))
        newest = rows[0].name if rows else None
        # a run that has just come is what the user wants to look at
        chosen = self._chosen_name() if newest == self._newest else newest
        self._newest = newest
        self.runs.setRowCount(len(rows))
        used = {self._desk.answerer.run, self._desk.answerer.predictor}
        for number, row in enumerate(rows):
            texts = (
                run_number(row.name).removeprefix("run "),
                row.mode.short,
                str(row.patients),
                duration(row.seconds),
                _score_text(row),
                "in use" if row.path in used else row.state if row.state not in ("finished",) else "",
            )
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text) if column in (0, 1, 5) else right(text)
                item.setToolTip(f"{row.name}: {row.state}, step {row.step}")
                self.runs.setItem(number, column, item)
            if row.name == chosen:
                self.runs.selectRow(number)
        fit(self.runs, 4)
        if rows and not self.runs.selectedItems():
            self.runs.selectRow(0)
        self._refresh_buttons()

    def _chosen_name(self) -> str | None:
        items = self.runs.selectedItems()
        return items[0].toolTip().partition(":")[0] if items else None

    def _refresh_buttons(self) -> None:
        row = self._chosen()
        for part in (self.adapted, self.meter, self.how_many):
            part.show_run(row)
        self._sure.stop()
        self.delete.setText("Delete")
        self.delete.setEnabled(row is not None)
        self.show_curves.setEnabled(row is not None and row.path != self._desk.runs.run)
        self.use.setEnabled(row is not None and row.usable)
        self.use.setToolTip(_USE if row is None else _NO_MASKS.get(row.task, _USE))
        resumable = row is not None and row.state in ("stopped", "dead", "failed", "new")
        self.resume.setEnabled(resumable and not self._desk.runs.live)


def _score_text(row: RunRow) -> str:
    """Write how good a run is: its Dice, or the distance in mm where it learned shapes."""
    if row.task == "shape":
        return mm_number(row.mm)
    return dice_number(row.dice) if row.mode.segments else "–"

"""Second part of the dock: clicks, paint, accept."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QMenu,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ..project import CaseState
from .actions import Actions
from .desk import Desk
from .keys import gestures, tip
from .lessons import Lessons
from .nextcase import NextButton
from .parts import GRID, heading, note, scrolled, swatch
from .sliceguide import SliceGuide
from .startmask import possible_layers
from .theme import INSIDE_COLOUR, OUTSIDE_COLOUR, Look, class_colour
from .upcoming import Upcoming
from .whoanswers import WhoAnswers, answers_sentence
from .wording import latency

_FILE = "Labels file…"


class Annotate(QStackedWidget):
    """What the user does with the case on screen."""

    def __init__(self, desk: Desk, upcoming: Upcoming) -> None:
        super().__init__()
        self._desk = desk
        self.lessons = Lessons(desk)
        self.next = NextButton(upcoming)
        self.do = Actions(desk, upcoming)
        empty = QWidget()
        column = QVBoxLayout(empty)
        column.addWidget(note("Open a patient in the Patients tab to label it."))
        column.addStretch(1)
        self._page = scrolled(self._make_page())
        self.addWidget(empty)
        self.addWidget(self._page)
        desk.project_changed.connect(self._project_changed)
        desk.case_changed.connect(self._case_changed)
        desk.cases_changed.connect(self.refresh)
        desk.annotation_changed.connect(self.refresh)
        self.lessons.changed.connect(self.refresh)

    def _make_page(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setSpacing(GRID)
        column.setContentsMargins(GRID, GRID, GRID, 0)
        column.addLayout(self._hand())
        column.addLayout(self._steps())
        self.seconds, self.saved = _remark(), _remark()
        self.seconds.setToolTip("How long the last answer took")
        self.answers = WhoAnswers(self._desk.answerer)
        column.addLayout(_headed("Answered by", self.seconds, self.answers))
        column.addLayout(self._prediction())
        self.slices = SliceGuide(self._desk)
        column.addWidget(self.slices)
        column.addLayout(_headed("Labels", self.saved))
        column.addLayout(self._finish())
        column.addStretch(1)
        return page

    def _hand(self) -> QGridLayout:
        """Class, tool, sign, width: what the user has in hand."""
        self.classes = QComboBox()
        self.classes.setToolTip(
            "\n".join(["The structure that clicks and brush speak about", tip("previous_class"), tip("next_class")])
        )
        self.classes.activated.connect(self._class_chosen)
        self.tools = {
            "click": _switch("Click", tip("click"), self.do.click),
            "line": _switch("Line", tip("line"), self.do.line),
            "box": _switch("Box", tip("box"), self.do.box),
            "paint": _switch("Paint", "Paint with napari's brush ([ and ] change its size); E erases", self.do.paint),
        }
        self.click, self.line, self.box, self.paint = self.tools.values()
        self.inside = _switch(
            "+  Inside", f"This belongs to the structure\n{tip('swap')}", self._say_inside, INSIDE_COLOUR
        )
        self.outside = _switch(
            "×  Outside", f"This does not belong to it\n{tip('swap')}", self._say_outside, OUTSIDE_COLOUR
        )
        self.hint = note(lines=3)
        self.maps = QCheckBox("Show click maps")
        self.maps.setToolTip("What the network sees of the clicks in the shown slice")
        self.maps.toggled.connect(self._maps_toggled)
        self.local = QCheckBox("Correct only what is clicked")
        self.local.setToolTip(
            "After the first click of a structure each one changes only the piece of the mask that it points at; "
            "untick to let every click renew all around it"
        )
        self.local.toggled.connect(self._local_toggled)
        self.sigma = QLabel()
        self.sigma.setToolTip(
            "\n".join(["Width of a click: standard deviation of its Gaussian", tip("narrower"), tip("wider")])
        )
        grid = QGridLayout()
        grid.setSpacing(GRID)
        rows = (("Structure", (self.classes,)), ("Tool", self.tools.values()), ("Sign", (self.inside, self.outside)))
        for row, (name, widgets) in enumerate(rows):
            grid.addWidget(QLabel(name), row, 0)
            beside = QHBoxLayout()
            beside.setSpacing(GRID)
            for widget in widgets:
                beside.addWidget(widget, 1)
            grid.addLayout(beside, row, 1)
        grid.addWidget(self.hint, 3, 1)
        grid.addWidget(self.sigma, 4, 0)
        grid.addWidget(self.maps, 4, 1)
        grid.addWidget(self.local, 5, 1)
        grid.setColumnStretch(1, 1)
        return grid

    def _steps(self) -> QHBoxLayout:
        self.undo = _button("Undo", tip("undo"), self.do.undo)
        self.redo = _button("Redo", tip("redo"), self.do.redo)
        self.clear = _button("Clear clicks", tip("clear"), self.do.clear)
        row = QHBoxLayout()
        row.setSpacing(GRID)
        for button in (self.undo, self.redo, self.clear):
            row.addWidget(button, 1)
        return row

    def _prediction(self) -> QVBoxLayout:
        self.source = note(faint=False)
        self.learns = QCheckBox("Learn from completed patients")
        self.learns.setToolTip(
            "A copy of the starter learns your structures from each patient you complete, some seconds in the "
            "background, and answers from the next patient on where it is at least as good; untick to get the starter "
            "back as it came"
        )
        self.learns.toggled.connect(self._learns_toggled)
        self.predict = _button(
            "Predict this patient", "Predict the whole volume with the newest or chosen model", self._predict
        )
        self.cancel = _button("Cancel", "Stop predicting; what is on screen stays", self._cancel)
        self.progress = QProgressBar()
        self.progress.setRange(0, 100)
        self.progress.setTextVisible(False)
        self._predicting = QStackedWidget()
        busy = QWidget()
        row = QHBoxLayout(busy)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID)
        row.addWidget(self.progress, 1)
        row.addWidget(self.cancel)
        self._predicting.addWidget(self.predict)
        self._predicting.addWidget(busy)
        self._predicting.setFixedHeight(self.predict.sizeHint().height() + 4)
        self.begin = _button(
            "Start from layer…",
            "Let clicks correct a mask you have: any labels layer on this image's grid, or a file; can be undone",
            self._offer_masks,
        )
        self.masks = QMenu(self.begin)
        self.masks.triggered.connect(self._mask_chosen)
        column = QVBoxLayout()
        column.setSpacing(GRID // 2)
        column.addWidget(self.source)
        column.addWidget(self.learns)
        beside = QHBoxLayout()
        beside.setSpacing(GRID)
        beside.addWidget(self._predicting, 1)
        beside.addWidget(self.begin, 1)
        column.addLayout(beside)
        return column

    def _finish(self) -> QHBoxLayout:
        self.accept = _button("Accept prediction", tip("accept"), self.do.accept)
        self.completed = _button(
            "Completed", "Labels of this patient are complete: runs may learn from it", self._complete
        )
        row = QHBoxLayout()
        row.setSpacing(GRID)
        row.addWidget(self.accept, 1)
        row.addWidget(self.completed, 1)
        row.addWidget(self.next)
        return row

    def set_look(self, look: Look) -> None:
        """Take the theme's colours."""
        self.slices.set_look(look)

    # --- actions ------------------------------------------------------------------------------------------------

    def _class_chosen(self, position: int) -> None:
        self._desk.tools.set(class_index=position)

    def _say_inside(self) -> None:
        self._desk.tools.set(inside=True)
        self.refresh()

    def _say_outside(self) -> None:
        self._desk.tools.set(inside=False)
        self.refresh()

    def _maps_toggled(self, shown: bool) -> None:
        self._desk.tools.set(show_maps=shown)

    def _local_toggled(self, local: bool) -> None:
        self._desk.tools.set(local=local)

    def _learns_toggled(self, on: bool) -> None:
        if on != self.lessons.on:
            self.lessons.switch(on)

    def _predict(self) -> None:
        self._desk.predict()

    def _cancel(self) -> None:
        self._desk.answerer.cancel()

    def _offer_masks(self) -> None:
        """Open the menu of masks to start from below its button."""
        case = self._desk.case
        self.masks.clear()
        for layer in possible_layers(self._desk.viewer, (case.prediction_layer, case.agreement.layer)):
            self.masks.addAction(layer.name).setData(layer)
        self.masks.addSeparator()
        self.masks.addAction(_FILE)
        self.masks.popup(self.begin.mapToGlobal(self.begin.rect().bottomLeft()))

    def _mask_chosen(self, action: QAction) -> None:
        if (layer := action.data()) is not None:
            self._desk.start_from_layer(layer)
        else:
            name, _ = QFileDialog.getOpenFileName(self, "Labels to start from")
            if name:
                self._desk.start_from_file(Path(name))

    def _complete(self) -> None:
        self._desk.complete_case()

    # --- state --------------------------------------------------------------------------------------------------

    def _project_changed(self) -> None:
        self.classes.clear()
        for position, each in enumerate(self._desk.project.classes):
            self.classes.addItem(swatch(class_colour(position)), each.name)

    def _case_changed(self) -> None:
        self.setCurrentIndex(0 if self._desk.case is None else 1)
        if self._desk.case is not None:
            self.do.bind()
        self.refresh()

    def refresh(self) -> None:
        """Show the state of the case and of what answers."""
        desk, case = self._desk, self._desk.case
        if case is None:
            return
        tools = desk.tools
        self.classes.setCurrentIndex(min(tools.class_index, self.classes.count() - 1))
        for name, button in self.tools.items():
            button.setChecked(tools.tool == name)
        self.inside.setChecked(tools.inside)
        self.outside.setChecked(not tools.inside)
        self.hint.setText(gestures(tools.tool))
        self.maps.setChecked(tools.show_maps)
        self.local.setChecked(tools.local)
        for button in (self.inside, self.outside):
            button.setEnabled(tools.tool in ("click", "line"))
        self.sigma.setText(f"σ {tools.sigma_mm:g} mm")
        done, undone = len(case.history.done), len(case.history.undone)
        for button, name, count in ((self.undo, "Undo", done), (self.redo, "Redo", undone)):
            button.setText(f"{name} ({count})" if count else name)
            button.setEnabled(count > 0)
        self.clear.setEnabled(bool(case.history.prompts))
        self._refresh_prediction()
        self._refresh_labels()

    def _refresh_prediction(self) -> None:
        answerer = self._desk.answerer
        self.answers.refresh()
        self.source.setText(" ".join(filter(None, (self._learned_sentence(), answers_sentence(answerer)))))
        self.learns.setChecked(self.lessons.on)
        self.learns.setEnabled(answerer.by == "starter")
        busy = "answering…" if answerer.answering else ""
        self.seconds.setText(busy or (f"in {latency(answerer.seconds)}" if answerer.seconds else " "))
        self.predict.setEnabled(answerer.predictor is not None)
        self._predicting.setCurrentIndex(int(answerer.predicting))
        self.progress.setValue(round(100 * answerer.fraction))

    def _learned_sentence(self) -> str:
        return self.lessons.sentence if self._desk.answerer.by == "starter" else ""

    def _refresh_labels(self) -> None:
        case, record = self._desk.case, self._desk.open_record()
        self.accept.setEnabled(case.has_prediction)
        completed = record is not None and record.state is CaseState.COMPLETED
        self.completed.setEnabled(not completed)
        self.completed.setText("Completed ✓" if completed else "Completed")
        keeper = self._desk.keeper
        waiting = "Not saved yet; trying again…" if keeper.problem else "Saved in a moment…"
        self.saved.setText(waiting if keeper.unsaved else "All labels are saved.")


def _remark() -> QLabel:
    remark = QLabel()
    remark.setProperty("faint", True)
    remark.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    return remark


def _headed(title: str, remark: QLabel, *beside: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(GRID)
    row.addWidget(heading(title))
    for widget in beside:
        row.addWidget(widget, 2)
    row.addWidget(remark, 1)
    return row


def _button(text: str, tip: str, clicked: object) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.clicked.connect(clicked)
    return button


def _switch(text: str, tip: str, clicked: object, colour: str | None = None) -> QPushButton:
    button = _button(text, tip, clicked)
    button.setCheckable(True)
    button.setMinimumHeight(30)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    if colour:
        button.setStyleSheet(f"QPushButton:checked {{ background-color: {colour}; color: white; }}")
    return button

"""Second part of the dock: clicks, paint, accept."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QButtonGroup,
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
from .desk import Desk
from .nextcase import NextButton
from .parts import GRID, heading, note, scrolled, swatch
from .sliceguide import SliceGuide
from .startmask import possible_layers
from .theme import INSIDE_COLOUR, OUTSIDE_COLOUR, Look, class_colour
from .upcoming import Upcoming
from .wording import latency

_FILE = "Labels file…"
_NO_MODEL = (
    "No model yet: a click finds what stands out around it in its slice. Mend the mask with more clicks or the brush, "
    "accept it, mark the patient completed, then train with “Masks from clicks”: the model takes over by itself."
)


class Annotate(QStackedWidget):
    """What the user does with the case on screen."""

    def __init__(self, desk: Desk, upcoming: Upcoming) -> None:
        super().__init__()
        self._desk = desk
        self.next = NextButton(upcoming)
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

    def _make_page(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setSpacing(GRID)
        column.addLayout(self._hand())
        column.addLayout(self._steps())
        column.addSpacing(GRID)
        column.addWidget(heading("Prediction"))
        column.addLayout(self._prediction())
        self.slices = SliceGuide(self._desk)
        column.addWidget(self.slices)
        column.addSpacing(GRID)
        column.addWidget(heading("Labels"))
        column.addLayout(self._finish())
        column.addStretch(1)
        return page

    def _hand(self) -> QGridLayout:
        """Class, tool, sign, width: what the user has in hand."""
        self.classes = QComboBox()
        self.classes.setToolTip("The structure that clicks and brush speak about (, previous, . next)")
        self.classes.activated.connect(self._class_chosen)
        self.click = _switch(
            "Click", "Click on the canvas: left = the sign below, Ctrl+click or right click = the other"
        )
        self.paint = _switch("Paint", "Paint with napari's brush ([ and ] change its size); E erases")
        self.inside = _switch("+  Inside", "A click says: this belongs to the structure (T swaps)", INSIDE_COLOUR)
        self.outside = _switch("×  Outside", "A click says: this does not belong to it (T swaps)", OUTSIDE_COLOUR)
        self._groups = [_exclusive(self.click, self.paint), _exclusive(self.inside, self.outside)]
        for button, values in (
            (self.click, {"tool": "click"}),
            (self.paint, {"tool": "paint"}),
            (self.inside, {"inside": True}),
            (self.outside, {"inside": False}),
        ):
            button.setProperty("values", values)
            button.clicked.connect(self._switched)
        self.maps = QCheckBox("Show click maps")
        self.maps.setToolTip("What the network sees of the clicks in the shown slice")
        self.maps.toggled.connect(self._maps_toggled)
        self.local = QCheckBox("Correct only what is clicked")
        self.local.setToolTip(
            "A click on an error changes the piece of the mask it lies in; untick to let it renew all around it"
        )
        self.local.toggled.connect(self._local_toggled)
        self.sigma = QLabel()
        self.sigma.setToolTip("Width of a click: standard deviation of its Gaussian")
        grid = QGridLayout()
        grid.setSpacing(GRID)
        for row, (name, left, right) in enumerate(
            (("Structure", self.classes, None), ("Tool", self.click, self.paint), ("Sign", self.inside, self.outside))
        ):
            grid.addWidget(QLabel(name), row, 0)
            grid.addWidget(left, row, 1, 1, 1 if right else 2)
            if right:
                grid.addWidget(right, row, 2)
        grid.addWidget(self.sigma, 3, 0)
        grid.addWidget(self.maps, 3, 1, 1, 2)
        grid.addWidget(self.local, 4, 1, 1, 2)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(2, 1)
        return grid

    def _steps(self) -> QHBoxLayout:
        self.undo = _button("Undo", "Take back the last click, stroke or accepted mask (Ctrl+Z)", self._undo)
        self.redo = _button("Redo", "Do it again (Ctrl+Shift+Z)", self._redo)
        self.clear = _button("Clear clicks", "Take all clicks away; can be undone (R)", self._clear)
        row = QHBoxLayout()
        row.setSpacing(GRID)
        for button in (self.undo, self.redo, self.clear):
            row.addWidget(button, 1)
        return row

    def _prediction(self) -> QVBoxLayout:
        self.source = note(faint=False)
        self.seconds = note()
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
        column.addWidget(self.seconds)
        column.addWidget(self._predicting)
        column.addWidget(self.begin)
        return column

    def _finish(self) -> QVBoxLayout:
        self.accept = _button(
            "Accept prediction", "Copy the prediction into the labels; can be undone (C)", self._accept
        )
        self.completed = _button(
            "Completed", "Labels of this patient are complete: runs may learn from it", self._complete
        )
        row = QHBoxLayout()
        row.setSpacing(GRID)
        row.addWidget(self.accept, 1)
        row.addWidget(self.completed, 1)
        row.addWidget(self.next)
        self.saved = note()
        column = QVBoxLayout()
        column.setSpacing(GRID // 2)
        column.addLayout(row)
        column.addWidget(self.saved)
        return column

    def set_look(self, look: Look) -> None:
        """Take the theme's colours."""
        self.slices.set_look(look)

    # --- actions ------------------------------------------------------------------------------------------------

    def _class_chosen(self, position: int) -> None:
        self._desk.tools.set(class_index=position)

    def step_class(self, by: int) -> None:
        """Choose the next or previous class."""
        count = len(self._desk.project.classes) if self._desk.project else 0
        if count:
            self._desk.tools.set(class_index=(self._desk.tools.class_index + by) % count)

    def _switched(self) -> None:
        self._desk.tools.set(**self.sender().property("values"))
        if self._desk.case is not None:
            self._desk.case.pick_tool()

    def swap(self) -> None:
        """Swap inside and outside."""
        self._desk.tools.set(inside=not self._desk.tools.inside)

    def _maps_toggled(self, shown: bool) -> None:
        self._desk.tools.set(show_maps=shown)

    def _local_toggled(self, local: bool) -> None:
        self._desk.tools.set(local=local)

    def _undo(self) -> None:
        if self._desk.case is not None:
            self._desk.case.undo()

    def _redo(self) -> None:
        if self._desk.case is not None:
            self._desk.case.redo()

    def _clear(self) -> None:
        if self._desk.case is not None:
            self._desk.case.clear_clicks()

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

    def _accept(self) -> None:
        self._desk.accept()

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
            self._bind_keys()
        self.refresh()

    def _bind_keys(self) -> None:
        """Bind our keys on our layers only, so that nothing else in napari changes."""
        for layer in self._desk.case.own_layers():
            layer.bind_key("t", self._key_swap, overwrite=True)
            layer.bind_key("c", self._key_accept, overwrite=True)
            layer.bind_key("r", self._key_clear, overwrite=True)
            layer.bind_key(",", self._key_previous, overwrite=True)
            layer.bind_key(".", self._key_next, overwrite=True)
            layer.bind_key("Control-Z", self._key_undo, overwrite=True)
            layer.bind_key("Control-Shift-Z", self._key_redo, overwrite=True)

    def _key_swap(self, layer: object) -> None:
        self.swap()

    def _key_accept(self, layer: object) -> None:
        self._accept()

    def _key_clear(self, layer: object) -> None:
        self._clear()

    def _key_previous(self, layer: object) -> None:
        self.step_class(-1)

    def _key_next(self, layer: object) -> None:
        self.step_class(+1)

    def _key_undo(self, layer: object) -> None:
        self._undo()

    def _key_redo(self, layer: object) -> None:
        self._redo()

    def refresh(self) -> None:
        """Show the state of the case and of what answers."""
        desk, case = self._desk, self._desk.case
        if case is None:
            return
        tools = desk.tools
        self.classes.setCurrentIndex(min(tools.class_index, self.classes.count() - 1))
        for button, on in (
            (self.click, tools.tool == "click"),
            (self.paint, tools.tool == "paint"),
            (self.inside, tools.inside),
            (self.outside, not tools.inside),
        ):
            button.setChecked(on)
        self.maps.setChecked(tools.show_maps)
        self.local.setChecked(tools.local)
        for button in (self.inside, self.outside):
            button.setEnabled(tools.tool == "click")
        self.sigma.setText(f"σ {tools.sigma_mm:g} mm")
        done, undone = len(case.history.done), len(case.history.undone)
        for button, name, count in ((self.undo, "Undo", done), (self.redo, "Redo", undone)):
            button.setText(f"{name} ({count})" if count else name)
            button.setEnabled(count > 0)
        self.clear.setEnabled(bool(case.history.clicks))
        self._refresh_prediction()
        self._refresh_labels()

    def _refresh_prediction(self) -> None:
        answerer = self._desk.answerer
        if answerer.run is None:
            self.source.setText(_NO_MODEL)
        else:
            self.source.setText(f"Clicks are answered by {answerer.source or answerer.run.name}")
        busy = "answering…" if answerer.answering else ""
        self.seconds.setText(busy or (f"last answer {latency(answerer.seconds)}" if answerer.seconds else " "))
        self.predict.setEnabled(answerer.predictor is not None)
        self._predicting.setCurrentIndex(int(answerer.predicting))
        self.progress.setValue(round(100 * answerer.fraction))

    def _refresh_labels(self) -> None:
        case, record = self._desk.case, self._desk.open_record()
        self.accept.setEnabled(case.has_prediction)
        completed = record is not None and record.state is CaseState.COMPLETED
        self.completed.setEnabled(not completed)
        self.completed.setText("Completed ✓" if completed else "Completed")
        state = "Unsaved strokes are saved in a moment." if self._desk.keeper.unsaved else "All labels are saved."
        self.saved.setText(state)


def _button(text: str, tip: str, clicked: object) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    button.clicked.connect(clicked)
    return button


def _switch(text: str, tip: str, colour: str | None = None) -> QPushButton:
    button = QPushButton(text)
    button.setCheckable(True)
    button.setToolTip(tip)
    button.setMinimumHeight(30)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    if colour:
        button.setStyleSheet(f"QPushButton:checked {{ background-color: {colour}; color: white; }}")
    return button


def _exclusive(*buttons: QPushButton) -> QButtonGroup:
    group = QButtonGroup(buttons[0])
    for button in buttons:
        group.addButton(button)
    return group

"""A part of the results: the shape of the patient on screen, predicted, moved along the modes, saved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from ..project import CaseState
from ..volume import LabelClass
from . import engine
from .background import Job, Problem, called
from .desk import Desk
from .parts import GRID, form, heading, note
from .runs import RunRow
from .shaped import Form, Shaped
from .shapelayers import ShapeLayers
from .theme import class_colour
from .wording import counted, deviations_text, distance_text, mm_number, mode_text, run_number

if TYPE_CHECKING:
    from ..shape.distances import SurfaceDistance
    from .case import OpenCase

_IDLE = "Predicts points on the surface from the scan alone, and how this patient differs from the mean."
_TIP = (
    "Image to shape (Progressive DeepSSM): corresponding points, the surface through them and the network's mask, as "
    "layers over the image; your labels stay as they are"
)
_MIRRORED_TIP = "The model learned one side, with the other side mirrored: tick for a patient of the other side"
_MODE_TIP = (
    "How the training patients differ most (modes of variation, principal components); the slider counts in standard "
    "deviations (σ)"
)
_POINTS_TIP = "Each point lies at the same place of the anatomy in every patient (correspondences); coarse to fine"
_MOST_DEVIATIONS, _STEPS = 3, 10
_FILES = {
    "Points for ShapeWorks (*.particles)": ".particles",
    "Points as a table (*.csv)": ".csv",
    "Surface (*.ply)": ".ply",
    "Surface (*.stl)": ".stl",
}


class ShapePart(QWidget):
    """Predicts, shows and saves a shape; hidden while no run of the project has learned any."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._rows: tuple[RunRow, ...] = ()
        self._predicting: Job | None = None
        self._measuring: Job | None = None
        self._layers: ShapeLayers | None = None
        self._said = ""
        self._drawing = QTimer(self)  # once for many places of the slider
        self._drawing.setSingleShot(True)
        self._drawing.setInterval(0)
        self._drawing.timeout.connect(self._draw)
        self.shaped: Shaped | None = None
        self.found: SurfaceDistance | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        self.about = note(lines=2)
        column.addWidget(heading("Shape"))
        column.addWidget(self.about)
        column.addLayout(self._run_part())
        column.addWidget(self._shape_part())
        desk.runs.listed.connect(self._list_runs)
        desk.case_changed.connect(self._case_changed)
        desk.cases_changed.connect(self._measure)
        desk.viewer.dims.events.ndisplay.connect(self._view_turned)
        self._list_runs()
        self.refresh()

    def _run_part(self) -> QVBoxLayout:
        self.run = QComboBox()
        self.run.setToolTip("The run that predicts the shape; the newest at first")
        self.run.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.run.setMinimumContentsLength(10)
        self.run.currentIndexChanged.connect(self.refresh)
        self.predict = QPushButton("Predict this patient")
        self.predict.setToolTip(_TIP)
        self.predict.clicked.connect(self.predict_case)
        self.mirrored = QCheckBox("Of the other side (mirrored)")
        self.mirrored.setToolTip(_MIRRORED_TIP)
        column = QVBoxLayout()
        column.setSpacing(GRID // 2)
        for widget in (self.run, self.mirrored, self.predict):
            column.addWidget(widget)
        return column

    def _shape_part(self) -> QWidget:
        self.scale = QComboBox()
        self.scale.setToolTip(_POINTS_TIP)
        self.scale.currentIndexChanged.connect(self._show)
        self.turn = QPushButton("3D")
        self.turn.setCheckable(True)
        self.turn.setToolTip("Turn to 3D to see the surface; a slice shows its outline")
        self.turn.clicked.connect(self._turn)
        self.save = QPushButton("Save…")
        self.save.setToolTip("Save the points or the surface as they are shown, in the scan's own mm")
        self.save.clicked.connect(self._save)
        self.mode = QComboBox()
        self.mode.setToolTip(_MODE_TIP)
        self.mode.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.mode.setMinimumContentsLength(12)
        self.mode.currentIndexChanged.connect(self._reset)
        self.details = QWidget()
        rows = form(self.details, GRID // 2)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addRow("Points", _beside(self.scale, self.turn, self.save))
        rows.addRow("Shows", self._start_part())
        rows.addRow("Differs by", self.mode)
        rows.addRow("", self._slider_part())
        return self.details

    def _start_part(self) -> QHBoxLayout:
        self.patient = QPushButton("Patient")
        self.patient.setToolTip("Show the predicted shape of this patient, not moved")
        self.mean = QPushButton("Mean")
        self.mean.setToolTip("Show the mean of the training patients, where this patient's shape lies")
        self._starts = QButtonGroup(self)
        for button in (self.patient, self.mean):
            button.setCheckable(True)
            button.clicked.connect(self._reset)
            self._starts.addButton(button)
        self.patient.setChecked(True)
        row = _beside(self.patient, self.mean)
        row.setStretch(1, 1)
        return row

    def _slider_part(self) -> QHBoxLayout:
        most = _MOST_DEVIATIONS * _STEPS
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(-most, most)
        self.slider.setPageStep(_STEPS)
        self.slider.setTickInterval(_STEPS)
        self.slider.setTickPosition(QSlider.TickPosition.TicksBelow)
        self.slider.setToolTip(_MODE_TIP)
        self.slider.valueChanged.connect(self._show)
        self.deviations = QLabel(deviations_text(_MOST_DEVIATIONS))
        self.deviations.setFixedWidth(self.deviations.sizeHint().width() + GRID)
        self.deviations.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return _beside(self.slider, self.deviations)

    # --- predicting ---------------------------------------------------------------------------------------------

    @property
    def chosen(self) -> RunRow | None:
        """The run that predicts."""
        return next((row for row in self._rows if row.path == self.run.currentData()), None)

    def predict_case(self) -> None:
        """Predict the shape of the case on screen, in the background."""
        case, row = self._desk.case, self.chosen
        if case is None or row is None or self._predicting is not None:
            return
        mirrored = self.mirrored.isChecked() and not self.mirrored.isHidden()
        self._predicting = self._desk.background.start(
            f"predicting the shape of {case.id}",
            called(engine.predict_shape, row.path, case.volume, mirrored),
            lambda found: self._predicted(case, found),
            self._prediction_ended,
            f"Predicting the shape of {case.id}…",
        )
        self.refresh()

    def _predicted(self, case: OpenCase, found: Shaped | Problem) -> None:
        if isinstance(found, Problem):
            self._desk.said.emit(found.text)
            return
        if case is not self._desk.case:
            return
        self._forget()
        self.shaped = found
        _, colour = self._structure(found.structure)
        self._layers = ShapeLayers(case, found, colour)
        self._list_choices(found)
        self._measure()
        if found.notes:
            self._desk.said.emit(" ".join(f"{text[0].upper()}{text[1:].rstrip('.')}." for text in found.notes))

    def _prediction_ended(self) -> None:
        self._predicting = None
        self.refresh()

    def _structure(self, name: str) -> tuple[LabelClass | None, str]:
        """Return the class of the project that has this name, and its colour."""
        for number, each in enumerate(self._desk.case.classes):
            if each.name == name:
                return each, class_colour(number)
        return None, class_colour(0)

    def _list_choices(self, found: Shaped) -> None:
        for box in (self.scale, self.mode):
            box.blockSignals(True)
            box.clear()
        for count in found.scales:
            self.scale.addItem(str(count))
        self.scale.setCurrentIndex(self.scale.count() - 1)
        for number, share in enumerate(found.shares, 1):
            self.mode.addItem(mode_text(number, share))
        for box in (self.scale, self.mode):
            box.blockSignals(False)
        self.patient.setChecked(True)
        self._reset()

    # --- measuring ----------------------------------------------------------------------------------------------

    def _measure(self) -> None:
        """Measure the predicted surface against the completed labels of the case, in the background."""
        self._stop_measuring()
        case, found = self._desk.case, self.shaped
        if case is None or found is None or self._layers is None or self._layers.case is not case:
            return
        each, _ = self._structure(found.structure)
        if each is None or self._desk.state_of(case.id) is not CaseState.COMPLETED:
            self.found = None
            self.refresh()
            return
        self._measuring = self._desk.background.start(
            "measuring a surface", called(engine.surface_distance, found, case.labels, each.values), self._measured
        )

    def _measured(self, value: SurfaceDistance | Problem) -> None:
        # labels without this structure have no surface
        self.found = None if isinstance(value, Problem) else value
        self.refresh()

    def _stop_measuring(self) -> None:
        if self._measuring is not None:
            self._measuring.cancel()
            self._measuring = None

    # --- showing ------------------------------------------------------------------------------------------------

    @property
    def form(self) -> Form | None:
        """The shape that is shown."""
        if self.shaped is None:
            return None
        start = "mean" if self.mean.isChecked() else "patient"
        return self.shaped.at(start, max(0, self.mode.currentIndex()), self.slider.value() / _STEPS)

    def _show(self, *_: object) -> None:
        self.deviations.setText(deviations_text(self.slider.value() / _STEPS))
        self._drawing.start()

    def _draw(self) -> None:
        if self._layers is not None and self.scale.currentIndex() >= 0:
            self._layers.show(self.form, self.scale.currentIndex())

    def _reset(self, *_: object) -> None:
        """Show the patient's or the mean shape without any mode."""
        self.slider.blockSignals(True)
        self.slider.setValue(0)
        self.slider.blockSignals(False)
        self._show()

    def _turn(self, on: bool) -> None:
        self._desk.viewer.dims.ndisplay = 3 if on else 2

    def _view_turned(self, event: Any = None) -> None:
        self.turn.setChecked(self._desk.viewer.dims.ndisplay == 3)

    # --- saving -------------------------------------------------------------------------------------------------

    def _save(self) -> None:
        name = str(self._desk.project.root / f"{self._layers.case.id}-{self._name_of_shown()}")
        chosen, kind = QFileDialog.getSaveFileName(self, "Save the shape as it is shown", name, ";;".join(_FILES))
        if not chosen:
            return
        path = Path(chosen)
        if path.suffix.lower() not in _FILES.values():
            path = path.with_name(path.name + _FILES[kind])
            if path.exists():  # the dialog asked about another name
                self._desk.said.emit(f"{path.name} is there already, so nothing was saved. Choose another name.")
                return
        self.save_to(path)

    def _name_of_shown(self) -> str:
        """Name what is shown, so that a shape that was moved is not taken for the patient's."""
        start = "mean" if self.mean.isChecked() else "shape"
        moved = self.slider.value()
        return f"{start}-mode{self.mode.currentIndex() + 1}{moved / _STEPS:+.1f}" if moved else start

    def save_to(self, path: Path) -> None:
        """Save the points of the chosen scale, or the surface, as they are shown; the ending says which."""
        steps = called(engine.save_shape, path, self.shaped, self.form, self.scale.currentIndex())
        self._desk.background.start("saving a shape", steps, self._saved)

    def _saved(self, path: Path | Problem) -> None:
        if isinstance(path, Problem):
            self._desk.said.emit(path.text)
        else:
            self._said = f"Saved as {path.name}."
            self.refresh()

    # --- state --------------------------------------------------------------------------------------------------

    def _list_runs(self) -> None:
        """List the runs that know shapes, newest first; the chosen one stays."""
        rows = tuple(row for row in reversed(self._desk.runs.rows) if row.knows_shapes)
        paths, before = [row.path for row in rows], [row.path for row in self._rows]
        kept = self.run.currentData() if paths[:1] == before[:1] else None  # a run that has just come is looked at
        self._rows = rows
        self.run.blockSignals(True)
        self.run.clear()
        for row in rows:
            self.run.addItem(_run_text(row), row.path)
        if kept in paths:
            self.run.setCurrentIndex(paths.index(kept))
        self.run.blockSignals(False)
        self.setVisible(bool(rows))
        self.refresh()

    def _case_changed(self) -> None:
        case = self._desk.case
        if self._layers is None or self._layers.case is not case:
            if self._predicting is not None:
                self._predicting.give_up()
            self._forget()
        self.refresh()

    def _forget(self) -> None:
        """Take the layers away, and what is known of the shape with them."""
        self._stop_measuring()
        if self._layers is not None:
            self._layers.close()
        self._layers = self.shaped = self.found = None
        self._said = ""

    def refresh(self, *_: object) -> None:
        """Show what can be done, and what is shown."""
        row, case = self.chosen, self._desk.case
        self.predict.setEnabled(row is not None and case is not None and self._predicting is None)
        self.mirrored.setVisible(row is not None and row.shape is not None and row.shape.reflect)
        self.details.setVisible(self.shaped is not None)
        self.mode.setEnabled(self.mode.count() > 0)
        self.slider.setEnabled(self.mode.count() > 0)
        self.about.setText(self._words())
        self._view_turned()

    def _words(self) -> str:
        if self._predicting is not None:
            return "At work: progress and Cancel are below."
        if self._desk.case is None:
            return "Open a patient to predict its shape."
        if self.shaped is None:
            return _IDLE
        words = [f"{self.shaped.structure} by {run_number(self.shaped.run)}"]
        if self.found is not None:
            words.append(distance_text(self.found.mean_mm, self.found.hausdorff_mm))
        else:
            words.append(f"{counted(self.shaped.scales[-1], 'point')}, {counted(len(self.shaped.shares), 'mode')}")
        return f"{': '.join(words)}. {self._said}".strip()


def _run_text(row: RunRow) -> str:
    """Name a run, such as ``run 0003 · left · 0.43 mm``."""
    structure = [] if row.shape is None or row.shape.structure is None else [row.shape.structure]
    measured = [] if row.mm is None else [mm_number(row.mm)]
    return " · ".join([run_number(row.name), *structure, *measured])


def _beside(first: QWidget, *others: QWidget) -> QHBoxLayout:
    """Put widgets beside each other; the first takes the room there is."""
    row = QHBoxLayout()
    row.setSpacing(GRID)
    row.addWidget(first, 1)
    for other in others:
        row.addWidget(other)
    return row

"""A part of the results: the shape of the patient on screen, predicted, moved along the modes, saved."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QPushButton, QVBoxLayout, QWidget

from ..project import CaseState
from ..volume import LabelClass
from . import engine
from .background import Job, Problem, called
from .desk import Desk
from .parts import GRID, heading, note
from .runs import RunRow
from .shapecontrols import ShapeControls
from .shaped import Form, Shaped
from .shapelayers import ShapeLayers
from .theme import class_colour
from .wording import counted, distance_text, mm_number, run_number

if TYPE_CHECKING:
    from ..shape.distances import SurfaceDistance
    from .case import OpenCase

_IDLE = "Predicts points on the surface from the scan alone, and how this patient differs from the mean."
_TIP = (
    "Image to shape (Progressive DeepSSM): corresponding points, the surface through them and the network's mask, as "
    "layers over the image; your labels stay as they are"
)
_MIRRORED_TIP = "The model learned one side, with the other side mirrored: tick for a patient of the other side"
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
        self.controls = ShapeControls()
        self.controls.changed.connect(self._drawing.start)
        self.controls.turn.clicked.connect(self._turn)
        self.controls.save.clicked.connect(self._save)
        column.addWidget(heading("Shape"))
        column.addWidget(self.about)
        column.addLayout(self._run_part())
        column.addWidget(self.controls)
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
        self.controls.offer(found)
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

    def _draw(self) -> None:
        if self._layers is not None:
            self._layers.show(self.form, self.controls.scale.currentIndex())

    def _turn(self, on: bool) -> None:
        self._desk.viewer.dims.ndisplay = 3 if on else 2

    def _view_turned(self, event: Any = None) -> None:
        with suppress(RuntimeError):  # where the dock was taken out of the window, Qt has deleted the button
            self.controls.turn.setChecked(self._desk.viewer.dims.ndisplay == 3)

    # --- saving -------------------------------------------------------------------------------------------------

    def _save(self) -> None:
        name = str(self._desk.project.root / f"{self._layers.case.id}-{self.controls.name}")
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

    @property
    def form(self) -> Form | None:
        """The shape that is shown."""
        return None if self.shaped is None else self.controls.form_of(self.shaped)

    def save_to(self, path: Path) -> None:
        """Save the points of the chosen scale, or the surface, as they are shown; the ending says which."""
        steps = called(engine.save_shape, path, self.shaped, self.form, self.controls.scale.currentIndex())
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
        self.controls.setVisible(self.shaped is not None)
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

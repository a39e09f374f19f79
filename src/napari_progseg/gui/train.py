"""Third part of the dock: start, pause and stop a run."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible

from ..errors import UserError
from ..training.config import RunConfig
from .advanced import Advanced
from .desk import Desk
from .parts import GRID, note, scrolled
from .runs import threads
from .wording import MODES, counted, duration, run_number, training_sentence

_PARTS = {"train": "learns", "validation": "checks", "test": "kept for the test"}
_SUBTITLES = {
    "segmentation": "Finds the structure without any click (baseline).",
    "interactive": "Answers inside and outside clicks; without a click it predicts on its own.",
}


class Train(QWidget):
    """Says what a run will do and starts it."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._ticked: dict[str, bool] = {}
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setSpacing(GRID)
        self.sentence = note(faint=False)
        self.sentence.setMinimumHeight(3 * self.sentence.fontMetrics().height() + 4)
        self.sentence.setAlignment(Qt.AlignmentFlag.AlignTop)
        column.addWidget(self.sentence)
        column.addLayout(self._buttons())
        column.addLayout(self._form())
        column.addWidget(self._patients())
        column.addWidget(self._advanced())
        column.addStretch(1)
        outer.addWidget(scrolled(page))
        desk.project_changed.connect(self._project_changed)
        desk.cases_changed.connect(self._list_patients)
        desk.busy_changed.connect(self._device_changed)
        desk.runs.news.connect(self.refresh)
        self.refresh()

    def _buttons(self) -> QVBoxLayout:
        self.start = QPushButton("Start")
        self.start.setMinimumHeight(34)
        self.start.setToolTip("Start training beside the window; you can go on labelling")
        self.start.clicked.connect(self._start)
        self.pause = QPushButton("Pause")
        self.pause.setToolTip("Pause the run after its current step; it keeps its place")
        self.pause.clicked.connect(self._desk.runs.pause)
        self.stop = QPushButton("Stop")
        self.stop.setToolTip("Save and stop the run; its best model stays usable")
        self.stop.clicked.connect(self._desk.runs.stop)
        row = QHBoxLayout()
        row.setSpacing(GRID)
        row.addWidget(self.start, 2)
        row.addWidget(self.pause, 1)
        row.addWidget(self.stop, 1)
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setFixedHeight(6)
        policy = self.progress.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.progress.setSizePolicy(policy)
        column = QVBoxLayout()
        column.setSpacing(GRID // 2)
        column.addLayout(row)
        column.addWidget(self.progress)
        return column

    def _form(self) -> QFormLayout:
        self.mode = QComboBox()
        for task, name in MODES.items():
            self.mode.addItem(name, task)
        self.mode.currentIndexChanged.connect(self.refresh)
        self.about = note()
        self.minutes = QDoubleSpinBox()
        self.minutes.setRange(0.1, 10_000)
        self.minutes.setDecimals(1)
        self.minutes.setValue(5)
        self.minutes.setSuffix(" min")
        self.minutes.valueChanged.connect(self.refresh)
        self.begin = QComboBox()
        self.begin.addItem("scratch")
        self.begin.setEnabled(False)
        self.begin.setToolTip("Runs start from scratch; a stopped run can be resumed in the Results tab")
        form = QFormLayout()
        form.setSpacing(GRID)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.addRow("Mode", self.mode)
        form.addRow("", self.about)
        form.addRow("Time", self.minutes)
        form.addRow("Start from", self.begin)
        return form

    def _patients(self) -> QWidget:
        self.patients = QListWidget()
        self.patients.setToolTip("Tick the labelled patients that this run uses")
        self.patients.setMinimumHeight(120)
        self.patients.setSpacing(2)
        self.patients.itemChanged.connect(self._item_changed)
        self.patients_title = note("Labelled patients", faint=False)
        box = QWidget()
        column = QVBoxLayout(box)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(self.patients_title)
        column.addWidget(self.patients, 1)
        return box

    def _advanced(self) -> QCollapsible:
        self.advanced = Advanced(self.refresh)
        self.folded = QCollapsible("Advanced")
        self.folded.setDuration(0)
        self.folded.toggleButton().setStyleSheet(
            "QPushButton { text-align: left; border: none; background: transparent; }"
        )
        self.folded.addWidget(self.advanced.form.native)
        self.folded.collapse(animate=False)
        return self.folded

    # --- what the form says -------------------------------------------------------------------------------------

    @property
    def task(self) -> str:
        """The chosen task."""
        return self.mode.currentData()

    def chosen(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the ticked patients: those to learn from, and those to check on."""
        project = self._desk.project
        ticked = [case for case, on in self._ticked.items() if on]
        if project is None or not ticked:
            return (), ()
        checks = tuple(case for case in ticked if case in project.split.validation)
        learns = tuple(case for case in ticked if case not in checks)
        if not learns:
            learns, checks = checks[:1], checks[1:]
        if not checks and len(learns) > 1:
            learns, checks = learns[:-1], learns[-1:]
        return learns, checks

    def config(self) -> RunConfig:
        """Return the settings of the run that *Start* would start."""
        learns, checks = self.chosen()
        return self.advanced.config(self.task, self.minutes.value(), learns, checks)

    def _start(self) -> None:
        try:
            self._desk.start_training(self.config())
        except UserError as error:
            self._desk.said.emit(str(error))

    # --- state --------------------------------------------------------------------------------------------------

    def _project_changed(self) -> None:
        self._ticked.clear()
        self._list_patients()

    def _device_changed(self) -> None:
        if self._desk.device.startswith("GPU") and self.advanced.preset.value == "tiny":
            self.advanced.choose_preset("default")
        self.refresh()

    def _list_patients(self) -> None:
        project = self._desk.project
        if project is None:
            return
        split = project.split
        completed = [case.id for case in project.completed]
        self._ticked = {case: self._ticked.get(case, case not in split.test) for case in completed}
        self.patients.blockSignals(True)
        self.patients.clear()
        for case in completed:
            part = next((text for name, text in _PARTS.items() if case in getattr(split, name)), "")
            item = QListWidgetItem(f"{case}  ·  {part}" if part else case)
            item.setData(Qt.ItemDataRole.UserRole, case)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if self._ticked[case] else Qt.CheckState.Unchecked)
            self.patients.addItem(item)
        self.patients.blockSignals(False)
        self.refresh()

    def _item_changed(self, item: QListWidgetItem) -> None:
        self._ticked[item.data(Qt.ItemDataRole.UserRole)] = item.checkState() == Qt.CheckState.Checked
        self.refresh()

    def refresh(self, *_: object) -> None:
        """Show what would happen, or what happens."""
        runs, project = self._desk.runs, self._desk.project
        if runs.live:
            self.mode.setCurrentIndex(max(0, self.mode.findData(runs.feed.task)))
        learns, checks = self.chosen()
        self.about.setText(_SUBTITLES[self.task])
        self.patients_title.setText(f"Labelled patients ({counted(sum(self._ticked.values()), 'ticked', 'ticked')})")
        if project is None:
            self.sentence.setText("Open a project in the Patients tab first.")
        elif runs.live and runs.feed.sentence:
            self.sentence.setText(runs.feed.sentence)
        else:
            device = f"this {self._desk.device.split(' · ')[0]}" if self._desk.device else "this computer"
            if device == "this CPU":
                device = f"{counted(threads(), 'CPU core')}"
            self.sentence.setText(
                training_sentence(self.task, project.classes, len(learns), len(checks), self.minutes.value(), device)
            )
        self._refresh_buttons(bool(learns))

    def _refresh_buttons(self, possible: bool) -> None:
        runs = self._desk.runs
        self.start.setEnabled(possible and not runs.live and not runs.starting)
        self.start.setText(
            "Starting…" if runs.starting else f"Training {run_number(runs.feed.name)}" if runs.live else "Start"
        )
        paused = runs.live and runs.feed.state == "paused"
        for part in (self.mode, self.minutes, self.patients, self.folded):
            part.setEnabled(not runs.live)
        self.pause.setText("Continue" if paused else "Pause")
        for button in (self.pause, self.stop):
            button.setEnabled(runs.live)
        self.progress.setVisible(runs.live)
        if runs.live:
            self.progress.setValue(round(1000 * runs.feed.progress))
            self.progress.setToolTip(f"{duration(runs.feed.seconds)} so far")

"""Third part of the dock: start, pause and stop a run."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QCollapsible, QElidingLabel

from ..errors import UserError
from ..training.config import RunConfig
from .advanced import Advanced
from .desk import Desk
from .finetune import FineTune
from .meanwhile import Meanwhile
from .modes import MODES, Mode
from .parts import GRID, arrow, form, heading, note, scrolled, swatch
from .picker import CasePicker
from .runs import threads
from .startfrom import StartFrom
from .theme import Look, class_colour
from .triplet import TripletView
from .wording import device_text, duration, nothing_to_start, run_number, start_sentence, training_sentence


class Train(QWidget):
    """Says what a run will do and starts it."""

    def __init__(self, desk: Desk, meanwhile: Meanwhile) -> None:
        super().__init__()
        self._desk = desk
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        page = QWidget()
        column = QVBoxLayout(page)
        column.setSpacing(GRID)
        self.sentence = note(faint=False, lines=4)
        self.triplet = TripletView()
        self.picker = CasePicker()
        self.picker.changed.connect(self.refresh)
        self.fine_tune = FineTune(desk, meanwhile)
        column.addWidget(self.fine_tune)
        column.addWidget(heading("Or choose yourself"))
        column.addWidget(self.sentence)
        column.addLayout(self._buttons())
        column.addLayout(self._form())
        column.addWidget(self.triplet)
        column.addWidget(self.picker, 1)
        column.addWidget(self._advanced())
        outer.addWidget(scrolled(page))
        desk.project_changed.connect(self._project_changed)
        desk.cases_changed.connect(self._list_cases)
        desk.busy_changed.connect(self._device_changed)
        desk.runs.listed.connect(self.refresh)
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
        self.report = QElidingLabel()
        self.report.setProperty("faint", True)
        column = QVBoxLayout()
        column.setSpacing(GRID // 2)
        column.addLayout(row)
        column.addWidget(self.progress)
        column.addWidget(self.report)
        return column

    def _form(self) -> QFormLayout:
        self.mode = QComboBox()
        for mode in MODES.values():
            self.mode.addItem(mode.title, mode.key)
            self.mode.setItemData(self.mode.count() - 1, mode.about, Qt.ItemDataRole.ToolTipRole)
        self.mode.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.mode.setMinimumContentsLength(12)
        self.mode.currentIndexChanged.connect(self._list_cases)
        self.about = note(lines=2)
        self.structure = QComboBox()
        self.structure.setToolTip("A model of shapes learns one structure; start another run for another one")
        self.structure.currentIndexChanged.connect(self.refresh)
        self.minutes = QDoubleSpinBox()
        self.minutes.setRange(0.1, 10_000)
        self.minutes.setDecimals(1)
        self.minutes.setValue(5)
        self.minutes.setSuffix(" min")
        self.minutes.valueChanged.connect(self.refresh)
        self.begin = StartFrom()
        self.begin.currentIndexChanged.connect(self.refresh)
        self.adapt = QPushButton("Adapt to this centre…")
        self.adapt.setToolTip(
            "Choose a run, or a project, of another centre: its last layers learn again from the ticked patients, and "
            "Results compares before and after. The other centre's run stays as it is."
        )
        self.adapt.clicked.connect(self._adapt)
        rows = form()
        rows.addRow("Mode", self.mode)
        rows.addRow("", self.about)
        rows.addRow("Structure", self.structure)
        rows.addRow("Time", self.minutes)
        rows.addRow("Start from", self.begin)
        rows.addRow("", self.adapt)
        self._rows = rows
        return rows

    def _advanced(self) -> QCollapsible:
        self.advanced = Advanced(self.refresh)
        self.folded = QCollapsible("Advanced")
        self.folded.setDuration(0)
        self.folded.toggleButton().setStyleSheet(
            "QPushButton { text-align: left; border: none; background: transparent; }"
        )
        self.folded.layout().setContentsMargins(0, 0, 0, 0)
        self.folded.addWidget(self.advanced.form)
        self.folded.collapse(animate=False)
        return self.folded

    def set_look(self, look: Look) -> None:
        """Take the theme's colours."""
        self.folded.setCollapsedIcon(arrow(look.text, down=False))
        self.folded.setExpandedIcon(arrow(look.text, down=True))

    # --- what the form says -------------------------------------------------------------------------------------

    @property
    def chosen_mode(self) -> Mode:
        """The chosen mode."""
        return MODES[self.mode.currentData()]

    def choose_mode(self, key: str) -> None:
        """Choose a mode by its key."""
        self.mode.setCurrentIndex(self.mode.findData(key))

    def chosen(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the ticked cases: those to learn from, and those to check on (none where no labels are needed)."""
        project, ticked = self._desk.project, self.picker.ticked()
        if project is None or not self.chosen_mode.needs_labels:
            return tuple(ticked), ()
        checks = tuple(case for case in ticked if case in project.split.validation)
        learns = tuple(case for case in ticked if case not in checks)
        if not learns:
            learns, checks = checks[:1], checks[1:]
        least = self.chosen_mode.least
        if not checks and len(learns) > least:
            learns, checks = learns[:-1], learns[-1:]
        missing = max(0, least - len(learns))
        return learns + checks[:missing], checks[missing:]

    def config(self) -> RunConfig:
        """Return the settings of the run that *Start* would start."""
        learns, checks = self.chosen()
        begin = self.begin.row
        config = self.advanced.config(
            self.chosen_mode, self.minutes.value(), learns, checks, None if begin is None else begin.path
        )
        width = {"sigma_mm": self._desk.tools.sigma_mm}
        structure = {"structure": self.structure.currentData()}
        return config.model_copy(
            update={
                "clicks": config.clicks.model_copy(update=width),
                "shape": config.shape.model_copy(update=structure),
            }
        )

    def learn_from_all(self) -> None:
        """Start to learn from all scans that are not kept for the test, from scratch and for the time that is set."""
        self.choose_mode("restoration")
        self.picker.tick_all_scans()
        self._list_cases()
        self.begin.begin_anew()
        self._start()

    def _start(self) -> None:
        try:
            self._desk.start_training(self.config())
        except UserError as error:
            self._desk.said.emit(str(error))

    def _adapt(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Run or project of another centre")
        if folder:
            self._desk.runs.adapt(Path(folder), *self.chosen(), self.minutes.value(), self._desk.saving())

    # --- state --------------------------------------------------------------------------------------------------

    def _project_changed(self) -> None:
        self.picker.forget()
        self.begin.forget()
        self._list_structures()
        self._list_cases()

    def _list_structures(self) -> None:
        self.structure.blockSignals(True)
        self.structure.clear()
        for number, each in enumerate(self._desk.project.classes if self._desk.project else ()):
            self.structure.addItem(swatch(class_colour(number)), each.name, each.name)
        self.structure.blockSignals(False)

    def _device_changed(self) -> None:
        if self._desk.device.startswith("GPU") and self.advanced.preset.value == "tiny":
            self.advanced.choose_preset("default")
        self.refresh()

    def _list_cases(self, *_: object) -> None:
        if self._desk.project is not None:
            self.picker.show_cases(self._desk.project, self.chosen_mode)
        self.refresh()

    def refresh(self, *_: object) -> None:
        """Show what would happen, or what happens."""
        runs = self._desk.runs
        if runs.live and self.chosen_mode is not runs.feed.mode and not runs.feed.beside:
            self.choose_mode(runs.feed.mode.key)  # which comes back here
            return
        self.begin.show_choices(runs.rows, self.chosen_mode)
        begin = self.begin.row
        self.advanced.show_for(self.chosen_mode, None if begin is None else begin.mode)
        self.about.setText(self.chosen_mode.about)
        choosing = self.chosen_mode.task == "shape" and self.structure.count() > 1
        for widget in (self.structure, self._rows.labelForField(self.structure)):
            widget.setVisible(choosing)
        self.triplet.setVisible(not self.chosen_mode.needs_labels)
        self.triplet.show_triplet(runs.triplet, runs.feed.name if runs.feed else "")
        self._refresh_report()
        self._refresh_sentence()
        self._refresh_buttons()

    @property
    def possible(self) -> bool:
        """Whether the form says all that a run needs."""
        enough = len(self.chosen()[0]) >= self.chosen_mode.least
        return enough and (self.begin.has_restoration or not self.chosen_mode.needs_start)

    def _refresh_sentence(self) -> None:
        runs, project = self._desk.runs, self._desk.project
        if project is None:
            self.sentence.setText("Open a project in the Patients tab first.")
        elif runs.live and runs.feed.sentence:
            self.sentence.setText(runs.feed.sentence)
        elif not self.possible:
            self.sentence.setText(
                nothing_to_start(self.chosen_mode, len(project.completed), self.begin.has_restoration)
            )
        else:
            learns, checks = self.chosen()
            row = self.begin.row
            begin = "" if row is None else start_sentence(row.name, row.task, row.patients, row.dice)
            device = device_text(self._desk.device, threads())
            minutes, classes = self.minutes.value(), project.classes
            if self.chosen_mode.task == "shape":
                classes = [each for each in classes if each.name == self.structure.currentData()]
            self.sentence.setText(
                training_sentence(self.chosen_mode, classes, len(learns), len(checks), minutes, device, begin)
            )

    def _refresh_report(self) -> None:
        feed = self._desk.runs.feed
        said = feed.said if feed is not None else []
        self.report.setText(f"{run_number(feed.name).capitalize()}: {said[-1]}" if said else "")
        self.report.setToolTip("\n".join(said))

    def _refresh_buttons(self) -> None:
        runs = self._desk.runs
        self.start.setEnabled(self.possible and not runs.live and not runs.starting)
        self.start.setText(
            "Starting…" if runs.starting else f"Training {run_number(runs.feed.name)}" if runs.live else "Start"
        )
        paused = runs.live and runs.feed.state == "paused"
        for part in (self.mode, self.structure, self.minutes, self.picker, self.folded):
            part.setEnabled(not runs.live)
        self.adapt.setEnabled(self.possible and self.chosen_mode.segments and self.start.isEnabled())
        self.begin.setEnabled(not runs.live and self.begin.count() > 0)
        self.pause.setText("Continue" if paused else "Pause")
        for button in (self.pause, self.stop):
            button.setEnabled(runs.live)
        self.progress.setVisible(runs.live)
        if runs.live:
            self.progress.setValue(round(1000 * runs.feed.progress))
            self.progress.setToolTip(f"{duration(runs.feed.seconds)} so far")

"""What comes last: predict all patients, export, report."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QMenu,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ..project import CaseState
from . import engine
from .background import Problem, Steps
from .desk import Desk
from .longjob import LongJob
from .parts import GRID, heading, note
from .wording import counted, duration, run_number

if TYPE_CHECKING:
    from ..inference.export import Exported
    from ..inference.whole_project import Outcome, Place

_WAIT_SECONDS = 0.05


class Finish(QWidget):
    """Three buttons that work on the whole project, one at a time; `predicted` is emitted for every new prediction."""

    predicted = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._last = ""
        self._done: list[str] = []
        self._faults: list[str] = []
        self.job = LongJob(desk.background)
        self.job.changed.connect(self.refresh)
        self.about = note(lines=2)
        self.predict = _button(
            "Predict all", "Predict every patient that is not completed, for review; goes on where it was interrupted"
        )
        self.predict.clicked.connect(self.predict_all)
        self.progress = QProgressBar()
        self.progress.setRange(0, 100)
        self.progress.setTextVisible(False)
        self.cancel = _button("Cancel", "End it; what is done so far is kept")
        self.cancel.clicked.connect(self._cancel)
        self.export = _button("Export…", "Write labels, predictions or a model into a new folder")
        self.menu = QMenu(self.export)
        self.menu.triggered.connect(self._export_chosen)
        self.export.clicked.connect(self._offer_exports)
        self.report = _button(
            "Report", "Write PROJECT/report.html: patients, effort, models, Dice, methods; and open it"
        )
        self.report.clicked.connect(self.write_report)
        self._stack = self._make_stack()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(heading("All patients"))
        column.addWidget(self.about)
        column.addWidget(self._stack)
        desk.project_changed.connect(self._project_changed)
        for signal in (desk.cases_changed, desk.annotation_changed, desk.runs.listed):
            signal.connect(self.refresh)
        self.refresh()

    def _make_stack(self) -> QStackedWidget:
        """Put the buttons and what replaces them while one is at work into the same place."""
        idle, busy = QWidget(), QWidget()
        for page, widgets in ((idle, (self.predict, self.export, self.report)), (busy, (self.progress, self.cancel))):
            row = QHBoxLayout(page)
            row.setContentsMargins(0, 0, 0, 0)
            row.setSpacing(GRID)
            for widget in widgets:
                row.addWidget(widget, 0 if widget is self.cancel else 1)
        stack = QStackedWidget()
        stack.addWidget(idle)
        stack.addWidget(busy)
        stack.setFixedHeight(self.predict.sizeHint().height() + 4)
        return stack

    # --- predict ------------------------------------------------------------------------------------------------

    def predict_all(self) -> None:
        """Predict all patients that are not completed, in the background; clicks are answered first."""
        run = self._desk.answerer.predictor
        if run is not None:
            steps = self._predicting(run)
            self._start("predicting all patients", "Loading the model…", steps, self._outcome, self._all_predicted)

    def _predicting(self, run: Path) -> Steps:
        desk, project = self._desk, self._desk.project

        def told(place: Place) -> None:
            self.job.tell(place.overall, f"{place.case} · {place.number} of {place.of}")

        def steps(stop: threading.Event) -> Iterator[Outcome]:
            def cancelled() -> bool:
                while desk.answerer.answering and not stop.wait(_WAIT_SECONDS):
                    pass
                return stop.is_set()

            yield from engine.predict_project(project, run, told, cancelled)

        return steps

    def _outcome(self, outcome: Outcome | Problem) -> None:
        if isinstance(outcome, Problem):
            self._faults.append(outcome.text)
        elif outcome.fault is not None:
            self._faults.append(f"{outcome.case}: {outcome.fault}")
        else:
            self._done.append(outcome.case)
            if not outcome.kept:
                self.predicted.emit()

    def _all_predicted(self) -> None:
        self._end(f"{counted(len(self._done), 'patient')} predicted: review them in the Patients tab.")

    # --- export -------------------------------------------------------------------------------------------------

    def _offer_exports(self) -> None:
        """Open the menu of what can be exported below its button."""
        case, run = self._desk.case, self._desk.answerer.predictor
        self.menu.clear()
        offers: list[tuple[str, dict[str, Any]]] = [
            ("Labels…", {}),
            ("Labels and predictions…", {"predictions": True}),
        ]
        if case is not None:
            offers.append((f"Labels and prediction of {case.id}…", {"cases": (case.id,), "predictions": True}))
        if run is not None:
            offers.append((f"Labels and the model of {run_number(run.name)}…", {"run": run}))
        for text, what in offers:
            self.menu.addAction(text).setData(what)
        self.menu.popup(self.export.mapToGlobal(self.export.rect().bottomLeft()))

    def _export_chosen(self, action: Any) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Folder in which a new folder is made for the export")
        if folder:
            self.export_to(new_folder(Path(folder), f"{self._desk.project.root.name}-export"), **action.data())

    def export_to(
        self, out: Path, cases: tuple[str, ...] | None = None, predictions: bool = False, run: Path | None = None
    ) -> None:
        """Export into a folder that does not exist yet, in the background; what is on screen is saved first."""
        self._desk.keeper.save_now()
        project = self._desk.project

        def steps(stop: threading.Event) -> Iterator[Exported]:
            yield from engine.export_project(project, out, cases, predictions, run, stop.is_set)

        def ended() -> None:
            self._end(f"{counted(len(self._done), 'file')} exported to {out}.", str(out))

        self._start("exporting", f"Exporting to {out.name}…", steps, self._exported, ended)

    def _exported(self, exported: Exported | Problem) -> None:
        if isinstance(exported, Problem):
            self._faults.append(exported.text)
            return
        self._done += map(str, exported.files)
        if exported.fault is not None:
            self._faults.append(f"{exported.name}: {exported.fault}")

    # --- report -------------------------------------------------------------------------------------------------

    def write_report(self) -> None:
        """Write the report in the background and open it in the browser."""
        project, run = self._desk.project, self._desk.answerer.predictor

        def steps(stop: threading.Event) -> Iterator[Path | None]:
            yield engine.write_report(project, run, self.job.tell, stop.is_set)

        self._start("writing the report", "Measuring the model…", steps, self._reported, lambda: self._end(self._last))

    def _reported(self, path: Path | Problem) -> None:
        if isinstance(path, Problem):
            self._faults.append(path.text)
            return
        self._last = f"The report is {path}."
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))

    # --- state --------------------------------------------------------------------------------------------------

    def _start(self, title: str, text: str, steps: Steps, on_value: Any, on_end: Any) -> None:
        if self._desk.project is not None and not self.job.running:
            self._done, self._faults, self._last = [], [], ""
            self.job.start(title, text, steps, on_value, on_end)

    def _end(self, told: str, tip: str = "") -> None:
        self._last = told if self._done or not self._faults else ""
        self.about.setToolTip(tip)
        if self._faults:
            more = f" ({len(self._faults) - 1} more like it.)" if len(self._faults) > 1 else ""
            self._desk.said.emit(f"{self._faults[0]}{more}")
        self.refresh()

    def _cancel(self) -> None:
        self.job.cancel()
        self._last = "Cancelled. What was done is kept."
        self.refresh()

    def _project_changed(self) -> None:
        self.job.cancel()
        self._last = ""
        self.refresh()

    def refresh(self) -> None:
        """Show what can be done, or what is being done."""
        project, run = self._desk.project, self._desk.answerer.predictor
        waiting = [] if project is None else [c for c in project.cases if c.state is not CaseState.COMPLETED]
        self._stack.setCurrentIndex(int(self.job.running))
        # moving to and fro as long as nothing is known
        self.progress.setRange(0, 100 if self.job.fraction else 0)
        self.progress.setValue(round(100 * self.job.fraction))
        self.predict.setEnabled(run is not None and bool(waiting))
        for button in (self.export, self.report):
            button.setEnabled(project is not None)
        if self.job.running:
            left = duration(self.job.seconds_left)
            self.about.setText(self.job.text + (f" · {left} left" if left else ""))
        else:
            self.about.setText(self._last or idle_sentence(len(waiting), None if run is None else run.name))


def idle_sentence(waiting: int, run: str | None) -> str:
    """Say what *Predict all* would do."""
    if run is None:
        return "Once a model is trained, it can predict all other patients for review."
    if not waiting:
        return "All patients are completed."
    are, them = ("is", "it") if waiting == 1 else ("are", "them")
    return f"{counted(waiting, 'patient')} {are} not completed; {run_number(run)} can predict {them} for review."


def new_folder(parent: Path, name: str) -> Path:
    """Return a folder that does not exist yet, with a number after its name if need be."""
    numbers = (f"{name}-{number}" for number in range(2, 10_000))
    return next(parent / each for each in (name, *numbers) if not (parent / each).exists())


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    return button

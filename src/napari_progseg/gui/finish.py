"""What comes last: predict all patients, export, report."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QUrl, Signal
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QPushButton, QVBoxLayout, QWidget

from ..project import CaseState
from . import engine
from .background import Flag, Job, Problem, Steps
from .desk import Desk
from .parts import GRID, heading, note
from .wording import counted, run_number

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
        self._job: Job | None = None
        self.about = note(lines=2)
        self.predict = _button(
            "Predict all", "Predict every patient that is not completed, for review; goes on where it was interrupted"
        )
        self.predict.clicked.connect(self.predict_all)
        self.export = _button("Export…", "Write labels, predictions or a model into a new folder")
        self.menu = QMenu(self.export)
        self.menu.triggered.connect(self._export_chosen)
        self.export.clicked.connect(self._offer_exports)
        self.report = _button(
            "Report", "Write PROJECT/report.html: patients, effort, models, Dice, methods; and open it"
        )
        self.report.clicked.connect(self.write_report)
        row = QHBoxLayout()
        row.setSpacing(GRID)
        for button in (self.predict, self.export, self.report):
            row.addWidget(button, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addWidget(heading("All patients"))
        column.addWidget(self.about)
        column.addLayout(row)
        desk.project_changed.connect(self._project_changed)
        for signal in (desk.cases_changed, desk.annotation_changed, desk.runs.listed):
            signal.connect(self.refresh)
        self.refresh()

    @property
    def running(self) -> bool:
        """Whether one of the three is at work."""
        return self._job is not None

    # --- predict ------------------------------------------------------------------------------------------------

    def predict_all(self) -> None:
        """Predict all patients that are not completed, in the background; clicks are answered first."""
        run = self._desk.answerer.predictor
        if run is not None:
            steps = self._predicting(run)
            self._start("predicting all patients", "Loading the model…", steps, self._outcome, self._all_predicted)

    def _predicting(self, run: Path) -> Steps:
        desk, project = self._desk, self._desk.project

        def steps(stop: Flag) -> Iterator[Outcome]:
            def told(place: Place) -> None:
                stop.fraction = place.overall
                stop.doing = f"Predicting {place.case} · {place.number} of {place.of}"

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
        project, write_first = self._desk.project, self._desk.saving()

        def steps(stop: Flag) -> Iterator[Exported]:
            write_first()
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

        def steps(stop: Flag) -> Iterator[Path | None]:
            yield engine.write_report(project, run, stop.told, stop.is_set)

        self._start("writing the report", "Writing the report…", steps, self._reported, lambda: self._end(self._last))

    def _reported(self, path: Path | Problem) -> None:
        if isinstance(path, Problem):
            self._faults.append(path.text)
            return
        self._last = f"The report is {path}."
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))

    # --- state --------------------------------------------------------------------------------------------------

    def _start(self, title: str, text: str, steps: Steps, on_value: Any, on_end: Callable[[], None]) -> None:
        if self._desk.project is None or self.running:
            return
        self._done, self._faults, self._last = [], [], ""

        def ended() -> None:
            given_up = self._job is not None and self._job.stop.is_set()
            self._job = None
            if given_up:
                self._last = "Cancelled. What was done is kept."
                self.refresh()
            else:
                on_end()

        self._job = self._desk.background.start(title, steps, on_value, ended, text)
        self.refresh()

    def _end(self, told: str, tip: str = "") -> None:
        self._last = told if self._done or not self._faults else ""
        self.about.setToolTip(tip)
        if self._faults:
            more = f" ({len(self._faults) - 1} more like it.)" if len(self._faults) > 1 else ""
            self._desk.said.emit(f"{self._faults[0]}{more}")
        self.refresh()

    def _project_changed(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job = None
        self._last = ""
        self.refresh()

    def refresh(self) -> None:
        """Show what can be done, or what is being done."""
        project, run = self._desk.project, self._desk.answerer.predictor
        waiting = [] if project is None else [c for c in project.cases if c.state is not CaseState.COMPLETED]
        self.predict.setEnabled(run is not None and bool(waiting) and not self.running)
        for button in (self.export, self.report):
            button.setEnabled(project is not None and not self.running)
        if self.running:
            self.about.setText("At work: progress, time left and Cancel are below.")
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

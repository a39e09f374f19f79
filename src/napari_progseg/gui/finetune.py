"""One button that trains on the labelled patients with settings chosen from what is there, and what it will take."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QPushButton, QVBoxLayout, QWidget

from . import engine
from .background import Job, Problem, Steps, called
from .desk import Desk
from .meanwhile import Meanwhile
from .parts import GRID, note
from .runs import threads

if TYPE_CHECKING:
    from ..project import Project
    from ..training.advice import Advice, Cost
    from ..training.config import RunConfig

_TIP = "Settings are chosen from the labelled patients, the runs and the device; the sentence below says which"
_SWITCH_TIP = (
    "Two minutes in the background, on all patients that train; both models are then compared on completed patients "
    "that neither has learned from. Nothing changes before you say so, and the model before stays among the runs"
)
_SETTLE_MS = 800


class FineTune(QWidget):
    """*Fine-tune on my patients*, the sentence on it, and the switch that goes on with it beside the work.

    The sentence is there at once; time and memory follow from a dry run, which is only made while this is on screen
    and nothing trains, and which ends when either changes.
    """

    def __init__(self, desk: Desk, meanwhile: Meanwhile) -> None:
        super().__init__()
        self._desk, self._meanwhile = desk, meanwhile
        self.advice: Advice | None = None
        self._advising: Job | None = None
        self._measuring: Job | None = None
        self._costs: dict[str, Cost | None] = {}
        self._settled = QTimer(self)
        self._settled.setSingleShot(True)
        self._settled.setInterval(_SETTLE_MS)
        self._settled.timeout.connect(self._measure)
        self.button = QPushButton("Fine-tune on my patients")
        self.button.setMinimumHeight(34)
        self.button.setToolTip(_TIP)
        self.button.clicked.connect(self._press)
        self.sentence = note(faint=False, lines=3)
        self.switch = QCheckBox("Keep learning while I work")
        self.switch.setToolTip(_SWITCH_TIP)
        self.switch.toggled.connect(meanwhile.switch)
        self.said = note(lines=2)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        for widget in (self.button, self.sentence, self.switch, self.said):
            column.addWidget(widget)
        for signal in (desk.project_changed, desk.cases_changed, desk.busy_changed, desk.runs.listed):
            signal.connect(self._advise)
        desk.runs.news.connect(self.refresh)
        meanwhile.changed.connect(self.refresh)
        self.refresh()

    def showEvent(self, event: Any) -> None:  # noqa: N802  Qt's name
        """Measure what is not measured yet."""
        super().showEvent(event)
        self._settled.start()

    def hideEvent(self, event: Any) -> None:  # noqa: N802  Qt's name
        """End a dry run that nobody sees."""
        super().hideEvent(event)
        self._settled.stop()
        self._cancel()

    # --- advice -------------------------------------------------------------------------------------------------

    def _advise(self) -> None:
        project, device = self._desk.project, self._desk.device
        if self._advising is not None:
            self._advising.cancel()
        if project is None or not device:
            self.advice = None
            self.refresh()
            return
        steps = called(engine.advise, project, device.startswith("GPU"))
        self._advising = self._desk.background.start("choosing settings", steps, self._advised)

    def _advised(self, advice: Advice | Problem) -> None:
        self._advising = None
        if isinstance(advice, Problem):
            self._desk.said.emit(advice.text)
            return
        if self.advice is None or _key(advice) != _key(self.advice):
            self._cancel()
        self.advice = advice
        self.refresh()
        self._settled.start()

    # --- dry run ------------------------------------------------------------------------------------------------

    def _measure(self) -> None:
        advice, runs = self.advice, self._desk.runs
        if advice is None or advice.config is None or not self.isVisible() or runs.live or runs.starting:
            return
        if self._measuring is None and _key(advice) not in self._costs:
            key, steps = _key(advice), _rehearsing(self._desk.project, advice.config)
            self._measuring = self._desk.background.start(
                "measuring a run", steps, lambda cost: self._measured(key, cost), self._measurement_ended
            )

    def _measured(self, key: str, cost: Cost | Problem) -> None:
        # what cannot be measured stays without figures; the run itself says why when it is started
        self._costs[key] = None if isinstance(cost, Problem) else cost

    def _measurement_ended(self) -> None:
        self._measuring = None
        self.refresh()

    def _cancel(self) -> None:
        if self._measuring is not None:
            self._measuring.cancel()
            self._measuring = None

    # --- button -------------------------------------------------------------------------------------------------

    @property
    def best_advice(self) -> Advice | None:
        """The advice with time and memory where they are known."""
        cost = None if self.advice is None else self._costs.get(_key(self.advice))
        return self.advice if cost is None else self.advice.measured(cost)

    def _press(self) -> None:
        config = self.best_advice.config
        self._cancel()
        self._desk.start_training(config)

    @property
    def _what_is_missing(self) -> str:
        return "Looking at what is there…" if self._desk.project else "Chooses settings from what the project holds."

    def refresh(self) -> None:
        """Show what the button would do, and whether it can."""
        runs, advice = self._desk.runs, self.best_advice
        busy = runs.live or runs.starting
        if busy:
            self._cancel()
        self.button.setEnabled(advice is not None and advice.config is not None and not busy)
        self.sentence.setText(self._what_is_missing if advice is None else advice.sentence)
        measuring = self._measuring is not None
        self.sentence.setToolTip("A dry run is measuring time and memory…" if measuring else "")
        self.switch.setEnabled(self._desk.project is not None)
        self.said.setText(self._meanwhile.said)


def _key(advice: Advice) -> str:
    return "" if advice.config is None else advice.config.model_dump_json()


def _rehearsing(project: Project, config: RunConfig) -> Steps:
    def steps(stop: threading.Event) -> Iterator[Cost | None]:
        yield engine.rehearse(project, config, threads(), stop.is_set)

    return steps

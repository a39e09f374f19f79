"""The running job, visible from every part of the dock."""

from __future__ import annotations

from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget
from superqt import QElidingLabel

from .feed import RunFeed
from .parts import GRID, Sparkline
from .runs import Runs
from .theme import Look
from .wording import dice_number, duration, mm_number, run_number, size_text, thousands

_DICE_TIP = "Mean Dice on the validation patients"
_ERROR_TIP = "Error of the restored images: lower is better"
_MM_TIP = "Mean distance between predicted and true surfaces of the validation patients, in mm: lower is better"


class Footer(QWidget):
    """Mode, step, Dice or error, time left, and *Pause* and *Stop*. Keeps its place when nothing runs."""

    def __init__(self, runs: Runs) -> None:
        super().__init__()
        self._runs = runs
        self.text = QElidingLabel()
        self.left = QLabel()
        self.spark = Sparkline()
        self.pause = QPushButton("Pause")
        self.pause.setToolTip("Pause the run after its current step; it keeps its place")
        self.pause.clicked.connect(runs.pause)
        self.stop = QPushButton("Stop")
        self.stop.setToolTip("Save and stop the run; it can be resumed later")
        self.stop.clicked.connect(runs.stop)
        self._stopping = False
        self.stop.clicked.connect(self._stop_asked)
        grid = QGridLayout(self)
        grid.setContentsMargins(GRID, GRID // 2, GRID, GRID // 2)
        grid.setHorizontalSpacing(GRID)
        grid.setVerticalSpacing(GRID // 2)
        grid.addWidget(self.text, 0, 0, 1, 4)
        grid.addWidget(self.spark, 1, 0)
        grid.addWidget(self.left, 1, 1)
        grid.addWidget(self.pause, 1, 2)
        grid.addWidget(self.stop, 1, 3)
        grid.setColumnStretch(0, 1)
        policy = self.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.setSizePolicy(policy)
        runs.news.connect(self.refresh)
        self.refresh()

    def set_look(self, look: Look) -> None:
        """Take the theme's colours."""
        self.spark.set_look(look)

    def _stop_asked(self) -> None:
        self._stopping = True
        self.refresh()

    def refresh(self) -> None:
        """Show the run as it is now."""
        runs = self._runs
        live = runs.live
        self._stopping &= live
        if runs.starting and not live:
            self.text.setText("Looking at the training patients…")
            self.left.clear()
        elif live:
            self.text.setText(job_text(runs.feed))
            left = duration(runs.feed.seconds_left)
            self.left.setText(
                "stopping…" if self._stopping else "paused" if runs.feed.state == "paused" else left and f"{left} left"
            )
            self.spark.set_values(runs.feed.trend())
            self.spark.setToolTip(_ERROR_TIP if runs.feed.restores else _MM_TIP if runs.feed.shapes else _DICE_TIP)
            self.pause.setText("Continue" if runs.feed.state == "paused" else "Pause")
        for button in (self.pause, self.stop):
            button.setEnabled(live and not self._stopping)
        self.setVisible(live or runs.starting)


def job_text(feed: RunFeed) -> str:
    """Write the line of a run, such as ``run 0001 · clicks · step 1 240 · Dice 0.872 ▲ 0.020``."""
    parts = [run_number(feed.name), feed.mode.short]
    if feed.state == "starting":
        return " · ".join([*parts, "starting…"])
    parts.append(f"step {thousands(feed.step)}")
    if feed.dice is not None:
        parts.append(f"Dice {dice_number(feed.dice)}{_trend(feed.gain, 3)}")
    if feed.mm is not None:
        parts.append(f"{mm_number(feed.mm)}{_trend(feed.gain, 2)}")
    if feed.newest_error is not None:
        parts.append(f"error {feed.newest_error:.3f}")
    if feed.growing is not None:
        parts.append("patches {} of {}".format(*map(size_text, feed.growing)))
    return " · ".join(parts)


def _trend(gain: float | None, digits: int) -> str:
    """Write a change that does not round to nothing with an arrow up or down."""
    if gain is None or abs(gain) < 0.5 * 10**-digits:
        return ""
    return f" {'▲' if gain > 0 else '▼'} {abs(gain):.{digits}f}"

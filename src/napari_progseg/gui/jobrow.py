"""Long work beside the training, visible from every part of the dock: what, how far, how long yet, and Cancel."""

from __future__ import annotations

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget
from superqt import QElidingLabel

from .background import Background, Job
from .parts import GRID
from .wording import duration

_EVERY_MS = 250
_BAR_WIDTH = 72
# shorter work would only flicker
_SHOWN_AFTER_SECONDS = 0.5


class JobRow(QWidget):
    """The newest of the long jobs. Keeps its place when nothing runs.

    Parameters
    ----------
    background : Background
        Whose jobs are shown.
    """

    def __init__(self, background: Background) -> None:
        super().__init__()
        self._background = background
        self.job: Job | None = None
        self.text = QElidingLabel()
        self.bar = QProgressBar()
        self.bar.setFixedWidth(_BAR_WIDTH)
        self.bar.setTextVisible(False)
        self.left = QLabel()
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop this work; everything that was saved stays as it is")
        self.cancel.clicked.connect(self._cancel)
        row = QHBoxLayout(self)
        row.setContentsMargins(GRID, 0, GRID, 0)
        row.setSpacing(GRID)
        row.addWidget(self.text, 1)
        for widget in (self.bar, self.left, self.cancel):
            row.addWidget(widget)
        policy = self.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.setSizePolicy(policy)
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self.refresh)
        background.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the newest long job as it is now."""
        running = self._background.shown
        ripe = [job for job in running if job.seconds >= _SHOWN_AFTER_SECONDS]
        self.job = ripe[-1] if ripe else None
        self.setVisible(self.job is not None)
        if not running:
            self._timer.stop()
        elif not self._timer.isActive():
            self._timer.start()
        if self.job is not None:
            self._show(self.job, len(ripe) - 1)

    def _show(self, job: Job, others: int) -> None:
        fraction = job.stop.fraction
        self.text.setText(job.text + (f" (+{others})" if others else ""))
        self.text.setToolTip(job.text)
        # without a fraction the bar only moves
        self.bar.setRange(0, 0 if fraction is None else 100)
        self.bar.setValue(0 if fraction is None else round(100 * fraction))
        left = duration(job.seconds_left)
        self.left.setText(f"{left} left" if left else "")

    def _cancel(self) -> None:
        if self.job is not None:
            self.job.give_up()
        self.refresh()

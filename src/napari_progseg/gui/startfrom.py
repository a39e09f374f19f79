"""The choice of what a run begins with: scratch, or a run that has a checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtWidgets import QComboBox

from .modes import Mode
from .runs import RunRow
from .wording import start_text

_SCRATCH = "scratch"


class StartFrom(QComboBox):
    """Lists scratch and the trained runs, newest first; a mode that needs a start takes the newest restoration."""

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip("What the network knows at the beginning: nothing (scratch), or what that run has learned")
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.setPlaceholderText("no run yet")
        self._rows: tuple[RunRow, ...] = ()
        self._mode: Mode | None = None
        self._chosen: dict[str, Path | None] = {}
        self.activated.connect(self._remember)

    @property
    def row(self) -> RunRow | None:
        """The chosen run; None is scratch."""
        return next((row for row in self._rows if row.path == self.currentData()), None)

    def forget(self) -> None:
        """Forget what was chosen: another project was opened."""
        self._chosen.clear()

    def show_choices(self, rows: Sequence[RunRow], mode: Mode) -> None:
        """List what a mode may begin with; what the user chose for this mode stays."""
        trained = tuple(row for row in reversed(rows) if row.trained and _suits(row, mode))
        if (trained, mode) == (self._rows, self._mode):
            return
        self._rows, self._mode = trained, mode
        self.blockSignals(True)
        self.clear()
        if not mode.needs_start:
            self.addItem(_SCRATCH, None)
        for row in trained:
            self.addItem(start_text(row.name, row.mode.short, row.patients, row.dice), row.path)
        wanted = self._chosen.get(mode.key)
        self.choose(wanted if any(row.path == wanted for row in trained) else self._default())
        self.blockSignals(False)

    def choose(self, path: Path | None) -> None:
        """Choose a run, or scratch; what is not there any more gives way to the first choice."""
        found = next((n for n in range(self.count()) if self.itemData(n) == path), 0)
        self.setCurrentIndex(found if self.count() else -1)

    def begin_anew(self) -> None:
        """Choose scratch for the mode that is shown."""
        self._chosen.pop(self._mode.key, None)
        self.choose(None)

    @property
    def has_restoration(self) -> bool:
        """Whether a run has learned to restore images."""
        return any(row.task == "restoration" for row in self._rows)

    def _default(self) -> Path | None:
        if not self._mode.needs_start:
            return None
        return next((row.path for row in self._rows if row.task == "restoration"), None)

    def _remember(self, position: int) -> None:
        self._chosen[self._mode.key] = self.itemData(position)


def _suits(row: RunRow, mode: Mode) -> bool:
    """Say whether a mode may begin with a run: no other mode begins with shapes, and shapes with scans alone."""
    if mode.task == "shape":
        return row.task == "restoration"
    return row.task != "shape"

"""Further scans for the open project, and scans that were moved: a menu, a form, and work beside the window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QMenu, QPushButton, QVBoxLayout, QWidget

from ..matching import listed
from ..project import CaseState, Project
from .background import Flag, Job, Problem
from .desk import Desk
from .newproject import FolderField
from .parts import GRID, form, heading, note
from .wording import counted

Progress = Callable[[float], None]
_MENU_WIDTH = 76


@dataclass(frozen=True)
class Errand:
    """Something that is done with a folder of scans.

    Parameters
    ----------
    title, about, doing : str
        What the user reads before and while it is done.
    do : callable
        Does it, given project, images, labels or None, and progress; returns the sentence that says what came of it.
    """

    title: str
    about: str
    doing: str
    do: Callable[[Project, Path, Path | None, Progress], str]


def add(project: Project, images: Path, labels: Path | None, progress: Progress) -> str:
    """Add the scans that the project does not know."""
    new = project.add_cases(images, labels, progress)
    if not new:
        return f"The project knows all scans of “{images.name}”; nothing was added."
    states = [project.case(case_id).state for case_id in new]
    flagged = states.count(CaseState.FLAGGED)
    return (
        f"{counted(len(new), 'scan')} added, {states.count(CaseState.COMPLETED)} labelled completely"
        + (f", {flagged} flagged (⚑ says why)" if flagged else "")
        + f"; {counted(len(project.cases), 'patient')} in all."
    )


def find(project: Project, images: Path, labels: Path | None, progress: Progress) -> str:
    """Look for the project's scans in another folder."""
    found, missing = project.relocate(images, labels, progress), project.missing
    rest = f"{listed(missing)} still missing: look in another folder." if missing else "No scan is missing now."
    return f"{counted(len(found), 'scan')} of this project found in “{images.name}”. {rest}"


ADD = Errand(
    "Add scans",
    "Scans that the project knows are passed over. Nothing is copied or changed; labels are matched by file name.",
    "Adding scans…",
    add,
)
FIND = Errand(
    "Find moved scans",
    "Where are the scans now? They are known again by their file names. Labels only where label files that were not "
    "drawn here have moved, too.",
    "Looking for moved scans…",
    find,
)


class ScansMenu(QPushButton):
    """The button that offers both.

    Parameters
    ----------
    desk : Desk
        Whose project.
    """

    chosen = Signal(object)  # Errand

    def __init__(self, desk: Desk) -> None:
        super().__init__("Scans")
        self._desk = desk
        self.setToolTip("Add scans to this project, or say where scans are that were moved")
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        self.add, self.find = (menu.addAction(f"{errand.title}…") for errand in (ADD, FIND))
        self.add.triggered.connect(self._add)
        self.find.triggered.connect(self._find)
        menu.aboutToShow.connect(self.refresh)
        self.setMenu(menu)
        self.setMinimumWidth(_MENU_WIDTH)  # else the arrow touches the text

    def refresh(self) -> None:
        """Offer to look for scans where some are missing."""
        missing = [] if self._desk.project is None else self._desk.project.missing
        self.find.setEnabled(bool(missing))
        self.find.setToolTip(f"Missing: {listed(missing)}" if missing else "All scans are where they were")

    def _add(self) -> None:
        self.chosen.emit(ADD)

    def _find(self) -> None:
        self.chosen.emit(FIND)


class MoreScans(QWidget):
    """Asks for a folder of scans and, where there is one, a folder of labels, and goes about it in the background.

    Parameters
    ----------
    desk : Desk
        Whose project it is done to; says what came of it.
    """

    left = Signal()

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._errand = ADD
        self._job: Job | None = None
        self.title, self.about = heading(""), note()
        self.images = FolderField("Folder of scans")
        self.labels = FolderField("Folder of labels", "none")
        rows = form()
        rows.addRow("Scans", self.images)
        rows.addRow("Labels", self.labels)
        self.do = QPushButton()
        self.do.clicked.connect(self._do)
        cancel = QPushButton("Cancel")
        cancel.clicked.connect(self.left)
        buttons = QHBoxLayout()
        buttons.addWidget(cancel)
        buttons.addWidget(self.do, 1)
        page = QVBoxLayout(self)
        page.setSpacing(GRID)
        page.addWidget(self.title)
        page.addWidget(self.about)
        page.addLayout(rows)
        page.addLayout(buttons)
        page.addStretch(1)

    def start(self, errand: Errand) -> None:
        """Ask for the folders of an errand."""
        self._errand = errand
        self.title.setText(errand.title)
        self.about.setText(errand.about)
        self.do.setText(errand.title)
        self.do.setEnabled(self._job is None)
        for field in (self.images, self.labels):
            field.edit.clear()
        self.images.edit.setFocus()

    def _do(self) -> None:
        project, errand, images, labels = self._desk.project, self._errand, self.images.path, self.labels.path
        if images is None:
            self._desk.said.emit("No folder of scans is chosen yet, so nothing was done. Choose one.")
            return

        def steps(stop: Flag) -> Iterator[tuple[Project, str]]:
            yield project, errand.do(project, images, labels, stop.told)

        self._job = self._desk.background.start(errand.doing, steps, self._done, self._ended, errand.doing)
        self.left.emit()

    def _done(self, value: tuple[Project, str] | Problem) -> None:
        if isinstance(value, Problem):
            self._desk.said.emit(value.text)
            return
        project, sentence = value
        self._desk.said.emit(sentence)
        if project is self._desk.project:
            self._desk.cases_changed.emit()

    def _ended(self) -> None:
        self._job = None
        self.do.setEnabled(True)

"""First part of the dock: the patients of a project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from . import engine, recent
from .background import Job, Problem, telling
from .casetable import CaseTable, Filtered, describing, redescribing
from .caseview import CaseView
from .compare import LARGE_VOXELS
from .desk import Desk
from .learn import LearnFromAll
from .morescans import Errand, MoreScans, ScansMenu
from .newproject import NewProject
from .nextcase import NextCase
from .parts import GRID, heading, note
from .review import Review
from .upcoming import Upcoming
from .wording import counted, shortened


class Patients(QStackedWidget):
    """Empty state, form for a new project, or the table of patients."""

    def __init__(self, desk: Desk, upcoming: Upcoming) -> None:
        super().__init__()
        self._desk = desk
        self.next = NextCase(upcoming)
        self._reading: Job | None = None
        self.table = CaseTable()
        self.rows = Filtered(self.table)
        self.review = Review(desk)
        self.form = NewProject()
        self.form.chosen.connect(self._create)
        self.form.cancelled.connect(self._leave_form)
        self.form.refused.connect(desk.said)
        self.more = MoreScans(desk)
        self.more.left.connect(self._leave_form)
        self.empty, self.full = self._empty_page(), self._table_page()
        for page in (self.empty, self.form, self.more, self.full):
            self.addWidget(page)
        desk.project_changed.connect(self._project_changed)
        desk.cases_changed.connect(self.refresh)
        desk.case_changed.connect(self.refresh)
        desk.case_changed.connect(self._choose_open)
        desk.keeper.saved.connect(self._saved)
        desk.runs.listed.connect(self.refresh)
        desk.busy_changed.connect(self._busy_changed)
        self.review.changed.connect(self._review_changed)
        self._review_changed()
        self.refresh()

    def _empty_page(self) -> QWidget:
        page = QWidget()
        column = QVBoxLayout(page)
        column.setSpacing(GRID)
        column.addStretch(1)
        column.addWidget(heading("Train your own segmentation"))
        column.addWidget(
            note("Open your CT or MR scans, label a few, and train a model on them. Your files are never changed.")
        )
        column.addSpacing(GRID)
        self.open_folder = QPushButton("Open folder of scans")
        self.open_folder.setToolTip("A folder of NIfTI, NRRD, MHA, TIFF or DICOM, or a project made before")
        self.open_folder.clicked.connect(self.choose_folder)
        self.sample = QPushButton("Try the sample")
        self.sample.setToolTip("Nine made-up leg CTs, six of them labelled; ready in seconds, no download")
        self.sample.clicked.connect(self._try_sample)
        self.last = QPushButton("Continue last project")
        self.last.clicked.connect(self._continue)
        for button in (self.open_folder, self.sample, self.last):
            button.setMinimumHeight(32)
            column.addWidget(button)
        column.addStretch(2)
        return page

    def _table_page(self) -> QWidget:
        page = QWidget()
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter by case or state")
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self.rows.keep)
        self.similar = QToolButton()
        self.similar.setText("≈")
        self.similar.setToolTip("Sort by how much the images are like the others, similar ones first; reads all scans")
        self.similar.clicked.connect(self._sort_by_similarity)
        self.to_review = QPushButton()
        self.to_review.setCheckable(True)
        self.to_review.setToolTip(
            "Show what is predicted and not completed, the least sure first; Completed then opens the next"
        )
        self.to_review.clicked.connect(self.review.switch)
        top = QHBoxLayout()
        top.setSpacing(GRID // 2)
        top.addWidget(self.filter, 1)
        top.addWidget(self.to_review)
        top.addWidget(self.similar)
        self.view = CaseView(self.table, self.rows)
        self.view.activated.connect(self._activated)  # double click and Enter
        self.summary = note()
        self.learn = LearnFromAll(self._desk)
        self.open = QPushButton("Open")
        self.open.setToolTip("Open the chosen patient (double click, Enter)")
        self.open.clicked.connect(self._open_chosen)
        other = QPushButton("Other project…")
        other.setToolTip("Open another folder of scans or project")
        other.clicked.connect(self.choose_folder)
        self.scans = ScansMenu(self._desk)
        self.scans.chosen.connect(self._ask_for_scans)
        buttons = QHBoxLayout()
        buttons.addWidget(other)
        buttons.addWidget(self.scans)
        buttons.addWidget(self.open, 1)
        column = QVBoxLayout(page)
        column.setSpacing(GRID)
        column.addWidget(self.next)
        column.addLayout(top)
        column.addWidget(self.view, 1)
        column.addWidget(self.summary)
        column.addWidget(self.learn)
        column.addLayout(buttons)
        return page

    def showEvent(self, event: Any) -> None:  # noqa: N802  Qt's name
        """Show what happened while another part was in front."""
        super().showEvent(event)
        self.refresh()

    # --- actions ------------------------------------------------------------------------------------------------

    def choose_folder(self) -> None:
        """Ask for a folder and open it."""
        folder = QFileDialog.getExistingDirectory(self, "Folder of scans, or a project")
        if folder:
            self.open_path(Path(folder))

    def open_path(self, folder: Path) -> None:
        """Open a project, or offer to make one of a folder of scans."""
        if (folder / "progseg.json").exists():
            self._desk.open_project(folder)
        else:
            images = folder / "images"
            self.form.start(images if images.is_dir() else folder)
            self.setCurrentWidget(self.form)

    def _try_sample(self) -> None:
        self._desk.try_sample()

    def _continue(self) -> None:
        if (folder := recent.last_project()) is not None:
            self._desk.open_project(folder)

    def _create(self, root: Path, images: Path, labels: Path | None, classes: Any) -> None:
        self._desk.create_project(root, images, labels, classes)

    def _ask_for_scans(self, errand: Errand) -> None:
        self.more.start(errand)
        self.setCurrentWidget(self.more)

    def _activated(self, index: QModelIndex) -> None:
        self._desk.open_case(self.table.rows[self.rows.mapToSource(index).row()].case.id)

    def _open_chosen(self) -> None:
        index = self.view.currentIndex()
        if index.isValid():
            self._activated(index)

    def _sort_by_similarity(self) -> None:
        self.similar.setEnabled(False)
        steps = telling(engine.rank_cases, self._desk.project)
        self._desk.background.start("comparing the scans", steps, self._ranked, self._compared, "Comparing the scans…")

    def _ranked(self, value: Any) -> None:
        if isinstance(value, Problem):
            self._desk.said.emit(value.text)
        else:
            self.view.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
            self.table.order_by(value)

    def _compared(self) -> None:
        self.similar.setEnabled(True)

    # --- state --------------------------------------------------------------------------------------------------

    def _review_changed(self) -> None:
        """Show the queue, and only it while it is worked through."""
        queue, on = self.review.queue, self.review.on
        self.table.set_queue(queue)
        self.rows.keep_to_review(on)
        self.to_review.setText(f"To review ({len(queue)})" if queue else "To review")
        self.to_review.setEnabled(on or bool(queue))
        self.to_review.setChecked(on)
        if on:
            self.view.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
            self.table.order_for_review()
            self.view.selectRow(0)

    def _project_changed(self) -> None:
        project = self._desk.project
        self._leave_form()
        self.table.set_project(project)
        self.filter.clear()
        if self._reading is not None:
            self._reading.cancel()
        self._reading = self._desk.background.start(
            "reading the scans", describing(project.cases), self._described, text="Reading the scans…"
        )
        self.refresh()
        if self.rows.rowCount():
            self.view.selectRow(0)

    def _saved(self, case_id: str) -> None:
        """Read again which classes a case's labels hold."""
        row = next((row for row in self.table.rows if row.case.id == case_id), None)
        case = self._desk.case
        if row is None or row.image is None or case is None or case.labels.size > LARGE_VOXELS:
            return
        self._desk.background.start("reading labels", redescribing(row.case, row.image), self._described)

    def _choose_open(self) -> None:
        """Choose the row of the patient on screen, whoever opened it."""
        case = self._desk.case
        number = next((n for n, row in enumerate(self.table.rows) if case is not None and row.case.id == case.id), None)
        if number is not None:
            self.view.selectRow(self.rows.mapFromSource(self.table.index(number, 0)).row())

    def _leave_form(self) -> None:
        self.setCurrentWidget(self.empty if self._desk.project is None else self.full)

    def _described(self, value: Any) -> None:
        if not isinstance(value, Problem):
            self.table.describe(value)

    def _busy_changed(self) -> None:
        idle = not self._desk.busy
        for button in (self.open_folder, self.sample, self.form.create, self.open):
            button.setEnabled(idle)
        self.last.setEnabled(idle and recent.last_project() is not None)

    def refresh(self) -> None:
        """Show what the project holds now."""
        desk = self._desk
        if self.currentWidget() not in (self.form, self.more):
            self.setCurrentWidget(self.empty if desk.project is None else self.full)
        if desk.project is None:
            self.last.setEnabled(recent.last_project() is not None)
            return
        if unread := self.table.update(desk.project, desk.dice_of_case):
            desk.background.start("reading new scans", describing(unread), self._described, text="Reading the scans…")
        done = len(desk.project.completed)
        problems = desk.project.problems
        self.summary.setText(
            f"{counted(len(desk.project.cases), 'patient')}, {done} labelled completely."
            + (f" {counted(len(problems), 'note')}: {shortened(f'{problems[0]}.')}" if problems else "")
        )
        self.summary.setToolTip("\n".join(problems))

"""The table of patients: what is known without opening them, read in the background."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt
from qtpy.QtGui import QColor

from ..io.inspect import Finding, inspect_path
from ..predictions import Prediction
from ..project import Case, CaseState, Project
from ..volume import LabelClass
from .background import Flag
from .theme import AGREED_COLOUR, EXTRA_COLOUR
from .wording import run_number, size_text, spacing_text

STATE_COLOURS = {
    CaseState.NOT_STARTED: "#8A8A8A",
    CaseState.IN_PROGRESS: "#E69F00",
    CaseState.COMPLETED: AGREED_COLOUR,
    CaseState.FLAGGED: EXTRA_COLOUR,
}
REVIEW_MARK, REVIEW_COLOUR = "◇", "#56B4E9"
STATE_MARKS = {
    CaseState.NOT_STARTED: "○",
    CaseState.IN_PROGRESS: "◐",
    CaseState.COMPLETED: "●",
    CaseState.FLAGGED: "⚑",
}
HEADINGS = ("", "Case", "Type", "Size", "Classes", "Dice", "Grid")
STATE, NAME, MODALITY, SIZE, CLASSES, DICE, GRID = range(len(HEADINGS))
_TIPS = {
    STATE: "State: ○ not started, ◇ predicted and to review, ◐ in progress, ● completed, ⚑ flagged",
    SIZE: "Voxels along z × y × x",
    CLASSES: "How many of the project's classes are labelled",
    DICE: "Newest known Dice of this case, averaged over classes",
    GRID: "Whether the file's grid is sound and its labels fit it",
}


@dataclass
class CaseRow:
    """What is shown of one case."""

    case: Case
    dice: float | None = None
    image: Finding | None = None
    labels: Finding | None = None
    problems: tuple[str, ...] = field(default=())
    rank: int | None = None
    waiting: Prediction | None = None  # for review
    turn: int = 0


@dataclass(frozen=True)
class Described:
    """What reading a case's files told."""

    case_id: str
    image: Finding
    labels: Finding | None
    problems: tuple[str, ...]


def describing(cases: Sequence[Case]) -> Any:
    """Return steps that read the files of the cases, one after the other."""

    def steps(stop: Flag) -> Iterator[Described]:
        for number, case in enumerate(cases):
            stop.told(number / len(cases))
            image = inspect_path(case.image, series=case.series)
            labels = None if case.label is None else inspect_path(case.label)
            yield Described(case.id, image, labels, _problems(image, labels))

    return steps


def redescribing(case: Case, image: Finding) -> Any:
    """Return steps that read only the labels of a case again."""

    def steps(stop: Flag) -> Iterator[Described]:
        labels = None if case.label is None else inspect_path(case.label)
        yield Described(case.id, image, labels, _problems(image, labels))

    return steps


def _problems(image: Finding, labels: Finding | None) -> tuple[str, ...]:
    problems = list(image.problems)
    if labels is not None:
        problems += [f"labels: {problem}" for problem in labels.problems]
        if image.usable and labels.usable and image.shape_zyx != labels.shape_zyx:
            problems.append(f"labels have the shape {labels.shape_zyx}, the image {image.shape_zyx}")
    return tuple(problems)


class CaseTable(QAbstractTableModel):
    """The cases of a project as a Qt table."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[CaseRow] = []
        self._classes: tuple[LabelClass, ...] = ()

    def set_project(self, project: Project | None) -> None:
        """Show another project."""
        self.beginResetModel()
        self.rows = [CaseRow(case) for case in project.cases] if project else []
        self._classes = project.classes if project else ()
        self.endResetModel()

    def update(self, project: Project, dice: dict[str, float | None]) -> list[Case]:
        """Take in new patients, changed states and Dice values; returns whose images are new, or elsewhere now."""
        cases = {case.id: case for case in project.cases}
        self._drop([row for row in self.rows if row.case.id not in cases])
        before = {row.case.id: row.case.image for row in self.rows}
        self._append([case for case in project.cases if case.id not in before])
        for row in self.rows:
            row.case = cases[row.case.id]
            row.dice = dice.get(row.case.id, row.dice)
        self._all_changed()
        return [case for case in project.cases if before.get(case.id) != case.image]

    def _append(self, cases: list[Case]) -> None:
        if cases:
            self.beginInsertRows(QModelIndex(), len(self.rows), len(self.rows) + len(cases) - 1)
            self.rows += map(CaseRow, cases)
            self.endInsertRows()

    def _drop(self, gone: list[CaseRow]) -> None:
        for row in gone:
            place = self.rows.index(row)
            self.beginRemoveRows(QModelIndex(), place, place)
            del self.rows[place]
            self.endRemoveRows()

    @property
    def knows_modalities(self) -> bool:
        """Whether the type of any case is known."""
        return any(_modality(row) for row in self.rows)

    def order_by(self, ranked: Sequence[str]) -> None:
        """List cases in this order, the others after them."""
        places = {case: place for place, case in enumerate(ranked, 1)}
        self.beginResetModel()
        for row in self.rows:
            row.rank = places.get(row.case.id)
        self.rows.sort(key=lambda row: row.rank or len(places) + 1)
        self.endResetModel()

    def set_queue(self, queue: Sequence[Prediction]) -> None:
        """Take in what is to be reviewed, in this order."""
        turns = {each.case: (turn, each) for turn, each in enumerate(queue, 1)}
        for row in self.rows:
            row.turn, row.waiting = turns.get(row.case.id, (0, None))
        self._all_changed()

    def order_for_review(self) -> None:
        """List what is to be reviewed first, by its turn."""
        self.beginResetModel()
        self.rows.sort(key=lambda row: row.turn or len(self.rows) + 1)
        self.endResetModel()

    def describe(self, described: Described) -> None:
        """Take in what reading a case told."""
        for number, row in enumerate(self.rows):
            if row.case.id == described.case_id:
                row.image, row.labels, row.problems = described.image, described.labels, described.problems
                self.dataChanged.emit(self.index(number, 0), self.index(number, len(HEADINGS) - 1))

    def _all_changed(self) -> None:
        if self.rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.rows) - 1, len(HEADINGS) - 1))

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802  Qt's name
        """Return the number of cases."""
        return len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802  Qt's name
        """Return the number of columns."""
        return len(HEADINGS)

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802
        """Return the headings and their tooltips."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return HEADINGS[section]
        return _TIPS.get(section) if role == Qt.ItemDataRole.ToolTipRole else None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        row, column = self.rows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(row, column)
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._colour(row, column)
        if role == Qt.ItemDataRole.TextAlignmentRole and column != NAME:
            return Qt.AlignmentFlag.AlignCenter
        return None

    def _text(self, row: CaseRow, column: int) -> str:
        image = row.image
        return {
            STATE: REVIEW_MARK if _shows_review(row) else STATE_MARKS[row.case.state],
            NAME: row.case.id,
            MODALITY: _modality(row),
            SIZE: size_text(image.shape_zyx) if image and image.shape_zyx else "",
            CLASSES: self._labelled(row),
            DICE: "" if row.dice is None else f"{row.dice:.2f}",
            GRID: "" if image is None else "⚠" if row.problems else "✓",
        }[column]

    def _labelled(self, row: CaseRow) -> str:
        found = self._present(row)
        return f"{len(found)}/{len(self._classes)}" if row.labels is not None else ""

    def _present(self, row: CaseRow) -> list[LabelClass]:
        values = set(row.labels.label_values) if row.labels else set()
        return [each for each in self._classes if values & set(each.values)]

    def _tip(self, row: CaseRow, column: int) -> str:
        if column == STATE:
            return state_text(row) + (f": {row.case.note}" if row.case.note else "")
        if column == CLASSES:
            return ", ".join(each.name for each in self._present(row)) or "no labels"
        if column == GRID and row.image is not None:
            return (
                "\n".join(row.problems) or f"Sound: {spacing_text(row.image.spacing_zyx_mm)}, {row.image.orientation}"
            )
        if column == SIZE and row.image is not None and row.image.spacing_zyx_mm:
            return spacing_text(row.image.spacing_zyx_mm)
        ranked = "" if row.rank is None else f"Similarity to the others: rank {row.rank}"
        known = " · ".join(filter(None, (self._text(row, SIZE), self._text(row, CLASSES) and self._tip(row, CLASSES))))
        return "\n".join(
            filter(None, (str(row.case.image), known, ranked, _review_tip(row), "Double click or Enter opens it"))
        )

    def _colour(self, row: CaseRow, column: int) -> QColor | None:
        if column == STATE:
            return QColor(REVIEW_COLOUR if _shows_review(row) else STATE_COLOURS[row.case.state])
        if column == GRID:
            return QColor(EXTRA_COLOUR if row.problems else AGREED_COLOUR)
        return None


def state_text(row: CaseRow) -> str:
    """Write the state of a case in words, such as ``not started, to review``."""
    return f"{row.case.state}, to review" if row.waiting is not None else str(row.case.state)


def _modality(row: CaseRow) -> str:
    return (row.case.modality or (row.image.modality if row.image else None) or "").upper()


def _shows_review(row: CaseRow) -> bool:
    return row.waiting is not None and row.case.state is CaseState.NOT_STARTED


def _review_tip(row: CaseRow) -> str:
    if row.waiting is None:
        return ""
    unsure = row.waiting.unsure
    how = "it found nothing" if unsure is None else f"mean entropy {unsure:.2f} (0 is sure, 1 is not)"
    return f"To review: predicted by {run_number(row.waiting.run)}, {how}; turn {row.turn}"


class Filtered(QSortFilterProxyModel):
    """Sorts the table and keeps the rows whose case or state holds the typed text."""

    def __init__(self, table: CaseTable) -> None:
        super().__init__()
        self.setSourceModel(table)
        self.setSortCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self._wanted = ""
        self._only_review = False

    def keep_to_review(self, only: bool) -> None:
        """Show only what is to be reviewed, or all."""
        self._only_review = only
        self.invalidateFilter()

    def keep(self, text: str) -> None:
        """Filter by a text."""
        self._wanted = text.strip().casefold()
        self.invalidateFilter()

    def filterAcceptsRow(self, number: int, parent: QModelIndex) -> bool:  # noqa: N802  Qt's name
        """Say whether a row is kept."""
        row = self.sourceModel().rows[number]
        fits = self._wanted in f"{row.case.id} {state_text(row)} {row.case.modality or ''}".casefold()
        return fits and (row.waiting is not None or not self._only_review)

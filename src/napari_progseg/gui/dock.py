"""The dock: header, four parts, footer."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QMessageBox,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from .annotate import Annotate
from .desk import Desk
from .elsewhere import Elsewhere
from .footer import Footer
from .jobrow import JobRow
from .keys import HELP_KEY
from .meanwhile import Meanwhile
from .offer import OfferBanner
from .parts import GRID, Banner
from .patients import Patients
from .results import Results
from .sheet import KeySheet
from .theme import Look
from .train import Train
from .upcoming import Upcoming
from .wording import size_text, spacing_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import napari

PARTS = ("Patients", "Annotate", "Train", "Results")


class ProgSegDock(QWidget):
    """The whole plugin in one dock.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer it works in; napari passes it.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._recheck = self._timer(500, self._still_open)
        self._closing = self._timer(400, self._close_window)
        self._emptied = self._timer(0)  # runs out before the user can do anything
        self._lost = False  # whether the user closes although labels cannot be written
        self.desk = Desk(viewer)
        self.upcoming = Upcoming(self.desk)
        self.elsewhere = Elsewhere(self.desk)
        self.patients = Patients(self.desk, self.upcoming)
        self.annotate = Annotate(self.desk, self.upcoming)
        self.meanwhile = Meanwhile(self.desk)
        self.train = Train(self.desk, self.meanwhile)
        self.results = Results(self.desk)
        self.jobs = JobRow(self.desk.background)
        self.footer = Footer(self.desk.runs)
        self.tabs = self._make_tabs()
        self.sheet = KeySheet()
        self.sheet.left.connect(self._leave_sheet)
        self.sheet.hide()
        self.patients.learn.pressed.connect(self._learn_from_all)
        self.results.finish.predicted.connect(self.patients.review.refresh)
        self.train.minutes.valueChanged.connect(self.patients.learn.set_minutes)
        self.patients.learn.set_minutes(self.train.minutes.value())
        self.setMinimumWidth(360)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID, GRID, GRID, GRID // 2)
        column.setSpacing(GRID // 2)
        column.addLayout(self._make_header())
        column.addWidget(self.tabs, 1)
        column.addWidget(self.jobs)
        column.addWidget(self.sheet, 1)
        column.addWidget(self.footer)
        self.offer = OfferBanner(self.tabs, self.meanwhile)
        self.banner = Banner(self.tabs)
        self.desk.said.connect(self._leave_sheet)
        self.desk.said.connect(self.banner.say)
        for signal in (self.desk.project_changed, self.desk.busy_changed, self.desk.case_changed):
            signal.connect(self._refresh_header)
        self.desk.annotation_changed.connect(self._refresh_header)
        self.desk.case_changed.connect(self._case_changed)
        viewer.events.theme.connect(self._theme_changed)
        viewer.layers.events.removed.connect(self._layer_removed)
        self.destroyed.connect(self.upcoming.close)
        self.destroyed.connect(self.elsewhere.close)
        self.destroyed.connect(self.desk.close)
        self._theme_changed()
        self._refresh_header()

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Return the preferred size."""
        return QSize(400, 640)

    def _make_header(self) -> QVBoxLayout:
        self.project_name = QElidingLabel()
        font = self.project_name.font()
        font.setBold(True)
        self.project_name.setFont(font)
        self.device = QLabel()
        self.device.setToolTip("Where models run")
        self.case_line = QElidingLabel()
        row = QHBoxLayout()
        row.addWidget(self.project_name, 1)
        row.addWidget(self.device)
        row.addWidget(self._make_help())
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addLayout(row)
        column.addWidget(self.case_line)
        return column

    def _make_help(self) -> QToolButton:
        self.help = QToolButton()
        self.help.setText("?")
        self.help.setCheckable(True)
        self.help.setToolTip(f"Keys and gestures ({HELP_KEY})")
        self.help.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.help.toggled.connect(self._show_sheet)
        shortcut = QShortcut(QKeySequence(HELP_KEY), self)
        shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
        shortcut.activated.connect(self.help.toggle)
        return self.help

    def _make_tabs(self) -> QTabWidget:
        tabs = QTabWidget()
        tabs.setDocumentMode(True)
        for number, (name, page) in enumerate(
            zip(PARTS, (self.patients, self.annotate, self.train, self.results), strict=True)
        ):
            tabs.addTab(page, name)
            tabs.setTabToolTip(number, f"Alt+{number + 1}")
            shortcut = QShortcut(QKeySequence(f"Alt+{number + 1}"), self)
            shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
            shortcut.setProperty("part", number)
            shortcut.activated.connect(self._shortcut)
        tabs.tabBar().setExpanding(True)
        return tabs

    # --- for programs -------------------------------------------------------------------------------------------

    def open_project(self, root: Path | str) -> bool:
        """Open a project folder; False, and a sentence in the banner, if that fails."""
        return self.desk.open_project(Path(root))

    def create_project(
        self,
        root: Path | str,
        images: Path | str,
        labels: Path | str | None = None,
        classes: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        """Make a project of folders in the background and open it."""
        self.desk.create_project(Path(root), Path(images), None if labels is None else Path(labels), classes)

    def open_case(self, case_id: str) -> None:
        """Open a case in the background; `desk.case_changed` is emitted when it is on screen."""
        self.desk.open_case(case_id)

    def show_part(self, name: str) -> None:
        """Show one of the four parts by its name."""
        self._leave_sheet()
        self.tabs.setCurrentIndex(PARTS.index(name))

    # --- state --------------------------------------------------------------------------------------------------

    def _shortcut(self) -> None:
        self.show_part(PARTS[self.sender().property("part")])

    def _show_sheet(self, shown: bool) -> None:
        self.sheet.setVisible(shown)
        self.tabs.setVisible(not shown)
        if shown:
            self.sheet.back.setFocus()

    def _leave_sheet(self) -> None:
        self.help.setChecked(False)

    def _learn_from_all(self) -> None:
        self.show_part("Train")
        self.train.learn_from_all()

    def _case_changed(self) -> None:
        if self.desk.case is not None and self.tabs.currentWidget() is self.patients:
            self.show_part("Annotate")

    def _refresh_header(self) -> None:
        desk = self.desk
        self.project_name.setText(desk.project.root.name if desk.project else "Progressive segmentation")
        self.project_name.setToolTip(str(desk.project.root) if desk.project else "")
        self.device.setText(desk.device.split(" · ")[0] if desk.device else "Getting ready…")
        self.device.setToolTip(desk.device or "Loading the parts that train and predict")
        self.case_line.setText(self._case_text())

    def _case_text(self) -> str:
        case = self.desk.case
        if case is None:
            return "No patient open"
        geometry = case.volume.geometry
        modality = [case.volume.modality.upper()] if case.volume.modality else []
        return " · ".join([case.id, *modality, size_text(geometry.shape_zyx), spacing_text(geometry.spacing_zyx_mm)])

    def _theme_changed(self, event: Any = None) -> None:
        look = Look(self._viewer)
        self.annotate.set_look(look)
        self.train.set_look(look)
        self.results.set_look(look)
        self.footer.set_look(look)
        self.offer.set_look(look)
        self.banner.set_look(look)
        self.setStyleSheet(f"QLabel[faint='true'] {{ color: {look.faint}; }}")

    # --- closing ------------------------------------------------------------------------------------------------

    def showEvent(self, event: Any) -> None:  # noqa: N802  Qt's name
        """Watch the main window, because napari tells a dock nothing when it closes."""
        super().showEvent(event)
        if (window := self._main_window()) is not None:
            window.installEventFilter(self)  # once only, however often it is called
        self.annotate.do.bind()
        self.elsewhere.watch(True)

    def hideEvent(self, event: Any) -> None:  # noqa: N802  Qt's name
        """Give the keys back to napari while the dock is closed; a window that is only minimised keeps them."""
        super().hideEvent(event)
        self.elsewhere.watch(False)
        if not event.spontaneous():
            self.annotate.do.unbind()

    def _main_window(self) -> QMainWindow | None:
        """Return napari's window; it is not kept, since it would not be freed then."""
        window = self.parentWidget()
        while window is not None and not isinstance(window, QMainWindow):
            window = window.parentWidget()
        return window

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
        """Save before the window closes, and ask about a running training."""
        if isinstance(watched, QMainWindow) and event.type() == QEvent.Type.Close:
            asking = event.spontaneous() or self._in_use(watched)
            saved = self._save_or_lose(asking=asking)
            if saved is None:
                event.ignore()
                return True
            training = asking and self.desk.runs.live
            if training and not self._ask_about_run(saved):
                self._lost = False
                event.ignore()
                return True
            self.desk.runs.detach()
            if training and event.spontaneous():
                # once our worker has ended, so that napari does not ask a second time
                self._closing.start()
                event.ignore()
                return True
            # napari may still ask and stay open; then the run is followed again
            self._recheck.start()
        return False

    def _timer(self, milliseconds: int, then: Callable[[], None] | None = None) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        if then is not None:
            timer.timeout.connect(then)
        return timer

    def _layer_removed(self, event: Any) -> None:
        with suppress(RuntimeError):  # where the dock was taken out of the window, Qt has deleted the timer
            if not self._viewer.layers:
                self._emptied.start()

    def _close_window(self) -> None:
        if (window := self._main_window()) is not None:
            window.close()

    def _still_open(self) -> None:
        window = self._main_window()
        if window is not None and window.isVisible():
            self._lost = False
            if self.desk.runs.run is not None:
                self.desk.runs.refresh()

    def _in_use(self, window: QMainWindow) -> bool:
        """Whether a user may still keep the window; a program that closes a viewer takes its layers just before."""
        return window.isVisible() and not self._emptied.isActive()

    def _save_or_lose(self, *, asking: bool) -> bool | None:
        """Save all; True if that was done, False if it may be lost, None if the user keeps the window open."""
        while not self.desk.save_everything():
            if not asking or self._lost:
                return False
            answer = self._ask_about_labels()
            if answer is None:
                return None
            self._lost = not answer
        return True

    def _ask_about_labels(self) -> bool | None:
        """Ask what to do where labels cannot be written: True tries again, False closes anyway, None stays."""
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle("Labels are not saved")
        box.setText("Your newest labels could not be written, and closing napari now may lose them.")
        box.setInformativeText(self.desk.keeper.problem)
        again = box.addButton("Try again", QMessageBox.ButtonRole.AcceptRole)
        lose = box.addButton("Close anyway", QMessageBox.ButtonRole.DestructiveRole)
        box.addButton("Cancel", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(again)
        box.exec()
        return {again: True, lose: False}.get(box.clickedButton())

    def _ask_about_run(self, saved: bool) -> bool:
        """Ask whether training goes on; False keeps the window open."""
        box = QMessageBox(self)
        box.setWindowTitle("Training is running")
        question = "Shall the training go on after napari is closed?"
        box.setText(f"All labels are saved. {question}" if saved else question)
        keep = box.addButton("Keep training", QMessageBox.ButtonRole.AcceptRole)
        stop = box.addButton("Stop and save", QMessageBox.ButtonRole.DestructiveRole)
        box.addButton("Cancel", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(keep)
        box.exec()
        if box.clickedButton() is stop:
            self.desk.runs.stop()
        return box.clickedButton() in (keep, stop)

"""The form that turns a folder of scans into a project."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from ..classes import parse_classes
from ..errors import UserError
from .parts import GRID, form, heading, note


class FolderField(QWidget):
    """A path and a button to choose it."""

    def __init__(self, title: str, placeholder: str = "") -> None:
        super().__init__()
        self._title = title
        self.edit = QLineEdit()
        self.edit.setPlaceholderText(placeholder)
        choose = QPushButton("…")
        choose.setFixedWidth(32)
        choose.setToolTip(title)
        choose.clicked.connect(self._choose)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID // 2)
        row.addWidget(self.edit, 1)
        row.addWidget(choose)

    @property
    def path(self) -> Path | None:
        """The chosen folder."""
        text = self.edit.text().strip()
        return Path(text).expanduser() if text else None

    def _choose(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, self._title, self.edit.text())
        if folder:
            self.edit.setText(folder)


class NewProject(QWidget):
    """Asks for images, labels, classes and the place of a new project."""

    chosen = Signal(object, object, object, object)  # root, images, labels or None, classes or None
    cancelled = Signal()
    refused = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.images = FolderField("Folder of scans")
        self.labels = FolderField("Folder of labels", "none yet")
        self.classes = QLineEdit()
        self.classes.setPlaceholderText("one for each value found")
        self.classes.setToolTip("For instance liver=1, tumour=2+3: the values 2 and 3 then mean one class")
        self.root = FolderField("Where the project is kept")
        rows = form()
        for name, field in (("Scans", self.images), ("Labels", self.labels), ("Classes", self.classes)):
            rows.addRow(name, field)
        rows.addRow("Project", self.root)
        self.create = QPushButton("Create project")
        self.create.clicked.connect(self._create)
        cancel = QPushButton("Cancel")
        cancel.clicked.connect(self.cancelled)
        buttons = QHBoxLayout()
        buttons.addWidget(cancel)
        buttons.addWidget(self.create, 1)
        page = QVBoxLayout(self)
        page.setSpacing(GRID)
        page.addWidget(heading("New project"))
        page.addWidget(
            note("Scans and labels stay where they are and are never changed. Labels are matched by file name.")
        )
        page.addLayout(rows)
        page.addLayout(buttons)
        page.addStretch(1)

    def start(self, images: Path) -> None:
        """Suggest a project for a folder of scans."""
        parent = images.parent if images.name.lower().startswith(("images", "scans")) else images
        labels = next(
            (parent / name for name in ("labels", "labelsTr", "segmentations") if (parent / name).is_dir()), None
        )
        self.images.edit.setText(str(images))
        self.labels.edit.setText("" if labels is None else str(labels))
        self.root.edit.setText(str(parent.with_name(f"{parent.name}-progseg")))
        self.classes.clear()

    def _create(self) -> None:
        if self.images.path is None or self.root.path is None:
            self.refused.emit("A project needs a folder of scans and a place; nothing was made yet. Choose both.")
            return
        try:
            classes = parse_classes(self.classes.text()) if self.classes.text().strip() else None
        except UserError as error:
            self.refused.emit(str(error))
            return
        self.chosen.emit(self.root.path, self.images.path, self.labels.path, classes)

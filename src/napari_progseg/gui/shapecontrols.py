"""What of a predicted shape is shown: the points of a scale, patient or mean, and a place along a mode of variation."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QButtonGroup, QComboBox, QHBoxLayout, QLabel, QPushButton, QSlider, QWidget

from .parts import GRID, form
from .shaped import Form, Shaped
from .wording import deviations_text, mode_text

_MODE_TIP = (
    "How the training patients differ most (modes of variation, principal components); the slider counts in standard "
    "deviations (σ)"
)
_POINTS_TIP = "Each point lies at the same place of the anatomy in every patient (correspondences); coarse to fine"
_MOST_DEVIATIONS, _STEPS = 3, 10


class ShapeControls(QWidget):
    """Chooses the form of a shape; *3D* and *Save…* beside it do nothing by themselves."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.scale = QComboBox()
        self.scale.setToolTip(_POINTS_TIP)
        self.scale.currentIndexChanged.connect(self._changed)
        self.turn = QPushButton("3D")
        self.turn.setCheckable(True)
        self.turn.setToolTip("Turn to 3D to see the surface; a slice shows its outline")
        self.save = QPushButton("Save…")
        self.save.setToolTip("Save the points or the surface as they are shown, in the scan's own mm")
        self.mode = QComboBox()
        self.mode.setToolTip(_MODE_TIP)
        self.mode.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.mode.setMinimumContentsLength(12)
        self.mode.currentIndexChanged.connect(self.reset)
        rows = form(self, GRID // 2)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addRow("Points", _beside(self.scale, self.turn, self.save))
        rows.addRow("Shows", self._start_part())
        rows.addRow("Differs by", self.mode)
        rows.addRow("", self._slider_part())

    def _start_part(self) -> QHBoxLayout:
        self.patient = QPushButton("Patient")
        self.patient.setToolTip("Show the predicted shape of this patient, not moved")
        self.mean = QPushButton("Mean")
        self.mean.setToolTip("Show the mean of the training patients, where this patient's shape lies")
        self._starts = QButtonGroup(self)
        for button in (self.patient, self.mean):
            button.setCheckable(True)
            button.clicked.connect(self.reset)
            self._starts.addButton(button)
        self.patient.setChecked(True)
        row = _beside(self.patient, self.mean)
        row.setStretch(1, 1)
        return row

    def _slider_part(self) -> QHBoxLayout:
        most = _MOST_DEVIATIONS * _STEPS
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(-most, most)
        self.slider.setPageStep(_STEPS)
        self.slider.setToolTip(_MODE_TIP)
        self.slider.valueChanged.connect(self._changed)
        self.place = QLabel(deviations_text(_MOST_DEVIATIONS))
        self.place.setFixedWidth(self.place.sizeHint().width() + GRID)
        self.place.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        return _beside(self.slider, self.place)

    # --- what is chosen -----------------------------------------------------------------------------------------

    @property
    def deviations(self) -> float:
        """The place along the mode, in standard deviations."""
        return self.slider.value() / _STEPS

    def form_of(self, shaped: Shaped) -> Form:
        """Return the form of a shape that is chosen."""
        start = "mean" if self.mean.isChecked() else "patient"
        return shaped.at(start, max(0, self.mode.currentIndex()), self.deviations)

    @property
    def name(self) -> str:
        """Name what is chosen for a file, so that a shape that was moved is not taken for the patient's."""
        start = "mean" if self.mean.isChecked() else "shape"
        return f"{start}-mode{self.mode.currentIndex() + 1}{self.deviations:+.1f}" if self.deviations else start

    def offer(self, shaped: Shaped) -> None:
        """List the scales and modes of a shape, and choose the patient's with all its points."""
        for box in (self.scale, self.mode):
            box.blockSignals(True)
            box.clear()
        self.scale.addItems([str(count) for count in shaped.scales])
        self.scale.setCurrentIndex(self.scale.count() - 1)
        self.mode.addItems([mode_text(number, share) for number, share in enumerate(shaped.shares, 1)])
        for box in (self.scale, self.mode):
            box.blockSignals(False)
        for widget in (self.mode, self.slider):
            widget.setEnabled(self.mode.count() > 0)
        self.patient.setChecked(True)
        self.reset()

    def reset(self, *_: object) -> None:
        """Go back to the middle of the slider: patient or mean without any mode."""
        self.slider.blockSignals(True)
        self.slider.setValue(0)
        self.slider.blockSignals(False)
        self._changed()

    def _changed(self, *_: object) -> None:
        self.place.setText(deviations_text(self.deviations))
        self.changed.emit()


def _beside(first: QWidget, *others: QWidget) -> QHBoxLayout:
    """Put widgets beside each other; the first takes the room there is."""
    row = QHBoxLayout()
    row.setSpacing(GRID)
    row.addWidget(first, 1)
    for other in others:
        row.addWidget(other)
    return row

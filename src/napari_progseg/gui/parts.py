"""Small parts of the dock: notes, sparkline, banner."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QEvent, QObject, QPointF, QRect, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from qtpy.QtWidgets import (
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QWidget,
)

from .theme import Look

GRID = 8
_VERY_WIDE = 10_000


class Note(QLabel):
    """A wrapping text that keeps room for so many lines, so that nothing below it moves when the text changes."""

    def __init__(self, text: str, lines: int) -> None:
        super().__init__(text)
        self._lines = lines
        self.setWordWrap(True)
        if lines > 1:
            self.setAlignment(Qt.AlignmentFlag.AlignTop)

    def heightForWidth(self, width: int) -> int:  # noqa: N802  Qt's name
        """Return the height of the text, or of the room that is kept."""
        return max(super().heightForWidth(width), self._room())

    def minimumSizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Return the smallest size."""
        return super().minimumSizeHint().expandedTo(QSize(0, self._room()))

    def _room(self) -> int:
        frame = super().heightForWidth(_VERY_WIDE) - self._text_height(1)
        return max(frame, 0) + self._text_height(self._lines)

    def _text_height(self, lines: int) -> int:
        place = QRect(0, 0, _VERY_WIDE, _VERY_WIDE)
        return self.fontMetrics().boundingRect(place, Qt.TextFlag.TextWordWrap, "\n".join("x" * lines)).height()


def form(parent: QWidget | None = None, spacing: int = GRID) -> QFormLayout:
    """Make a form whose labels begin at the left and whose fields take the room there is."""
    made = QFormLayout(parent)
    made.setSpacing(spacing)
    made.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
    made.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    return made


def note(text: str = "", *, faint: bool = True, lines: int = 1) -> Note:
    """Make a wrapping text with room for so many lines; faint ones are secondary."""
    label = Note(text, lines)
    label.setProperty("faint", faint)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label


def heading(text: str) -> QLabel:
    """Make a bold label."""
    label = QLabel(text)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    return label


def swatch(colour: str, size: int = 12) -> QIcon:
    """Make a square icon of a colour."""
    pixmap = QPixmap(size, size)
    pixmap.fill(QColor(colour))
    return QIcon(pixmap)


def arrow(colour: str, *, down: bool, size: int = 12) -> QIcon:
    """Make an icon of a small triangle that points down or to the right."""
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    points = [(2, 4), (10, 4), (6, 9)] if down else [(4, 2), (9, 6), (4, 10)]
    painter.drawPolygon([QPointF(x * size / 12, y * size / 12) for x, y in points])
    painter.end()
    return QIcon(pixmap)


def scrolled(content: QWidget) -> QScrollArea:
    """Put a page into an area that scrolls downwards only."""
    area = QScrollArea()
    area.setWidget(content)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    return area


class Sparkline(QWidget):
    """A small curve of values in [0, 1], the last one marked."""

    def __init__(self) -> None:
        super().__init__()
        self._values: tuple[float, ...] = ()
        self._colour = QColor("grey")
        self.setFixedHeight(24)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802  Qt's name
        """Return the preferred size."""
        return QSize(120, 24)

    def set_look(self, look: Look) -> None:
        """Take the theme's colours."""
        self._colour = QColor(look.text)
        self.update()

    def set_values(self, values: Sequence[float]) -> None:
        """Draw these values, oldest first."""
        if tuple(values) != self._values:
            self._values = tuple(values)
            self.update()

    def paintEvent(self, event: object) -> None:  # noqa: N802  Qt's name
        """Draw the curve."""
        if not self._values:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        low, high = min(self._values), max(self._values)
        span = max(high - low, 0.02)
        area = QRectF(self.rect()).adjusted(3, 4, -4, -4)
        step = area.width() / max(1, len(self._values) - 1)
        points = [
            QPointF(area.left() + n * step, area.bottom() - (value - low) / span * area.height())
            for n, value in enumerate(self._values)
        ]
        painter.setPen(QPen(self._colour, 1.5))
        painter.drawPolyline(points)
        painter.setBrush(self._colour)
        painter.drawEllipse(points[-1], 2.5, 2.5)
        painter.end()


class Banner(QFrame):
    """A sentence laid over the lower edge of a widget until it is dismissed; it moves nothing.

    Parameters
    ----------
    answers : sequence of QPushButton
        Stand beside the sentence, in place of the cross that dismisses it.
    """

    def __init__(self, host: QWidget, answers: Sequence[QPushButton] = ()) -> None:
        super().__init__(host)
        self._host = host
        self._answers = tuple(answers)
        self.setObjectName("banner")
        self.setAutoFillBackground(True)
        self.label = QLabel()
        self.label.setWordWrap(True)
        self.label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row = QHBoxLayout(self)
        row.setContentsMargins(GRID, GRID, GRID if self._answers else GRID // 2, GRID)
        row.setSpacing(GRID)
        row.addWidget(self.label, 1)
        for answer in self._answers or (self._cross(),):
            row.addWidget(answer, 0, Qt.AlignmentFlag.AlignTop)
        host.installEventFilter(self)
        self.hide()

    def _cross(self) -> QToolButton:
        close = QToolButton()
        close.setText("✕")
        close.setToolTip("Dismiss")
        close.setAutoRaise(True)
        close.clicked.connect(self.hide)
        return close

    def say(self, text: str) -> None:
        """Show a sentence."""
        self.label.setText(text)
        self.show()
        self.raise_()
        self._place()

    def set_look(self, look: Look) -> None:
        """Take the theme's colours."""
        self.setStyleSheet(
            f"#banner {{ background: {look.background}; border: 1px solid {look.accent}; border-radius: 4px; }}"
        )

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802  Qt's name
        """Stay at the lower edge when the host changes its size."""
        if event.type() == QEvent.Type.Resize and not self.isHidden():
            self._place()
        return False

    def _place(self) -> None:
        width = self._host.width() - 2 * GRID
        margins = self.layout().contentsMargins()
        beside = sum(answer.sizeHint().width() + GRID for answer in self._answers) or 32
        text = self.label.heightForWidth(width - margins.left() - margins.right() - beside)
        tallest = max([text + GRID, *(answer.sizeHint().height() for answer in self._answers)])
        height = tallest + margins.top() + margins.bottom()
        self.setGeometry(GRID, self._host.height() - height - GRID, width, height)

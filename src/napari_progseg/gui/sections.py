"""Magicgui widgets for a section of a run's settings, made from its fields, and the form they stand in."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal, get_args, get_origin

from magicgui.widgets import CheckBox, ComboBox, FloatSpinBox, LineEdit, SpinBox
from magicgui.widgets.bases import ValueWidget
from pydantic.fields import FieldInfo
from qtpy.QtWidgets import QLabel, QWidget

from ..training.config import Section
from .parts import GRID, form, note

_STEP = 0.05
_SMALLEST = 0.01
_LARGEST = 10_000


class SectionWidgets:
    """One widget for each named field of a section.

    Parameters
    ----------
    name : str
        Name of the section in `RunConfig`.
    section : type of Section
        Its fields give the kinds of widgets, their bounds and tooltips.
    labels : mapping of str to str
        The fields that are shown, with their names in plain words.
    """

    def __init__(self, name: str, section: type[Section], labels: Mapping[str, str]) -> None:
        self._name = name
        self.fields: dict[str, ValueWidget] = {
            field: _widget(f"{name}_{field}", label, section.model_fields[field]) for field, label in labels.items()
        }

    def fill(self, values: Section) -> None:
        """Show the values of a section."""
        for field, widget in self.fields.items():
            value = getattr(values, field)
            widget.value = ", ".join(map(str, value)) if isinstance(value, tuple) else value

    def settings(self) -> list[str]:
        """Return the values as ``section.field=value``."""
        return [f"{self._name}.{field}={_written(widget)}" for field, widget in self.fields.items()]


class LabelledForm(QWidget):
    """Magicgui widgets below each other, each with its label; rows can be hidden, labels stay aligned."""

    def __init__(self) -> None:
        super().__init__()
        self.widgets: list[ValueWidget] = []
        self._headings: dict[SectionWidgets, QLabel] = {}
        self._form = form(self, GRID // 2)
        self._form.setContentsMargins(GRID, 0, 0, 0)

    def add(self, widget: ValueWidget) -> None:
        """Add a widget with its label."""
        self.widgets.append(widget)
        self._form.addRow(widget.label, widget.native)

    def add_section(self, heading: str, section: SectionWidgets) -> None:
        """Add the widgets of a section below a heading."""
        self._headings[section] = note(heading)
        self._form.addRow(self._headings[section])
        for widget in section.fields.values():
            self.add(widget)

    def show_row(self, widget: ValueWidget, shown: bool) -> None:
        """Show or hide a widget and its label."""
        self._form.labelForField(widget.native).setVisible(shown)
        widget.native.setVisible(shown)

    def rename(self, widget: ValueWidget, label: str) -> None:
        """Show another label beside a widget."""
        self._form.labelForField(widget.native).setText(label)

    def show_section(self, section: SectionWidgets, fields: Collection[str]) -> None:
        """Show only these fields of a section; without any the heading goes, too."""
        self._headings[section].setVisible(bool(fields))
        for field, widget in section.fields.items():
            self.show_row(widget, field in fields)


def _widget(name: str, label: str, field: FieldInfo) -> ValueWidget:
    words: dict[str, Any] = {"name": name, "label": label, "tooltip": field.description, "value": field.default}
    if field.annotation is bool:
        return CheckBox(text="", **words)
    if get_origin(field.annotation) is Literal:
        return ComboBox(choices=list(get_args(field.annotation)), **words)
    if get_origin(field.annotation) is tuple:
        return LineEdit(**words | {"value": ", ".join(map(str, field.default))})
    low, high = _bounds(field)
    if field.annotation is int:
        return SpinBox(min=int(low), max=int(high), **words)
    return FloatSpinBox(min=low, max=high, step=_STEP, **words)


def _written(widget: ValueWidget) -> Any:
    """Return a value as settings write it; numbers in a line are a list."""
    return f"[{widget.value.strip(' ,')}]" if isinstance(widget, LineEdit) else widget.value


def _bounds(field: FieldInfo) -> tuple[float, float]:
    low, high = 0.0, float(_LARGEST)
    for rule in field.metadata:
        low = getattr(rule, "ge", getattr(rule, "gt", low - _SMALLEST) + _SMALLEST)
        high = getattr(rule, "le", getattr(rule, "lt", high + _SMALLEST) - _SMALLEST)
    return low, high

"""Colours: napari's theme for widgets that paint themselves, and the plugin's colour-blind safe palette."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.theme import get_theme

if TYPE_CHECKING:
    from napari.viewer import Viewer

AGREED_COLOUR = "#009E73"
EXTRA_COLOUR = "#D55E00"
MISSED_COLOUR = "#0072B2"
UNSURE_COLOUR = "#E69F00"
INSIDE_COLOUR = "#009E73"
OUTSIDE_COLOUR = "#D55E00"
CLASS_COLOURS = ("#E69F00", "#56B4E9", "#CC79A7", "#F0E442", "#0072B2", "#8DA0CB", "#B2DF8A", "#FB9A99")


def class_colour(position: int) -> str:
    """Return the colour of class number `position`."""
    return CLASS_COLOURS[position % len(CLASS_COLOURS)]


class Look:
    """Text, line and background colours of the current theme, as ``#rrggbb``."""

    def __init__(self, viewer: Viewer) -> None:
        theme = get_theme(viewer.theme)
        self.text = theme.text.as_hex(format="long")
        self.background = theme.background.as_hex(format="long")
        self.line = theme.secondary.as_hex(format="long")
        self.accent = theme.current.as_hex(format="long")
        self.faint = _between(self.text, self.background, 0.38)


def _between(first: str, second: str, share: float) -> str:
    pairs = ((int(first[i : i + 2], 16), int(second[i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)

"""Keys and gestures, in one table: bindings, tooltips, the page *Keys* and ``docs/reference/keys.md`` come from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

HELP_KEY = "F1"
Where = Literal["all", "clicks", "not labels"]


@dataclass(frozen=True, slots=True)
class Key:
    """One key or gesture.

    Parameters
    ----------
    shown : str
        As the user reads it, such as ``Ctrl+Z``.
    does : str
        What it does, beginning with a verb.
    action : str
        Method of `Actions` that the key calls; empty for gestures and for what is bound elsewhere.
    on : {"all", "clicks", "not labels"}
        Which of our layers has to be the active one: any, the clicks only, or any but the labels, where napari's own
        key does the same for the brush.
    """

    shown: str
    does: str
    action: str = ""
    on: Where = "all"

    @property
    def napari(self) -> str:
        """The key as napari's `bind_key` wants it."""
        return self.shown.replace("Ctrl", "Control").replace("Esc", "Escape").replace("+", "-")


@dataclass(frozen=True, slots=True)
class Group:
    """Keys that belong together."""

    title: str
    keys: tuple[Key, ...]


GESTURES = {
    "click": Group(
        "With the Click tool",
        (
            Key("left click", "says the chosen sign"),
            Key("right click, Ctrl+click", "says the other"),
            Key("drag to the border", "says the size, too"),
        ),
    ),
    "line": Group(
        "With the Line tool",
        (
            Key("click", "adds a corner"),
            Key("double click, Enter", "ends the line: one click in every axial slice it crosses"),
            Key("right click", "takes a corner back"),
            Key("Esc", "gives it up"),
        ),
    ),
    "box": Group(
        "With the Box tool",
        (
            Key("drag", "draws a box: in this slice the structure lies inside it, and at its middle"),
            Key("right click", "takes the box there away"),
        ),
    ),
    "paint": Group(
        "With the Paint tool",
        (Key("drag", "paints the structure with napari's brush"), Key("E, [, ]", "erase, smaller, larger brush")),
    ),
}
KEYS = (
    Group(
        "Tools",
        (
            Key("P", "Click tool, on or off", "click"),
            Key("L", "Line tool, on or off", "line"),
            Key("B", "Box tool, on or off", "box"),
            Key("T", "Swap inside and outside", "swap"),
            Key("[", "Narrower clicks; with Paint, a smaller brush", "narrower", "not labels"),
            Key("]", "Wider clicks; with Paint, a larger brush", "wider", "not labels"),
            Key("Enter", "End the line", "finish", "clicks"),
            Key("Esc", "Give up the drag, line or box", "give_up", "clicks"),
            Key("Space", "Held down, a drag pans the view", "pan", "clicks"),
        ),
    ),
    Group(
        "Structures",
        (
            Key(",", "Previous structure", "previous_class"),
            Key(".", "Next structure", "next_class"),
            Key("M", "Next structure, too", "next_class"),
        ),
    ),
    Group(
        "Mask and labels",
        (
            Key("V", "Hide the prediction, or show it again", "hide"),
            Key("C", "Accept: copy the prediction into the labels; can be undone", "accept"),
            Key("R", "Take all clicks, drags and boxes away, the mask stays; can be undone", "clear"),
            Key("Ctrl+Z", "Take back the last click, drag, line, box, stroke or accepted mask", "undo"),
            Key("Ctrl+Shift+Z", "Do it again", "redo"),
        ),
    ),
    Group(
        "Patients",
        (
            Key("N", "Open the suggested patient", "next_patient"),
            Key("Shift+N", "Back to the patient before", "previous_patient"),
        ),
    ),
    Group(
        "Window",
        (
            Key("Alt+1 … Alt+4", "Show Patients, Annotate, Train or Results"),
            Key(HELP_KEY, "Show or leave this page"),
            Key("Ctrl+E", "Turn the view: axial, coronal, sagittal (napari's own)"),
        ),
    ),
)
IN_FORCE = "The keys work while one of the layers “ProgSeg · …” is the active one and the dock is open."


def bound() -> Iterator[Key]:
    """Yield the keys that are bound on our layers."""
    return (key for group in KEYS for key in group.keys if key.action)


def tip(action: str) -> str:
    """Say what a button does and which keys do the same."""
    keys = [key for key in bound() if key.action == action]
    return f"{keys[0].does} ({', '.join(key.shown for key in keys)})"


def gestures(tool: str) -> str:
    """Say in one line what the mouse does with a tool in hand."""
    if tool not in GESTURES:
        return f"No tool in hand: a click on the canvas says nothing. {tip('click')}."
    return " · ".join(f"{key.shown}: {key.does}" for key in GESTURES[tool].keys)


def as_markdown() -> str:
    """Write all groups as tables."""
    parts = []
    for group in (*GESTURES.values(), *KEYS):
        rows = "\n".join(f"| `{key.shown}` | {key.does} |" for key in group.keys)
        parts.append(f"## {group.title}\n\n| key or gesture | what it does |\n| --- | --- |\n{rows}\n")
    return "\n".join(parts)

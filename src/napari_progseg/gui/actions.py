"""What keys and buttons do to the case on screen, once for both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from inspect import isgeneratorfunction

from .desk import Desk
from .keys import bound
from .tools import Tool
from .upcoming import Upcoming

_WIDTHS_MM = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0)


class Actions:
    """The actions of one dock, and their keys on the layers of the open case.

    Parameters
    ----------
    desk : Desk
        What they act upon.
    upcoming : Upcoming
        Which patient comes next, and which came before.
    """

    def __init__(self, desk: Desk, upcoming: Upcoming) -> None:
        self._desk = desk
        self._upcoming = upcoming

    # --- keys ---------------------------------------------------------------------------------------------------

    def bind(self) -> None:
        """Bind the keys on our layers only, so that nothing else in napari changes."""
        case = self._desk.case
        if case is None:
            return
        clicks, labels = case.click_layer.layer, case.labels_layer
        for layer in case.own_layers():
            for key in bound():
                if key.on == "all" or (layer is clicks if key.on == "clicks" else layer is not labels):
                    layer.bind_key(key.napari, self._key(key.action), overwrite=True)

    def unbind(self) -> None:
        """Give the keys on our layers back to napari."""
        for layer in self._desk.case.own_layers() if self._desk.case is not None else ():
            for key in bound():
                layer.bind_key(key.napari, None)

    def _key(self, action: str) -> Callable[[object], object]:
        do = getattr(self, action)

        def pressed(layer: object) -> None:
            do()

        def held(layer: object) -> Iterator[None]:
            yield from do()

        bound_to = held if isgeneratorfunction(do) else pressed
        bound_to.__name__ = action  # napari lists keys by the names of their functions
        return bound_to

    # --- tools --------------------------------------------------------------------------------------------------

    def take(self, tool: Tool) -> None:
        """Take a tool in hand; the one in hand is put down."""
        self._desk.tools.set(tool="none" if self._desk.tools.tool == tool else tool)
        if self._desk.case is not None:
            self._desk.case.pick_tool()
            self.bind()  # a layer that was removed may have been added again

    def click(self) -> None:
        """Take the click tool, or put it down."""
        self.take("click")

    def line(self) -> None:
        """Take the line tool, or put it down."""
        self.take("line")

    def box(self) -> None:
        """Take the box tool, or put it down."""
        self.take("box")

    def paint(self) -> None:
        """Take the brush, or put it down."""
        self.take("paint")

    def swap(self) -> None:
        """Swap inside and outside."""
        self._desk.tools.set(inside=not self._desk.tools.inside)

    def narrower(self) -> None:
        """Make clicks narrower."""
        smaller = [width for width in _WIDTHS_MM if width < self._desk.tools.sigma_mm]
        self._set_width(smaller[-1] if smaller else None)

    def wider(self) -> None:
        """Make clicks wider."""
        larger = [width for width in _WIDTHS_MM if width > self._desk.tools.sigma_mm]
        self._set_width(larger[0] if larger else None)

    def _set_width(self, sigma_mm: float | None) -> None:
        if self._desk.answerer.by == "own":
            self._desk.said.emit(
                "The width of clicks stays: the model that answers has learned it. For another width train a new run "
                "on the command line with --set clicks.sigma_mm=…"
            )
        elif sigma_mm is not None:
            self._desk.tools.set(sigma_mm=sigma_mm)

    def finish(self) -> None:
        """End the line that is being drawn."""
        if self._desk.case is not None:
            self._desk.case.drawn.drawing.finish()

    def give_up(self) -> None:
        """Forget the drag, line or box that is being drawn."""
        if self._desk.case is not None:
            self._desk.case.drawn.drawing.give_up()

    def pan(self) -> Iterator[None]:
        """Let drags pan the view until the key is let go."""
        if self._desk.case is not None:
            yield from self._desk.case.drawn.drawing.pan()

    # --- structures ---------------------------------------------------------------------------------------------

    def previous_class(self) -> None:
        """Choose the class before."""
        self._step_class(-1)

    def next_class(self) -> None:
        """Choose the class after."""
        self._step_class(+1)

    def _step_class(self, by: int) -> None:
        count = len(self._desk.project.classes) if self._desk.project else 0
        if count:
            self._desk.tools.set(class_index=(self._desk.tools.class_index + by) % count)

    # --- patients -----------------------------------------------------------------------------------------------

    def next_patient(self) -> None:
        """Open the suggested patient."""
        self._upcoming.open()

    def previous_patient(self) -> None:
        """Open the patient that was on screen before this one."""
        self._upcoming.back()

    # --- mask and labels ----------------------------------------------------------------------------------------

    def hide(self) -> None:
        """Hide the prediction, or show it again."""
        if self._desk.case is not None:
            self._desk.case.hide_prediction()

    def accept(self) -> None:
        """Copy the prediction into the labels and save them."""
        self._desk.accept()

    def clear(self) -> None:
        """Take all clicks, drags and boxes away."""
        if self._desk.case is not None:
            self._desk.case.clear_clicks()

    def undo(self) -> None:
        """Take the last step back."""
        if self._desk.case is not None:
            self._desk.case.undo()

    def redo(self) -> None:
        """Do the last undone step again."""
        if self._desk.case is not None:
            self._desk.case.redo()

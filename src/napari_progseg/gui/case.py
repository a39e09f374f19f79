"""The case on screen: its arrays, its layers, and what the user may do to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from ..guidance.clicks import Click
from ..guidance.prompts import Prompt
from ..volume import LabelClass
from . import layers, travel
from .agreement import AgreementLayer
from .box import Box, Region, changes
from .clicklayer import ClickLayer
from .clickmaps import ClickMaps
from .compare import LARGE_VOXELS, Tally, shown_region
from .doubts import Doubts
from .drawn import DrawnPrompts
from .handed import Handed
from .history import Entry, Shown
from .strokes import Strokes
from .tools import Tools

if TYPE_CHECKING:
    from napari.layers import Labels, Layer
    from napari.viewer import Viewer

    from .reading import ReadCase

_NO_LAYERS = Handed()
_WHOLE: Region = (slice(0, None),) * 3
_VIEW_EVENTS = ("current_step", "order", "ndisplay")


class OpenCase(QObject):
    """One opened case. Lives on the GUI thread.

    Parameters
    ----------
    viewer : napari.Viewer
        Where its layers are.
    read : ReadCase
        What was read from the disk.
    tools : Tools
        What the user has in hand.
    handed : Handed
        Layers of the case before.
    """

    changed = Signal()
    asked = Signal()  # the clicks that stand want an answer
    edited = Signal(str, object)  # for the journal: what was done, and the Entry
    replaced = Signal()  # a whole prediction took the place of the mask that was started from
    relabelled = Signal()
    said = Signal(str)
    image_removed = Signal()
    moved = Signal()  # another slice or axis is shown

    def __init__(self, viewer: Viewer, read: ReadCase, tools: Tools, handed: Handed = _NO_LAYERS) -> None:
        super().__init__()
        self.viewer, self.tools = viewer, tools
        self.id, self.volume, self.classes = read.case.id, read.volume, read.classes
        self.labels = read.labels
        past = read.past
        empty = np.zeros(read.labels.shape, read.labels.dtype)
        self.predicted: NDArray[Any] = empty if past.predicted is None else past.predicted
        self.shown, self.history = past.shown, past.history
        self.closed = False
        self.tally, self.stale = read.tally, False
        self.revision = 0  # counts changes of labels and prediction
        self.doubts: Doubts | None = None  # where a model predicted the whole case
        self.strokes = Strokes(self)
        self._show_layers(handed)

    # --- layers -------------------------------------------------------------------------------------------------

    def _show_layers(self, old: Handed) -> None:
        self.image = layers.show_image(self.viewer, self.id, self.volume, old.image)
        self.prediction_layer = self._show_prediction_layer(old.prediction)
        self.agreement = AgreementLayer(self.viewer, self.image, self._below_clicks, old.agreement)
        self.labels_layer = self._show_labels_layer(old.labels)
        shape = self.volume.geometry.shape_zyx
        self.click_layer = ClickLayer(self.viewer, self.image, shape, self.say, old.clicks)
        self.click_layer.show(self.history.prompts)
        self.drawn = DrawnPrompts(self, self._below_clicks)
        self.maps = ClickMaps(self.viewer, self.image, self.volume.geometry.shape_zyx, self._below_clicks)
        self.viewer.layers.events.removed.connect(self._layer_removed)
        for event in _VIEW_EVENTS:
            getattr(self.viewer.dims.events, event).connect(self._view_moved)
        self.tools.changed.connect(self._tools_changed)
        layers.look_at(self.viewer, self.labels, self.volume.geometry)
        self._tools_changed()

    def _show_prediction_layer(self, handed: Labels | None = None) -> Labels:
        layer = self._show_classes("prediction", self.predicted, 0.5, handed)
        layer.editable = False
        return layer

    def _show_labels_layer(self, handed: Labels | None = None) -> Labels:
        layer = self._show_classes("labels", self.labels, 0.6, handed)
        self.strokes.attach(layer)
        return layer

    def _show_classes(self, name: str, values: NDArray[Any], opacity: float, handed: Labels | None) -> Labels:
        return layers.show_class_labels(
            self.viewer, name, values, self.classes, self.image, self.volume.geometry, opacity, handed
        )

    def own_layers(self) -> list[Layer]:
        """Return the layers that are bound to keys and removed with the case."""
        found = [self.image, self.prediction_layer, self.labels_layer, self.click_layer.layer]
        return found + ([self.agreement.layer] if self.agreement.layer is not None else [])

    def pick_tool(self) -> None:
        """Make the layer of the tool in hand the active one, adding it again if it was removed."""
        if self.tools.tool == "paint":
            if self.labels_layer not in self.viewer.layers:
                self.labels_layer = self._show_labels_layer()
            self.labels_layer.selected_label = self.chosen.value
            self.viewer.layers.selection.active = self.labels_layer
            self.labels_layer.mode = "paint"
        else:
            layer = self.click_layer.ensure()
            layer.mode = "pan_zoom"
            self.drawn.take_in_hand(layer)
            self.viewer.layers.selection.active = layer

    @property
    def chosen(self) -> LabelClass:
        """The class in hand."""
        return self.classes[self.tools.class_index % len(self.classes)]

    def _tools_changed(self) -> None:
        self.click_layer.new_click = (self.tools.inside, self.chosen.value)
        if self.labels_layer in self.viewer.layers:
            self.labels_layer.selected_label = self.chosen.value
            # while clicking, labels are an outline so that the prediction stays visible
            self.labels_layer.contour = 0 if self.tools.tool == "paint" else 2
        self._view_moved()

    def _view_moved(self, event: Any = None) -> None:
        self.show_maps()
        self.show_agreement()
        self.moved.emit()
        self.drawn.show()

    def _layer_removed(self, event: Any) -> None:
        if not self.closed and self.image not in self.viewer.layers:
            self.image_removed.emit()

    # --- clicks and history -------------------------------------------------------------------------------------

    def add_click(self, voxel_zyx: tuple[int, int, int], inside: bool) -> Entry | None:
        """Add a click for the class in hand and ask for an answer; None where a box says the contrary."""
        return self.drawn.add((Click(voxel_zyx, inside, self.chosen.value),))

    def clear_clicks(self) -> None:
        """Take all prompts away, undoably; the prediction stays, and later ones correct it."""
        if self.history.prompts:
            self.say((), "clear")

    def say(self, prompts: tuple[Prompt, ...], what: str = "click") -> Entry:
        """Put these prompts in place of the present ones, as one step, and ask for one answer."""
        self.settle()
        if prompts or not self.shown.prompts:
            entry = self.history.record("clicks", prompts)
        else:  # nothing that is on screen goes away with the clicks that made it
            entry, what = travel.clear(self), "clear"
        self.stepped(what, entry)
        if prompts:
            self.asked.emit()
        return entry

    def _show_prompts(self) -> None:
        self.click_layer.show(self.history.prompts)
        self.show_maps()
        self.drawn.show()

    def stepped(self, what: str, entry: Entry) -> None:
        """Tell of a step that was done, undone or redone."""
        self.edited.emit(what, entry)
        self._show_prompts()
        self.changed.emit()

    def undo(self) -> None:
        """Take the last step back: a click, a stroke, a mask that was accepted or started from."""
        travel.undo(self)

    def redo(self) -> None:
        """Do the last undone step again."""
        travel.redo(self)

    # --- prediction ---------------------------------------------------------------------------------------------

    @property
    def has_prediction(self) -> bool:
        """Whether there is a prediction."""
        return self.shown.exists

    @property
    def source(self) -> str:
        """Who made what is newest in the prediction."""
        return self.shown.source

    @property
    def started(self) -> bool:
        """Whether the prediction stands on a mask that the user chose to start from, or made with clicks."""
        return self.shown.started

    @property
    def answered(self) -> bool:
        """Whether the prediction holds what the clicks and boxes that stand deserve."""
        return not self.history.prompts or self.history.prompts == self.shown.prompts

    def put(self, patches: Iterable[tuple[Region, NDArray[Any]]]) -> list[Box]:
        """Write boxes of the prediction in place; Dice, agreement and the canvas follow, once for all of them."""
        boxes: list[Box] = []
        for region, values in patches:
            changed = changes(self.predicted, region, values)
            for box in changed:
                self.recount(box.region, box.old(self.predicted) if self.tally is not None else None)
            boxes += changed
        if boxes:
            self.show_prediction()
        return boxes

    def recount(self, region: Region, before: NDArray[Any] | None) -> None:
        """Take into account that a region of the prediction is not what it was before."""
        if self.tally is not None and before is not None:
            start = [part.start for part in region]
            self.tally.change(start, before, self.predicted[region], self.labels[region])

    def put_whole(
        self, labels: NDArray[Any], tally: Tally | None = None, doubts: Doubts | None = None, source: str = ""
    ) -> None:
        """Replace the whole prediction in place; `tally` and `doubts` were counted where the labels came from."""
        if self.started:
            self.replaced.emit()
        self.predicted[...] = labels
        self.doubts = doubts
        self.shown = Shown.whole(source)
        if self.tally is not None:
            self.tally = tally or self._fresh_tally()
        self.show_prediction()

    def start_from(self, labels: NDArray[Any], source: str, mask: Sequence[Box]) -> Entry:
        """Make a mask the one that clicks correct; clicks are put away.

        Parameters
        ----------
        labels : ndarray, (Z, Y, X)
            Class values.
        source : str
            The layer or file that they came from.
        mask : sequence of Box
            They as a change of an empty volume.
        """
        self.settle()
        entry = self.history.record("start", (), source=source, mask=mask)
        travel.put_mask(self, entry, labels)
        self.stepped("import", entry)
        return entry

    def show_prediction(self) -> None:
        """Draw the prediction and all that hangs on it."""
        self.revision += 1
        if self.prediction_layer not in self.viewer.layers:
            with self._below_clicks():
                self.prediction_layer = self._show_prediction_layer()
        else:
            layers.redraw(self.prediction_layer)
        self.show_agreement()
        self.changed.emit()

    def hide_prediction(self) -> None:
        """Hide the layer that shows the prediction, or show it again."""
        layer = self.agreement.layer if self.agreement.shown else self.prediction_layer
        layer.visible = not layer.visible

    def accept(self) -> Entry | None:
        """Copy the prediction into the labels, undoably."""
        self.settle()
        boxes = changes(self.labels, _WHOLE, self.predicted) if self.has_prediction else ()
        if not boxes:
            return None
        entry = self.history.record("accept", boxes=boxes, source=self.shown.model or self.source)
        self._relabel("accept", entry)
        return entry

    # --- labels -------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Take in strokes that were just painted."""
        self.strokes.settle()

    def stroke(self, boxes: Sequence[Box]) -> None:
        """Take in a stroke that stands in the labels already."""
        self._relabel("stroke", self.history.record("stroke", boxes=boxes))

    def _relabel(self, what: str, entry: Entry) -> None:
        self.edited.emit(what, entry)
        self.labels_changed()
        self.changed.emit()

    def labels_changed(self) -> None:
        """Draw the labels and all that hangs on them."""
        self.revision += 1
        if self.labels_layer in self.viewer.layers:
            self.labels = self.labels_layer.data
            layers.redraw(self.labels_layer)
        if self.tally is not None:
            self.stale = self.labels.size > LARGE_VOXELS  # then counted in the background, see `recounting`
            self.tally = self.tally if self.stale else self._fresh_tally()
        self.show_agreement()
        self.relabelled.emit()

    def _fresh_tally(self) -> Tally:
        return Tally.of(self.predicted, self.labels, [each.value for each in self.classes])

    def recounting(self) -> Callable[[], tuple[OpenCase, int, Tally]]:
        """Return a call for a worker that counts prediction against labels; give what it returns to `recounted`."""
        revision = self.revision
        return lambda: (self, revision, self._fresh_tally())

    def recounted(self, revision: int, tally: Tally) -> bool:
        """Measure by a fresh count from now on; False if labels or prediction changed meanwhile."""
        if revision != self.revision:
            return False
        self.tally, self.stale = tally, False
        self.show_agreement()
        self.changed.emit()
        return True

    @property
    def dice(self) -> dict[int, float | None] | None:
        """Dice per label value; None without reference or prediction."""
        if self.tally is None or not self.has_prediction or not self.tally.has_reference():
            return None
        return self.tally.dice()

    # --- what depends on the view -------------------------------------------------------------------------------

    def _shown(self) -> Region:
        dims = self.viewer.dims
        point = np.round(self.image.world_to_data(dims.point[-3:])).astype(int)
        return shown_region(point, [axis - (dims.ndim - 3) for axis in dims.displayed], self.labels.shape)

    def show_maps(self) -> None:
        """Draw or hide the click maps of the class in hand."""
        if self.closed or self.image not in self.viewer.layers:
            return
        if self.tools.show_maps:
            self.maps.show([c for c in self.history.clicks if c.label == self.chosen.value], self.tools.sigma_mm)
        else:
            self.maps.hide()

    def show_agreement(self) -> None:
        """Compare prediction and reference in the shown slice, or show them themselves."""
        if self.closed or self.image not in self.viewer.layers:
            return
        if self.tools.show_agreement and self.tally is not None and self.has_prediction:
            covering = [x for x in (self.prediction_layer, self.labels_layer) if x in self.viewer.layers]
            self.agreement.show(self.predicted, self.labels, self._shown(), covering)
        else:
            self.agreement.hide()

    def _below_clicks(self) -> AbstractContextManager[None]:
        return layers.added_below(self.viewer, self.click_layer.layer)

    def close(self) -> None:
        """Stop listening and take the layers away."""
        if self.closed:
            return
        self.leave()
        for layer in self.own_layers():
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)

    def leave(self) -> None:
        """Stop listening; the layers stay."""
        self.closed = True
        self.agreement.hide()
        self.viewer.layers.events.removed.disconnect(self._layer_removed)
        for event in _VIEW_EVENTS:
            getattr(self.viewer.dims.events, event).disconnect(self._view_moved)
        self.tools.changed.disconnect(self._tools_changed)
        self.strokes.detach()
        self.click_layer.disconnect()
        self.drawn.close()
        self.maps.hide()

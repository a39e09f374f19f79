"""The layers of a case: image, labels, prediction, agreement; all of one space, all named ``ProgSeg · ...``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from ..geometry import Geometry
from ..placement import describe, spatial_attributes
from ..volume import LabelClass, Volume
from .compare import AGREED, EXTRA, MISSED
from .theme import AGREED_COLOUR, EXTRA_COLOUR, MISSED_COLOUR, class_colour

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer
    from napari.viewer import Viewer

PREFIX = "ProgSeg · "
_SAMPLE = 200_000
_SOFT_TISSUE_HU = (-160.0, 300.0)


def warm_up() -> None:
    """Let napari compile what the first labels layer needs, which takes two seconds. Runs in a worker, on no viewer."""
    from napari.layers import Labels

    colours = {None: "transparent", 0: "transparent", 1: "white"}
    layer = Labels(np.zeros((2, 2, 2), np.uint8), colormap=DirectLabelColormap(color_dict=colours), units=("mm",) * 3)
    for contour in (2, 0):
        layer.contour = contour
        layer.refresh()


def spatial_kwargs(layer: Layer) -> dict[str, Any]:
    """Return what puts another layer into the same space as `layer`."""
    names = ("scale", "translate", "rotate", "shear", "units", "axis_labels")
    return {name: getattr(layer, name) for name in names}


def contrast_limits(image: NDArray[Any], modality: str | None) -> tuple[tuple[float, float], tuple[float, float]]:
    """Choose the shown window and its range from a sample of the voxels, so that napari scans nothing.

    Parameters
    ----------
    image : ndarray, (Z, Y, X)
        Intensities.
    modality : {"ct", "mr"} or None
        CT is shown in a soft tissue window where it reaches that far.

    Returns
    -------
    window, whole : tuple of float
        Shown limits, and smallest and largest value found.
    """
    step = max(1, round((image.size / _SAMPLE) ** (1 / 3)))
    sample = np.asarray(image[::step, ::step, ::step], dtype=np.float32)
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return (0.0, 1.0), (0.0, 1.0)
    low, high = (float(value) for value in (sample.min(), sample.max()))
    if low == high:
        return (low, low + 1), (low, low + 1)
    looks_like_ct = modality == "ct" or (modality is None and low < -200)
    if looks_like_ct and low <= _SOFT_TISSUE_HU[0] and high >= _SOFT_TISSUE_HU[1]:
        return _SOFT_TISSUE_HU, (low, high)
    shown = [float(value) for value in np.percentile(sample, (0.5, 99.7))]
    return ((shown[0], shown[1]) if shown[0] < shown[1] else (low, high)), (low, high)


def show_image(viewer: Viewer, name: str, volume: Volume, handed: Image | None = None) -> Image:
    """Show an image in mm, without any copy of it; in a layer that is there already if one is handed over."""
    window, whole = contrast_limits(volume.image, volume.modality)
    space = spatial_attributes(volume.geometry)
    about = describe(volume.geometry, source=volume.source, modality=volume.modality)
    if handed is None:
        layer = viewer.add_image(
            volume.image, name=PREFIX + name, contrast_limits=window, colormap="gray", metadata=about, **space
        )
    else:
        layer = refill(handed, volume.image, space["scale"])
        layer.name, layer.metadata, layer.contrast_limits = PREFIX + name, about, window
    layer.contrast_limits_range = (min(whole[0], window[0]), max(whole[1], window[1]))
    return layer


def refill(layer: Any, values: NDArray[Any], scale: Sequence[float]) -> Any:
    """Show other values, of other voxels in mm, in a layer that is in the viewer; it is visible then. Returns it."""
    layer.data = values
    layer.scale = scale
    layer.visible = True
    return layer


def show_class_labels(
    viewer: Viewer,
    name: str,
    labels: NDArray[Any],
    classes: Sequence[LabelClass],
    image: Layer,
    geometry: Geometry,
    opacity: float,
    handed: Labels | None = None,
) -> Labels:
    """Show label values, (Z, Y, X) uint8 or uint16, in the colours of their classes; in a layer that is handed over."""
    if handed is not None:
        handed.metadata = describe(geometry)
        return refill(handed, labels, image.scale)
    colours: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    colours |= {value: class_colour(n) for n, each in enumerate(classes) for value in each.values}
    return viewer.add_labels(
        labels,
        name=PREFIX + name,
        opacity=opacity,
        colormap=DirectLabelColormap(color_dict=colours),
        metadata=describe(geometry),
        **spatial_kwargs(image),
    )


def add_agreement(viewer: Viewer, values: NDArray[np.uint8], image: Layer) -> Labels:
    """Show where prediction and reference agree (1), the prediction is extra (2), or something is missed (3)."""
    colours = {
        None: "transparent",
        0: "transparent",
        AGREED: AGREED_COLOUR,
        EXTRA: EXTRA_COLOUR,
        MISSED: MISSED_COLOUR,
    }
    layer = viewer.add_labels(
        values,
        name=PREFIX + "agreement",
        opacity=0.7,
        colormap=DirectLabelColormap(color_dict=colours),
        **spatial_kwargs(image),
    )
    layer.editable = False
    return layer


@contextmanager
def added_below(viewer: Viewer, layer: Layer) -> Iterator[None]:
    """Add a layer inside: it goes below `layer` and does not become the active one."""
    active = viewer.layers.selection.active
    yield
    if layer in viewer.layers:
        viewer.layers.move(len(viewer.layers) - 1, viewer.layers.index(layer))
    viewer.layers.selection.active = active


def look_at(viewer: Viewer, labels: NDArray[Any], geometry: Geometry) -> None:
    """Show the middle of the labels, (Z, Y, X), or of the volume where there are none."""
    labelled = np.flatnonzero([plane.any() for plane in labels])
    z = int(labelled[len(labelled) // 2]) if len(labelled) else labels.shape[0] // 2
    middle = [z, *(n // 2 for n in labels.shape[1:])]
    viewer.dims.point = [index * step for index, step in zip(middle, geometry.spacing_zyx_mm, strict=True)]
    viewer.reset_view()


def redraw(layer: Labels) -> None:
    """Show what was changed in place, and nothing more."""
    layer.refresh(extent=False, thumbnail=False, highlight=False)

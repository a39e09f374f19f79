"""The layers of a case that is left, for the next one: to refill a layer takes a tenth of adding and removing one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Points

    from .case import OpenCase
    from .reading import ReadCase


@dataclass(frozen=True, eq=False)
class Handed:
    """Layers that nobody listens to any more, in the viewer still; None where there is none.

    Parameters
    ----------
    image : napari.layers.Image
        The scan.
    prediction, labels : napari.layers.Labels
        In the colours of the project's classes.
    agreement : napari.layers.Labels
        Where prediction and reference had been compared.
    clicks : napari.layers.Points
        The prompts.
    """

    image: Image | None = None
    prediction: Labels | None = None
    labels: Labels | None = None
    agreement: Labels | None = None
    clicks: Points | None = None


def hand_over(case: OpenCase, read: ReadCase) -> Handed:
    """Leave a case for another one; the layers are taken away where they do not suit it, or the user removed some."""
    found = _layers_of(case)
    if _suit(found, case, read):
        case.leave()
        return found
    case.close()
    return Handed()


def _layers_of(case: OpenCase) -> Handed:
    agreement = case.agreement.layer if case.agreement.present else None
    return Handed(case.image, case.prediction_layer, case.labels_layer, agreement, case.click_layer.layer)


def _suit(found: Handed, case: OpenCase, read: ReadCase) -> bool:
    there = all(layer in case.viewer.layers for layer in (found.image, found.prediction, found.labels, found.clicks))
    alike = case.volume.image.dtype == read.volume.image.dtype and case.labels.dtype == read.labels.dtype
    return there and alike and case.classes == read.classes

"""Samples as napari layer data, without napari: lists of (data, attributes, layer type)."""

from __future__ import annotations

from typing import Any

from .. import io
from ..placement import describe, spatial_attributes
from ..volume import LabelMap, Volume
from .hippocampus import ATTRIBUTION, NAMES, fetch_hippocampus
from .leg import leg_ct
from .mr import two_part_mr

LayerData = tuple[Any, dict[str, Any], str]


def leg_layers() -> list[LayerData]:
    """Return a generated CT of a leg and its labels, (Z, Y, X), scaled in mm."""
    return _layers("leg", *leg_ct(0), contrast_limits=(-200, 800))


def mr_layers() -> list[LayerData]:
    """Return a generated MR of a structure of two parts and its labels, (Z, Y, X), scaled in mm."""
    volume, labels = two_part_mr(0)
    return _layers("two parts", volume, labels, contrast_limits=(0, int(volume.image.max())))


def hippocampus_layers() -> list[LayerData]:
    """Return a real MR crop round a hippocampus and its labels, (Z, Y, X), scaled in mm; downloaded once.

    Licence and attribution stand in each layer's ``metadata["attribution"]``.

    Raises
    ------
    UserError
        If the download fails, with what to do instead.
    """
    cases = fetch_hippocampus()
    image = min((cases / "images").iterdir())
    volume = io.read_volume(image)
    labels = io.read_labels(cases / "labels" / image.name, like=volume.geometry)
    labels = LabelMap(labels.labels, labels.geometry, NAMES)
    limits = (0, float(volume.image.max()))
    layers = _layers("hippocampus", volume, labels, contrast_limits=limits)
    for _, attributes, _ in layers:
        attributes["metadata"]["attribution"] = ATTRIBUTION
    return layers


def _layers(name: str, volume: Volume, labels: LabelMap, contrast_limits: tuple[float, float]) -> list[LayerData]:
    place = spatial_attributes(volume.geometry)
    known = describe(volume.geometry, source=volume.source, modality=volume.modality)
    image = {"name": name, "colormap": "gray", "contrast_limits": contrast_limits, "metadata": dict(known), **place}
    mask = {"name": f"{name} labels", "metadata": {"names": dict(labels.names), **known}, **place}
    return [(volume.image, image, "image"), (labels.labels, mask, "labels")]

"""What the manifest names: reader, labels writer and sample data. Cheap to import; torch never comes in here."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import io
from ..errors import UserError
from ..geometry import Geometry
from ..placement import describe, geometry_of, shared_geometry, spatial_attributes
from ..volume import LabelMap

LayerData = tuple[Any, dict[str, Any], str]
Reader = Callable[[str | Sequence[str]], list[LayerData]]


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """Return the reader for a file, several files or a DICOM folder; None if they are not ours. Never raises."""
    paths = [path] if isinstance(path, str) else list(path)
    try:
        return read if paths and all(_is_ours(Path(p)) for p in paths) else None
    except (OSError, ValueError):
        return None


def read(path: str | Sequence[str]) -> list[LayerData]:
    """Read volumes and label maps as layers, (Z, Y, X) in canonical order, placed in mm.

    Raises
    ------
    UserError
        With the reason, if one cannot be used.
    """
    paths = [path] if isinstance(path, str) else list(path)
    return [_layer(p) for p in _one_a_series([Path(p) for p in paths])]


def write_labels(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Save a labels layer on the grid of the file it belongs to; the suffix names the format.

    Parameters
    ----------
    path : str
        Where to; its suffix is one of ``.nii.gz``, ``.nii``, ``.nrrd``, ``.mha`` and ``.tif``.
    data : array, (Z, Y, X)
        The layer's data.
    attributes : dict
        The layer's attributes; ``attributes["metadata"]["progseg"]`` holds the grid of layers that we opened.

    Returns
    -------
    list of str
        The path that was written.

    Raises
    ------
    UserError
        If the layer is no 3D label map, or its grid cannot be told.
    """
    from ..io.decoded import as_labels

    array = np.asarray(data[0] if attributes.get("multiscale") else data)
    if array.ndim != 3:
        raise UserError(f"a label map has 3 axes (z, y, x), this layer has {array.ndim}; nothing was saved")
    labels = as_labels(array, str(attributes.get("name", "this layer")))
    io.write_labels(Path(path), LabelMap(labels, _grid(array.shape, attributes)))
    return [path]


def leg_ct() -> list[LayerData]:
    """Return the sample CT of a leg."""
    from .. import samples

    return samples.leg_layers()


def two_part_mr() -> list[LayerData]:
    """Return the sample MR of a structure of two parts."""
    from .. import samples

    return samples.mr_layers()


def hippocampus() -> list[LayerData]:
    """Return a real MR crop round the hippocampus, downloaded once."""
    from .. import samples

    return samples.hippocampus_layers()


def _is_ours(path: Path) -> bool:
    if not io.is_supported(path):
        return False
    if path.is_dir() or io.suffix_of(path) not in io.TIFF_SUFFIXES:
        return True
    from ..io.tiff import stored_spacing

    # a TIFF that does not say how large its voxels are is any picture; napari shows those itself
    return stored_spacing(path) is not None


def _one_a_series(paths: list[Path]) -> list[Path]:
    """Keep one of the slices that were dropped together: it opens the whole series of its folder."""
    if len(paths) < 2 or not all(io.is_dicom(p) for p in paths):
        return paths
    first = {io.case_name(p): p for p in reversed(paths)}
    return [p for p in paths if p in first.values()]


def _layer(path: Path) -> LayerData:
    from ..io.inspect import looks_like_labels

    decoded = io.decode(path)
    geometry = decoded.geometry
    name = io.file_case_name(path) if path.is_file() and not io.is_dicom(path) else io.case_name(path)
    attributes = {
        "name": name,
        "metadata": describe(geometry, source=decoded.path, modality=decoded.modality),
        **spatial_attributes(geometry),
    }
    if decoded.modality is None and looks_like_labels(path, decoded.array_ijk):
        return decoded.label_map().labels, {**attributes, "name": io.stem_of(path)}, "labels"
    volume = decoded.volume()
    from .layers import contrast_limits

    window, _ = contrast_limits(volume.image, volume.modality)
    return volume.image, {**attributes, "colormap": "gray", "contrast_limits": window}, "image"


def _grid(shape_zyx: tuple[int, ...], attributes: dict[str, Any]) -> Geometry:
    """Return the layer's own grid, else that of the one open image it fits, else one of its scale alone."""
    geometry = geometry_of(attributes.get("metadata") or {}) or shared_geometry(shape_zyx, _open_layers())
    if geometry is None:
        warnings.warn("the image of this mask is not known: saved with the layer's scale, at no place", stacklevel=3)
        scale = [float(s) for s in attributes.get("scale", (1.0, 1.0, 1.0))]
        return Geometry.from_spacing(shape_zyx, (scale[0], scale[1], scale[2]))  # type: ignore[arg-type]
    if geometry.shape_zyx != tuple(shape_zyx):
        raise UserError(f"the layer has {shape_zyx} voxels but its image {geometry.shape_zyx}; nothing was saved")
    return geometry


def _open_layers() -> list[dict[str, Any]]:
    napari = sys.modules.get("napari")
    viewer = napari.current_viewer() if napari else None
    return [layer.metadata for layer in viewer.layers] if viewer else []

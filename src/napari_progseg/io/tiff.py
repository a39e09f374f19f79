"""TIFF stacks through tifffile: pages are slices, the spacing comes from ImageJ or OME metadata or from the user.

TIFF knows no orientation, so the canonical one is assumed: first page superior, first row anterior, first column
right.
"""

from __future__ import annotations

import contextlib
import logging
import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from ..errors import UserError
from ..geometry import Geometry
from ..storage.atomic import writing
from ..volume import LabelMap
from .decoded import Decoded, native, rescaled, storable, three_axes
from .payload import check_memory

Spacing = tuple[float, float, float]

_MM = {"mm": 1.0, "millimeter": 1.0, "cm": 10.0, "centimeter": 10.0, "m": 1000.0, "um": 1e-3, "µm": 1e-3, "μm": 1e-3,
       "micron": 1e-3, "microns": 1e-3, "micrometer": 1e-3, "nm": 1e-6, "inch": 25.4, "in": 25.4}  # fmt: skip
_COLOUR = "S"
_STACK_AXES = set("ZIQ")
# writers that know no slices call them channels; so many channels are slices
_MOST_CHANNELS = 4


def read(path: Path, spacing_zyx_mm: Spacing | None = None) -> Decoded:
    """Read a stack.

    Parameters
    ----------
    path : Path
        The file.
    spacing_zyx_mm : tuple of float or None
        Voxel spacing in mm, ordered (z, y, x); wins over the file's own.

    Raises
    ------
    UserError
        If the file is damaged, is no 3D stack with one value a voxel, or its spacing is not known.
    """
    try:
        with _quiet(), tifffile.TiffFile(path) as tiff:
            return _decode(path, tiff, spacing_zyx_mm)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"{path.name}: the TIFF file is damaged or of an unknown kind ({error}); export it again"
        ) from error


def stored_spacing(path: Path) -> Spacing | None:
    """Return the spacing in mm, ordered (z, y, x), that a TIFF's metadata hold; None where they do not."""
    try:
        with _quiet(), tifffile.TiffFile(path) as tiff:
            return _spacing(tiff)
    except Exception:  # noqa: BLE001  a damaged file has no spacing; reading it says what is wrong
        return None


def write_labels(path: Path, label_map: LabelMap) -> None:
    """Write labels as an ImageJ stack in canonical order (z, y, x) with their spacing."""
    z, y, x = label_map.geometry.spacing_zyx_mm
    with writing(path, size=label_map.labels.nbytes) as temp:
        tifffile.imwrite(
            temp,
            np.ascontiguousarray(label_map.labels),
            imagej=True,
            resolution=(1 / x, 1 / y),
            metadata={"axes": "ZYX", "spacing": z, "unit": "mm"},
        )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep tifffile from logging what the refusal says."""
    logger = logging.getLogger("tifffile")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _decode(path: Path, tiff: tifffile.TiffFile, asked: Spacing | None) -> Decoded:
    for series in tiff.series:
        _check_bytes(path, tiff, series)
    if len(tiff.series) != 1:
        raise UserError(f"{path.name}: {len(tiff.series)} images in one TIFF; save the stack as its own file")
    series = tiff.series[0]
    shape = _stack_shape(path, series)
    spacing = asked or _spacing(tiff)
    if spacing is None:
        raise UserError(
            f"{path.name}: the TIFF file does not say how far its voxels lie apart; give the spacing in mm as "
            "(z, y, x), or set it in ImageJ (Image > Properties)"
        )
    if not all(math.isfinite(s) and s > 0 for s in spacing):
        raise UserError(f"{path.name}: a spacing of {spacing} mm is impossible; give it in mm as (z, y, x)")
    check_memory(path, math.prod(shape) * series.dtype.itemsize * 2)
    array = native(np.asarray(tiff.asarray()).reshape(shape))
    array = _calibrated(storable(array, path), tiff)
    geometry = Geometry.from_spacing(shape, spacing)
    note = "TIFF stores no orientation: pages taken as superior to inferior, rows as anterior to posterior"
    return Decoded(path, array.T, geometry, notes=(note,))


def _stack_shape(path: Path, series: Any) -> tuple[int, int, int]:
    """Return (Z, Y, X)."""
    sizes = [(axis, int(n)) for axis, n in zip(series.axes, series.shape, strict=True) if n > 1 or axis in "YX"]
    if any(axis == _COLOUR for axis, _ in sizes):
        raise UserError(
            f"{path.name}: RGB colours ({series.shape[-1]} components a voxel); one value a voxel is needed"
        )
    others = [(axis, n) for axis, n in sizes if axis not in "YX"]
    if dict(others).get("C", _MOST_CHANNELS + 1) <= _MOST_CHANNELS or (len(others) > 1 and "C" in dict(others)):
        n_channels = dict(others)["C"]
        raise UserError(
            f"{path.name}: {n_channels} channels; one value a voxel is needed, save one channel as its own file"
        )
    # slices come first: what else there is are frames; a stack alone may be called time points or channels
    others.sort(key=lambda pair: pair[0] not in _STACK_AXES)
    by_axis = dict(sizes)
    ordered = [by_axis["X"], by_axis["Y"], *(n for _, n in others)]
    return tuple(reversed(three_axes(path, ordered)))  # type: ignore[return-value]


def _spacing(tiff: tifffile.TiffFile) -> Spacing | None:
    if tiff.ome_metadata:
        return _ome_spacing(tiff.ome_metadata)
    imagej = tiff.imagej_metadata
    if not imagej:
        return None
    scale = _MM.get(str(imagej.get("unit", "")).replace("\\u00B5", "µ").lower())
    tags = tiff.pages.first.tags
    per_x, per_y = (_ratio(tags.get(name)) for name in ("XResolution", "YResolution"))
    z = imagej.get("spacing")
    if scale is None or not (per_x and per_y and z):
        return None
    return float(z) * scale, scale / per_y, scale / per_x


def _ome_spacing(xml: str) -> Spacing | None:
    pixels = next((e for e in ElementTree.fromstring(xml).iter() if e.tag.rpartition("}")[2] == "Pixels"), None)
    if pixels is None:
        return None
    found = []
    for axis in "ZYX":
        value, unit = pixels.get(f"PhysicalSize{axis}"), pixels.get(f"PhysicalSize{axis}Unit", "µm")
        if value is None or unit.lower() not in _MM:
            return None
        found.append(float(value) * _MM[unit.lower()])
    return found[0], found[1], found[2]


def _ratio(tag: Any) -> float | None:
    if tag is None:
        return None
    over, under = tag.value
    return over / under if under and over else None


def _check_bytes(path: Path, tiff: tifffile.TiffFile, series: Any) -> None:
    """Refuse files whose strips lie beyond their end or were never written; tifffile would fill in zeros."""
    size = path.stat().st_size
    end = series.dataoffset + series.nbytes if series.dataoffset is not None else 0
    for page in series.pages:
        if page is None:
            continue
        if not page.dataoffsets or 0 in page.dataoffsets[:] or 0 in page.databytecounts[:]:
            raise UserError(f"{path.name}: the file is incomplete: a page has no voxels; copy it again from its source")
        end = max(end, *(o + n for o, n in zip(page.dataoffsets, page.databytecounts, strict=True)))
    if end > size:
        raise UserError(
            f"{path.name}: the file is incomplete: expected {end:,} bytes, got {size:,}; copy it again from its source"
        )
    promised = (tiff.imagej_metadata or {}).get("images", 1)
    found = max(len(tiff.pages), math.prod(series.shape[:-2]))
    if promised > found:
        raise UserError(
            f"{path.name}: the file is incomplete: {promised} slices promised, {found} there; copy it again"
        )


def _calibrated(array: NDArray[Any], tiff: tifffile.TiffFile) -> NDArray[Any]:
    """Apply ImageJ's linear calibration, by which it stores signed CT values as unsigned ones."""
    description = "" if tiff.imagej_metadata is None else tiff.pages.first.description
    found = dict(re.findall(r"^(cf|c0|c1)=(\S+)$", description, re.MULTILINE))
    if found.get("cf") != "0" or not {"c0", "c1"} <= set(found):
        return array
    return rescaled(array, float(found["c1"]), float(found["c0"]))

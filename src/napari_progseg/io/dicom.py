"""DICOM series: pydicom decodes the slices, and nothing is opened that is not one regular volume."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
from numpy.typing import NDArray

from ..errors import UserError
from ..volume import Modality
from .decoded import Decoded, checked_geometry, rescaled, three_axes
from .dicom_grid import stack
from .dicom_scan import Scan, Series, Slice, is_dicom, read_header, scan_files, scan_folder
from .names import walk
from .payload import check_memory

_MODALITIES: dict[str, Modality] = {"CT": "ct", "MR": "mr"}
_MOST_LISTED = 20


def scan(path: Path) -> Scan:
    """Read the headers of a DICOM folder, of the folders below it if it holds no slices itself, or round one slice.

    Raises
    ------
    UserError
        If the path is one file that is no slice of a volume.
    """
    if path.is_file():
        try:
            one = read_header(path)
        except UserError as error:
            raise UserError(f"{path.name}: {error}") from error
        if one.multiframe:
            return scan_files(path.parent, [path])
        wanted = str(one.header.SeriesInstanceUID)
        whole = scan_folder(path.parent)
        return Scan(path.parent, tuple(s for s in whole.series if s.uid == wanted), whole.skipped)
    here = scan_folder(path)
    if here.series:
        return here
    return scan_files(path, (f for _, files in walk(path) for f in files))


def list_series(path: Path) -> list[Series]:
    """Return the image series in a folder, by series number."""
    return list(scan(path).series)


def read(path: Path, series: str | None = None) -> Decoded:
    """Read one series.

    Parameters
    ----------
    path : Path
        Its folder, or one of its slices.
    series : str or None
        Which one, where the folder holds several: its UID or the beginning of it, its number or its description.

    Raises
    ------
    UserError
        If there is no series or several, a slice is damaged, or the slices form no regular volume.
    """
    found = scan(path)
    chosen = choose(found, series)
    refuse_damage(found, chosen)
    if chosen.slices[0].multiframe:
        return _read_multiframe(found, chosen)
    folder = chosen.slices[0].path.parent
    try:
        ordered = stack(chosen.slices)
    except UserError as error:
        raise UserError(f"{folder.name}, {chosen.description}: {error}") from error
    shape = (int(chosen.slices[0].header.Columns), int(chosen.slices[0].header.Rows), len(chosen.slices))
    three_axes(folder, shape)
    geometry = checked_geometry(folder, shape, ordered.affine_lps)
    array = _pixels(folder, ordered.slices, shape)
    return Decoded(folder, array, geometry, _MODALITIES.get(chosen.modality), notes=found.notes)


def choose(found: Scan, series: str | None) -> Series:
    """Pick a series of a scan by UID, unique beginning of the UID, number or description.

    Raises
    ------
    UserError
        Listing the series, unless exactly one fits.
    """
    name = found.folder.name
    if not found.series:
        raise UserError(f"{name}: no CT or MR slices here ({'; '.join(found.notes) or 'the folder is empty'})")
    wanted = found.series if series is None else _matching(found.series, series)
    if len(wanted) == 1:
        return wanted[0]
    listed = "; ".join(f"{s.description} [{s.uid}]" for s in found.series[:_MOST_LISTED])
    if len(found.series) > _MOST_LISTED:
        listed += f"; and {len(found.series) - _MOST_LISTED} more"
    if series is None:
        raise UserError(
            f"{name}: holds {len(found.series)} series, choose one by UID, number or one of its slices: {listed}"
        )
    fits = "no series fits" if not wanted else f"{len(wanted)} series fit"
    raise UserError(f"{name}: {fits} {series!r}; there are: {listed}")


def _matching(series: tuple[Series, ...], wanted: str) -> tuple[Series, ...]:
    by_uid = tuple(s for s in series if s.uid == wanted)
    by_name = tuple(s for s in series if wanted in {str(s.number), s.description})
    by_part = tuple(s for s in series if s.uid.startswith(wanted) or wanted.lower() in s.description.lower())
    return by_uid or by_name or by_part


def refuse_damage(found: Scan, chosen: Series) -> None:
    """Refuse a series with incomplete slices, or beside damaged files that may be some of its slices.

    Raises
    ------
    UserError
        Naming the files.
    """
    reasons = [f"{s.path.name} is {s.damage}" for s in chosen.slices if s.damage]
    folders = {s.path.parent for s in chosen.slices}
    reasons += [f"{path.name}: {why}" for path, why in found.skipped if "damaged" in why and path.parent in folders]
    if reasons:
        more = f" and {len(reasons) - 5} more" if len(reasons) > 5 else ""
        raise UserError(
            f"{found.folder.name}, {chosen.description}: {'; '.join(reasons[:5])}{more}; nothing was filled in, "
            "copy the series again from its source"
        )


def _pixels(folder: Path, slices: tuple[Slice, ...], shape: tuple[int, int, int]) -> NDArray[Any]:
    """Decode slice by slice into one array, (columns, rows, slices), int16 as long as all values are whole and fit."""
    check_memory(folder, math.prod(shape) * 2)
    array: NDArray[Any] = np.empty(shape, np.int16, order="F")
    for k, one in enumerate(slices):
        values = _decode(one)
        if not np.can_cast(values.dtype, array.dtype):
            wider = np.promote_types(array.dtype, values.dtype)
            wider = np.dtype(np.float32) if wider.kind == "f" else wider
            check_memory(folder, math.prod(shape) * wider.itemsize)
            array = array.astype(wider, order="F")
        array[:, :, k] = values.T
    return array


def _decode(one: Slice) -> NDArray[Any]:
    """Return one slice, (rows, columns), with slope and intercept applied, int16 where it fits."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stored = pydicom.dcmread(one.path, force=True).pixel_array
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{one.path.name}: the pixels cannot be decoded ({reason}); copy the series again") from error
    header = one.header
    if stored.shape != (int(header.Rows), int(header.Columns)):
        raise UserError(
            f"{one.path.name}: decoded to {stored.shape} pixels instead of ({header.Rows}, {header.Columns})"
        )
    if header.get("ModalityLUTSequence"):
        raise UserError(f"{one.path.name}: values are stored through a lookup table (Modality LUT), which is not read")
    slope, intercept = (
        float(header.get(tag, plain) or plain) for tag, plain in (("RescaleSlope", 1), ("RescaleIntercept", 0))
    )
    return _narrow(rescaled(stored, slope, intercept))


def _narrow(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype.kind in "iu" and values.size and values.min() >= -32768 and values.max() <= 32767:
        return values.astype(np.int16, copy=False)
    return values


def _read_multiframe(found: Scan, chosen: Series) -> Decoded:
    """Read an enhanced CT or MR whose frames form one volume."""
    path = chosen.slices[0].path
    shape = (int(chosen.slices[0].header.Columns), int(chosen.slices[0].header.Rows), chosen.n_slices)
    three_axes(path, shape)
    check_memory(path, math.prod(shape) * 12)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = highdicom.imread(path)
            geometry = image.get_volume_geometry()
            volume = None if geometry is None else _frames(image)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path.name}: the multi-frame image cannot be read ({reason}); export it as single slices"
        ) from error
    if volume is None:
        raise UserError(
            f"{path.name}: a multi-frame image whose {chosen.n_slices} frames form no regular volume (no positions, "
            "several echoes or time points, or gaps); export it as single slices"
        )
    affine = volume.affine[:, [2, 1, 0, 3]]
    values = volume.array.transpose(2, 1, 0)
    if np.array_equal(values, np.rint(values)) and np.abs(values).max(initial=0) <= 32767:
        values = values.astype(np.int16)
    grid = checked_geometry(path, shape, affine)
    return Decoded(path, values.astype(np.float32) if values.dtype == np.float64 else values, grid,
                   _MODALITIES.get(chosen.modality), notes=found.notes)  # fmt: skip


def _frames(image: Any) -> Any:
    return image.get_volume(dtype=np.float64, apply_real_world_transform=False, apply_presentation_lut=False)


__all__ = ["choose", "is_dicom", "list_series", "read", "refuse_damage", "scan"]

"""NRRD and MetaImage (MHA, MHD): the grid through SimpleITK, the voxels through the byte gate.

SimpleITK alone fills what is missing in a raw file with zeros and copies DICOM tags such as the patient's name into
what it writes; here it never sees the voxels of a file, and labels are written from a bare array.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

from ..errors import UserError
from ..storage.atomic import writing
from ..volume import LabelMap
from .decoded import Decoded, checked_geometry, native, storable, three_axes
from .payload import check_memory, inflate, read_payload, wrong_length

_LONGEST_HEADER = 1 << 20
_MOST_SIGNIFICANT_FIRST = {"big", "true"}
_RAW, _DEFLATED = "raw", "deflated"


@dataclass(frozen=True)
class _Header:
    """Where the voxels lie and how they are stored."""

    fields: dict[str, str]
    data_file: Path
    offset: int
    coding: str
    byte_order: str
    from_end: bool = False


def read(path: Path) -> Decoded:
    """Read an NRRD, NHDR, MHA or MHD file.

    Raises
    ------
    UserError
        If the file is damaged, uses an encoding we do not read, or holds no single 3D volume.
    """
    header = _nrrd_header(path) if _is_nrrd(path) else _meta_header(path)
    info = _information(path)
    if info.GetNumberOfComponents() > 1:
        raise UserError(
            f"{path.name}: {info.GetNumberOfComponents()} components a voxel (RGB, vectors or overlapping segments); "
            "one value a voxel is needed, save one component as its own file"
        )
    shape = three_axes(path, info.GetSize())
    dtype = _dtype(path, info, header)
    voxels = _voxels(path, header, math.prod(shape) * dtype.itemsize)
    array = native(voxels.view(dtype).reshape(shape, order="F"))
    geometry = checked_geometry(path, shape, _affine(info))
    return Decoded(path, storable(array, path), geometry, names=_segment_names(header.fields))


def write_labels(path: Path, label_map: LabelMap) -> None:
    """Write labels to ``.nrrd`` or ``.mha`` on the grid of their geometry."""
    geometry = label_map.geometry
    image = sitk.GetImageFromArray(np.ascontiguousarray(geometry.from_canonical(label_map.labels).T))
    spacing = np.linalg.norm(geometry.affine_lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(geometry.affine_lps[:3, 3].tolist())
    image.SetDirection((geometry.affine_lps[:3, :3] / spacing).ravel().tolist())
    with writing(path) as temp:
        sitk.WriteImage(image, str(temp), useCompression=True)


def _is_nrrd(path: Path) -> bool:
    with path.open("rb") as stream:
        start = stream.read(256)
    if start[:4] == b"NRRD":
        return True
    if re.match(rb"\s*(ObjectType|NDims|Comment|ID)\b", start):
        return False
    if start.lstrip()[:1] == b"<":
        raise UserError(
            f"{path.name}: this is a web page (HTML), not a volume; the download needs a login or a new link"
        )
    raise UserError(f"{path.name}: this is neither NRRD nor MetaImage, or its header is cut; check where it comes from")


def _lines(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the header's lines and the offset after each."""
    with path.open("rb") as stream:
        while (line := stream.readline(_LONGEST_HEADER)) and stream.tell() < _LONGEST_HEADER:
            yield line.decode("utf-8", "replace").rstrip("\r\n"), stream.tell()
    raise UserError(f"{path.name}: the file is incomplete: its header has no end; copy it again from its source")


def _nrrd_header(path: Path) -> _Header:
    fields: dict[str, str] = {}
    lines = _lines(path)
    end = next(lines)[1]
    with contextlib.suppress(UserError):
        for line, end in lines:  # noqa: B007
            if not line:
                fields["header ends"] = "yes"
                break
            key, colon, value = line.partition(":")
            if colon and not line.startswith("#"):
                fields[key.strip().lower() if not value.startswith("=") else key] = value.lstrip("=").strip()
    data_file = fields.get("data file", fields.get("datafile"))
    if "header ends" not in fields and data_file is None:
        raise UserError(f"{path.name}: the file is incomplete: its header has no end; copy it again from its source")
    encoding = fields.get("encoding", "raw").lower()
    if encoding not in {"raw", "gz", "gzip"}:
        raise UserError(f"{path.name}: NRRD encoding {encoding!r} is not read; save it with encoding raw or gzip")
    skip = _whole_number(path, fields.get("byte skip", fields.get("byteskip", "0")))
    if _whole_number(path, fields.get("line skip", fields.get("lineskip", "0"))) or (skip and encoding != "raw"):
        raise UserError(f"{path.name}: NRRD files with skipped lines or bytes are not read; save it again")
    return _Header(
        fields,
        _data_file(path, data_file) if data_file else path,
        (0 if data_file else end) + max(skip, 0),
        _RAW if encoding == "raw" else _DEFLATED,
        fields.get("endian", "little").lower(),
        from_end=skip < 0,
    )


def _meta_header(path: Path) -> _Header:
    fields: dict[str, str] = {}
    for line, end in _lines(path):  # noqa: B007
        key, _, value = line.partition("=")
        fields[key.strip().lower()] = value.strip()
        if key.strip() == "ElementDataFile":
            break
    if fields.get("binarydata", "true").lower() != "true":
        raise UserError(f"{path.name}: MetaImage files with voxels as text are not read; save it as binary")
    data_file = fields["elementdatafile"]
    local = data_file.upper() == "LOCAL"
    compressed = fields.get("compresseddata", "false").lower() == "true"
    skip = _whole_number(path, fields.get("headersize", "0"))
    order = fields.get("binarydatabyteordermsb", fields.get("elementbyteordermsb", "false")).lower()
    return _Header(
        fields,
        path if local else _data_file(path, data_file),
        (end if local else 0) + max(skip, 0),
        _DEFLATED if compressed else _RAW,
        order,
        from_end=skip < 0,
    )


def _data_file(path: Path, name: str) -> Path:
    """Return the file a detached header names; only beside or below the header."""
    if re.match(r"LIST\b", name, re.IGNORECASE) or "%" in name:
        raise UserError(f"{path.name}: the voxels are spread over several files; save it as one file")
    target = (path.parent / name).resolve()
    if not target.is_relative_to(path.parent.resolve()):
        raise UserError(f"{path.name}: its voxels lie outside of its folder ({name!r}); put both files side by side")
    if not target.is_file():
        raise UserError(f"{path.name}: its data file {name!r} is missing; put both files side by side")
    return target


def _whole_number(path: Path, text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise UserError(f"{path.name}: the header is damaged ({text!r} is no number); copy the file again") from error


def _information(path: Path) -> Any:
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.SetImageIO("NrrdImageIO" if _is_nrrd(path) else "MetaImageIO")
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise UserError(f"{path.name}: the header cannot be used ({reason}); export the file again") from error
    return reader


def _dtype(path: Path, info: Any, header: _Header) -> np.dtype[Any]:
    try:
        one_pixel = sitk.Image([1, 1], info.GetPixelID())
    except (RuntimeError, ValueError) as error:
        raise UserError(f"{path.name}: the voxel type is not supported ({error})") from error
    dtype: np.dtype[Any] = sitk.GetArrayFromImage(one_pixel).dtype
    return dtype.newbyteorder(">") if header.byte_order in _MOST_SIGNIFICANT_FIRST else dtype.newbyteorder("<")


def _voxels(path: Path, header: _Header, size: int) -> NDArray[np.uint8]:
    check_memory(path, size)
    if header.coding == _RAW:
        offset = header.data_file.stat().st_size - size if header.from_end else header.offset
        if offset < 0:
            raise wrong_length(path, size, header.data_file.stat().st_size)
        return read_payload(header.data_file, offset, size, compressed=False)
    with header.data_file.open("rb") as stream:
        stream.seek(header.offset)
        return inflate(header.data_file, stream, size)


def _affine(info: Any) -> NDArray[np.float64]:
    """Return index to LPS mm, (4, 4), of the first three axes."""
    dimension = info.GetDimension()
    direction = np.array(info.GetDirection()).reshape(dimension, dimension)[:3, :3]
    affine = np.eye(4)
    affine[:3, :3] = direction * np.array(info.GetSpacing())[:3]
    affine[:3, 3] = info.GetOrigin()[:3]
    return affine


def _segment_names(fields: dict[str, str]) -> dict[int, str]:
    """Return the names 3D Slicer stores in ``.seg.nrrd`` files."""
    names = {}
    for key, name in fields.items():
        if match := re.fullmatch(r"Segment(\d+)_Name", key):
            value = fields.get(f"Segment{match[1]}_LabelValue", str(int(match[1]) + 1))
            if value.isdigit():
                names[int(value)] = name
    return names

"""NIfTI-1 and NIfTI-2, single files and .hdr/.img pairs: headers through nibabel, voxels through the byte gate."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from nibabel.nifti1 import Nifti1Header
from nibabel.nifti2 import Nifti2Header
from numpy.typing import NDArray

from ..errors import UserError
from ..geometry import Geometry
from ..storage.atomic import writing
from ..volume import LabelMap
from .decoded import Decoded, checked_geometry, native, rescaled, storable, three_axes
from .payload import check_memory, head, read_payload

_HEADER_CLASSES = {348: Nifti1Header, 540: Nifti2Header}
_LARGEST_HEADER = 540
_MM_PER_UNIT = {1: 1000.0, 3: 0.001}
_LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_AGREEMENT_MM = 0.01


def read(path: Path) -> Decoded:
    """Read a NIfTI file or pair.

    Raises
    ------
    UserError
        If the file is no NIfTI, is damaged, or holds no single 3D volume on a right-angled grid.
    """
    header_file, voxel_file = _files(path)
    header = _header(header_file)
    shape = three_axes(path, header.get_data_shape())
    dtype = header.get_data_dtype()
    if dtype.kind not in "iufb" or dtype.itemsize > 8:
        storable(np.empty(0, dtype), path)
    affine, notes = _affine(path, header, shape)
    geometry = checked_geometry(path, shape, affine)
    return Decoded(path, _voxels(voxel_file, header, shape, single=header_file == voxel_file), geometry, notes=notes)


def write_labels(path: Path, label_map: LabelMap) -> None:
    """Write labels to ``.nii`` or ``.nii.gz`` on the grid of their geometry."""
    geometry = label_map.geometry
    image = nibabel.Nifti1Image(geometry.from_canonical(label_map.labels), geometry.affine_ras)
    image.set_sform(geometry.affine_ras, code=1)
    image.set_qform(geometry.affine_ras, code=1)
    image.header.set_xyzt_units("mm")
    image.header.set_slope_inter(1, 0)
    with writing(path, size=label_map.labels.nbytes if path.suffix == ".nii" else None) as temp:
        nibabel.save(image, temp)


def _files(path: Path) -> tuple[Path, Path]:
    """Return the file with the header and the file with the voxels."""
    partner = {".hdr": ".img", ".img": ".hdr"}.get(path.suffix.lower())
    if partner is None:
        return path, path
    other = path.with_suffix(partner.upper() if path.suffix.isupper() else partner)
    if not other.is_file():
        raise UserError(f"{path.name}: its partner {other.name} is missing; put both files of the pair side by side")
    return (path, other) if partner == ".img" else (other, path)


def _header(path: Path) -> Any:
    start = head(path, _LARGEST_HEADER)
    order, header_class = _recognise(path, start)
    try:
        header = header_class(start[: header_class.template_dtype.itemsize], endianness=order, check=False)
        header.get_data_dtype()
        header.get_data_shape()
    except Exception as error:
        raise UserError(f"{path.name}: the NIfTI header is damaged ({error}); copy the file again") from error
    _check_magic(path, header["magic"].tobytes()[:3])
    return header


def _recognise(path: Path, start: bytes) -> tuple[str, Any]:
    if len(start) >= 4:
        for order in "<>":
            size = struct.unpack(f"{order}i", start[:4])[0]
            header_class = _HEADER_CLASSES.get(size)
            if header_class is None:
                continue
            if len(start) < size:
                raise UserError(
                    f"{path.name}: the file is incomplete: {len(start)} of {size} header bytes; copy it again"
                )
            return order, header_class
    if start.lstrip()[:1] == b"<":
        raise UserError(
            f"{path.name}: this is a web page (HTML), not a NIfTI file; the download needs a login or a new link"
        )
    raise UserError(
        f"{path.name}: this is not a NIfTI file: it does not begin with a NIfTI header; check where it comes from"
    )


def _check_magic(path: Path, magic: bytes) -> None:
    pair = path.suffix.lower() == ".hdr"
    if magic in ((b"ni1", b"ni2") if pair else (b"n+1", b"n+2")):
        return
    if magic in (b"ni1", b"ni2", b"n+1", b"n+2"):
        where = "a single file" if pair else "a .hdr/.img pair"
        raise UserError(f"{path.name}: the header says it belongs to {where}; rename or export it again")
    raise UserError(
        f"{path.name}: Analyze 7.5 files store no orientation, so left and right cannot be told apart; convert it to "
        "NIfTI with a tool that knows the scan"
    )


def _voxels(path: Path, header: Any, shape: tuple[int, int, int], *, single: bool) -> NDArray[Any]:
    dtype = header.get_data_dtype()
    size = math.prod(shape) * dtype.itemsize
    with path.open("rb") as stream:
        compressed = stream.read(2) == b"\x1f\x8b"
    offset = int(header["vox_offset"]) or (len(header.binaryblock) + 4 if single else 0)
    slope, intercept = (1.0 if v is None else float(v) for v in header.get_slope_inter())
    if header.get_slope_inter()[1] is None:
        intercept = 0.0
    needs_float = (dtype.kind == "f" and dtype.itemsize > 4) or (slope, intercept) != (1.0, 0.0)
    check_memory(path, size + (math.prod(shape) * 4 if needs_float else 0))
    flat = read_payload(path, offset, size, compressed=compressed)
    array = native(flat.view(dtype).reshape(shape, order="F"))
    return rescaled(storable(array, path), slope, intercept)


def _affine(path: Path, header: Any, shape: tuple[int, int, int]) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Choose sform before qform, as nibabel does; returns (4, 4) LPS mm and notes."""
    sform, s_code = header.get_sform(coded=True)
    try:
        qform, q_code = header.get_qform(coded=True)
    except Exception:  # noqa: BLE001  an impossible quaternion
        qform, q_code = None, 0
    notes = []
    if sform is not None and s_code > 0 and _usable(sform):
        affine = sform
        if qform is not None and q_code > 0 and not _agree(sform, qform, shape):
            notes.append("sform and qform disagree; the sform was used")
    elif qform is not None and q_code > 0:
        affine = qform
        if s_code > 0:
            notes.append("the sform is singular; the qform was used")
    elif s_code > 0:
        raise UserError(f"{path.name}: the sform is singular and there is no qform; export the file again")
    else:
        affine = header.get_base_affine()
        notes.append("the file stores no orientation (sform and qform codes are 0); first axis taken as right to left")
    scale = _MM_PER_UNIT.get(int(header["xyzt_units"]) & 7, 1.0)
    if scale != 1.0:
        notes.append(f"lengths were in {'metres' if scale > 1 else 'micrometres'} and are now in mm")
    return np.diag([scale, scale, scale, 1.0]) @ _LPS_FROM_RAS @ np.asarray(affine, dtype=np.float64), tuple(notes)


def _usable(affine: NDArray[Any]) -> bool:
    return bool(np.isfinite(affine).all()) and abs(np.linalg.det(affine[:3, :3])) > 1e-12


def _agree(one: NDArray[Any], other: NDArray[Any], shape: tuple[int, int, int]) -> bool:
    if not _usable(other):
        return False
    corners = np.array([[*(np.array(shape) * bits), 1.0] for bits in np.ndindex(2, 2, 2)])
    return float(np.abs(corners @ (one - other).T).max()) < _AGREEMENT_MM * max(
        Geometry.from_ras(shape, one).spacing_zyx_mm
    )

"""FreeSurfer MGH and MGZ: headers through nibabel, voxels through the byte gate."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from nibabel.freesurfer.mghformat import MGHHeader

from ..errors import UserError
from .decoded import Decoded, checked_geometry, native, storable, three_axes
from .payload import check_memory, head, read_payload

_VOXELS_BEGIN_AT = 284
_LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read(path: Path) -> Decoded:
    """Read an MGH or MGZ file.

    Raises
    ------
    UserError
        If the file is damaged, stores no orientation, or holds no single 3D volume.
    """
    start = head(path, _VOXELS_BEGIN_AT)
    if len(start) < _VOXELS_BEGIN_AT or start[:4] != b"\x00\x00\x00\x01":
        raise UserError(f"{path.name}: this is not an MGH file, or its header is cut; check where it comes from")
    try:
        header = MGHHeader(start.ljust(MGHHeader.template_dtype.itemsize, b"\0"), check=False)
        dtype, shape = header.get_data_dtype(), header["dims"]
    except Exception as error:
        raise UserError(f"{path.name}: the MGH header is damaged ({error}); copy the file again") from error
    shape_ijk = three_axes(path, shape)
    if not header["goodRASFlag"]:
        raise UserError(f"{path.name}: the file stores no orientation (goodRASFlag is 0); convert it with mri_convert")
    geometry = checked_geometry(path, shape_ijk, _LPS_FROM_RAS @ header.get_affine())
    size = math.prod(shape_ijk) * dtype.itemsize
    check_memory(path, size)
    with path.open("rb") as stream:
        compressed = stream.read(2) == b"\x1f\x8b"
    # scan parameters and tags may follow the voxels
    flat = read_payload(path, _VOXELS_BEGIN_AT, size, compressed=compressed, tail=True)
    array = native(flat.view(dtype).reshape(shape_ijk, order="F"))
    return Decoded(path, storable(array, path), geometry)

"""How a napari layer remembers the grid of the file it came from, so that a mask is saved onto that grid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .errors import UserError
from .geometry import AXIS_LABELS, Geometry

KEY = "progseg"


def spatial_attributes(geometry: Geometry) -> dict[str, Any]:
    """Return the napari keywords that place canonical voxels in mm."""
    return {"scale": geometry.spacing_zyx_mm, "units": ("mm",) * 3, "axis_labels": AXIS_LABELS}


def describe(geometry: Geometry, *, source: Path | None = None, modality: str | None = None) -> dict[str, Any]:
    """Return a layer's ``metadata``: plain values under the key ``"progseg"``."""
    return {
        KEY: {
            "shape_ijk": list(geometry.shape_ijk),
            "affine_lps": geometry.affine_lps.tolist(),
            "orientation": geometry.orientation,
            "source": None if source is None else str(source),
            "modality": modality,
        }
    }


def geometry_of(metadata: Mapping[str, Any]) -> Geometry | None:
    """Return the grid that a layer's ``metadata`` hold, or None if the layer came from elsewhere."""
    known = metadata.get(KEY)
    if not known:
        return None
    return Geometry(tuple(known["shape_ijk"]), np.array(known["affine_lps"], dtype=np.float64))


def shared_geometry(shape_zyx: tuple[int, ...], others: Iterable[Mapping[str, Any]]) -> Geometry | None:
    """Return the one grid of this shape among the metadata of other layers, None if there is none.

    Raises
    ------
    UserError
        If layers of this shape lie on different grids.
    """
    known = [geometry for metadata in others if (geometry := geometry_of(metadata))]
    fitting = [geometry for geometry in known if geometry.shape_zyx == tuple(shape_zyx)]
    if any(fitting[0].mismatch(other) for other in fitting[1:]):
        raise UserError(
            "images of the same shape but on different grids are open, so it is not clear where this mask lies; "
            "nothing was saved. Close the other images, or save from the ProgSeg dock"
        )
    return fitting[0] if fitting else None

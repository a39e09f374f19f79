"""Which intensities the starter is shown of a scan."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..data.plan import CT_BELOW
from ..volume import Volume

_HALF_WIDTH = 300.0


def shown_range(volume: Volume, voxel_zyx: Sequence[int]) -> tuple[float, float] | None:
    """Return a range around what was clicked in a CT, and None for any other scan, which is shown as it is.

    In a CT bone and air would leave nothing between soft tissues.

    Parameters
    ----------
    voxel_zyx : sequence of int
        Where the structure was clicked inside.
    """
    modality = volume.modality or ("ct" if float(volume.image.min()) < CT_BELOW else "mr")
    if modality != "ct":
        return None
    z, y, x = voxel_zyx
    around = np.asarray(volume.image[z, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2], np.float32)
    middle = float(around.mean())
    return middle - _HALF_WIDTH, middle + _HALF_WIDTH

"""Which intensities the starter is shown."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from napari_progseg.inference.shown_range import shown_range
from napari_progseg.volume import Volume


def test_a_ct_is_shown_300_hu_around_what_was_clicked(volume_of: Callable[..., Volume]) -> None:
    image = np.full((3, 8, 8), -1000, np.int16)
    image[1, 2:5, 2:5] = 60
    assert shown_range(volume_of(image, (1.0, 1.0, 1.0)), (1, 3, 3)) == (-240.0, 360.0)


def test_any_other_scan_is_shown_as_it_is(volume_of: Callable[..., Volume]) -> None:
    assert shown_range(volume_of(np.zeros((3, 8, 8), np.int16), (1.0, 1.0, 1.0)), (1, 3, 3)) is None

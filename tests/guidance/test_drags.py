"""A drag from inside a structure to its border."""

from __future__ import annotations

import numpy as np
import pytest

from napari_progseg.guidance.clicks import Click
from napari_progseg.guidance.drags import DragPrompt


def test_it_stands_for_an_inside_click_where_it_began() -> None:
    assert DragPrompt((3, 4, 6), 7.5, 2).begin == Click((3, 4, 6), True, 2)


def test_its_disc_is_round_in_mm_and_not_in_voxels() -> None:
    disc = DragPrompt((0, 10, 20), 4.0, 1).disc((40, 40), (2.0, 1.0))
    rows, columns = np.indices((40, 40))
    np.testing.assert_array_equal(disc, np.hypot((rows - 10) * 2.0, columns - 20) <= 4.0)
    assert np.flatnonzero(disc.any(axis=1)).tolist() == [8, 9, 10, 11, 12]
    assert np.flatnonzero(disc.any(axis=0)).tolist() == list(range(16, 25))


def test_its_disc_ends_with_the_slice_and_holds_its_own_voxel_at_least() -> None:
    assert DragPrompt((0, 0, 0), 3.0, 1).disc((5, 5), (1.0, 1.0)).sum() == 11
    assert np.argwhere(DragPrompt((0, 2, 1), 0.1, 1).disc((5, 5), (1.0, 1.0))).tolist() == [[2, 1]]


@pytest.mark.parametrize("reach", [0.0, -1.0, float("nan"), float("inf")])
def test_what_reaches_nowhere_is_no_drag(reach: float) -> None:
    with pytest.raises(ValueError, match="reaches some mm"):
        DragPrompt((0, 0, 0), reach, 1)

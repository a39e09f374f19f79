"""Which scales of a shape are learned when."""

from __future__ import annotations

import pytest

from napari_progseg.schedules.scales import scale_weights


@pytest.mark.parametrize(
    ("progress", "deep", "shallow"),
    [
        (0.0, (1, 0, 0, 0), (1, 0, 0, 0)),
        (0.24, (1, 0, 0, 0), (1, 0, 0, 0)),
        (0.25, (1, 1, 0, 0), (0, 1, 0, 0)),
        (0.6, (1, 1, 1, 0), (0, 0, 1, 0)),
        (1.0, (1, 1, 1, 1), (0, 0, 0, 1)),
    ],
)
def test_scales_join_after_equal_parts_of_a_run(
    progress: float, deep: tuple[int, ...], shallow: tuple[int, ...]
) -> None:
    assert scale_weights("stagewise", 4, progress, deep=True) == deep
    assert scale_weights("stagewise", 4, progress, deep=False) == shallow


def test_jointly_all_are_learned_from_the_beginning() -> None:
    assert scale_weights("joint", 3, 0.0, deep=True) == (1, 1, 1)
    assert scale_weights("joint", 3, 0.0, deep=False) == (0, 0, 1)
    assert scale_weights("single", 1, 0.0, deep=True) == (1,)

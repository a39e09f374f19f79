import dataclasses

import pytest

from napari_progseg.guidance.clicks import Click


def test_clicks_with_the_same_content_are_equal_and_hashable():
    click = Click((1, 2, 3), inside=True, label=2)
    assert click == Click((1, 2, 3), inside=True, label=2)
    assert len({click, Click((1, 2, 3), inside=False, label=2)}) == 2


def test_a_click_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Click((1, 2, 3), inside=True, label=2).inside = False

"""Text for the terminal."""

from __future__ import annotations

import pytest

from napari_progseg.cli.text import dice, duration, shape, spacing, table


def test_columns_are_aligned_and_the_last_is_free() -> None:
    text = table(("a", "bc", "note"), [("long", "x", "anything at all"), ("s", "y", "")])
    assert text.split("\n") == ["a     bc  note", "long  x   anything at all", "s     y"]


def test_dice_has_three_digits_and_empty_is_not_zero() -> None:
    assert dice(0.87249) == "0.872"
    assert dice(0.0) == "0.000"
    assert dice(None) == "n/a"


def test_unknown_shape_and_spacing_are_blank() -> None:
    assert (shape((35, 50, 36)), spacing((3.27, 0.9766, 0.9766))) == ("35×50×36", "3.27×0.977×0.977")
    assert (shape(None), spacing(None)) == ("", "")


@pytest.mark.parametrize(("seconds", "text"), [(4.4, "4 s"), (89, "89 s"), (300, "5 min"), (7500, "2 h 05 min")])
def test_durations_are_said_as_people_do(seconds: float, text: str) -> None:
    assert duration(seconds) == text

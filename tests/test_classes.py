from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_progseg.classes import derive_classes, make_classes, merged, outside, parse_classes, values_of
from napari_progseg.errors import UserError
from napari_progseg.volume import LabelClass


def test_typed_classes_become_values() -> None:
    assert parse_classes("hippocampus=1+2, left kidney = 7") == {"hippocampus": (1, 2), "left kidney": (7,)}


@pytest.mark.parametrize(
    "text", ["", "a", "a=", "=1", "a=x", "a=0", "a=65536", "a=1.5", "a=-1", "a=1,b=1", "a=1,a=2", "a=1+,b=2", "a=²"]
)
def test_what_names_no_class_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="nothing was written"):
        parse_classes(text)


@given(st.text())
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        classes = parse_classes(text)
    except UserError:
        return
    assert make_classes(classes)


def test_classes_are_derived_from_values_and_their_names() -> None:
    assert derive_classes([2, 0, 1, 7], {2: "a,b", 7: "a b"}) == {"label 1": (1,), "a b": (2,), "label 7": (7,)}
    assert derive_classes([], {}) == {"structure": (1,)}
    with pytest.raises(UserError, match="look like images"):
        derive_classes(range(1, 300), {})


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_the_values_of_a_class_become_its_first(dtype: type[np.unsignedinteger]) -> None:
    labels = np.array([[[0, 1, 2, 7, 200]]], dtype)
    result = merged(labels, [LabelClass("a", (2, 1)), LabelClass("b", (7, 200))])
    assert result.tolist() == [[[0, 2, 2, 7, 7]]]
    assert result.dtype == np.uint8


def test_large_values_keep_sixteen_bits_and_small_files_do_not_overflow() -> None:
    result = merged(np.array([[[1, 0]]], np.uint8), [LabelClass("a", (300, 1, 65_535))])
    assert result.tolist() == [[[300, 0]]]
    assert result.dtype == np.uint16


def test_labels_that_need_no_merging_are_not_copied() -> None:
    labels = np.ones((2, 2, 2), np.uint8)
    assert merged(labels, [LabelClass("a", (1,))]) is labels


def test_values_are_listed_without_background() -> None:
    labels = np.zeros((3, 4, 5), np.uint16)
    labels[1, 2, 3], labels[2, 0, 0] = 65_535, 3
    assert values_of(labels) == (3, 65_535)
    assert values_of(np.zeros((2, 2, 2), np.uint8)) == ()
    assert outside((0, 1, 3), [LabelClass("a", (1,))]) == (3,)

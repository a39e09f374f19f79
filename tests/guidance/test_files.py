"""Clicks read from files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_progseg.errors import UserError
from napari_progseg.geometry import Geometry
from napari_progseg.guidance.clicks import Click
from napari_progseg.guidance.drags import DragPrompt
from napari_progseg.guidance.files import classes_in, read_clicks
from napari_progseg.volume import LabelClass

BONE, TUMOUR = LabelClass("bone", (1,)), LabelClass("tumour", (7, 8))
# file axes i to the Left, j to Posterior, k to Superior: canonical z counts k backwards
GRID = Geometry((4, 5, 6), np.diag([1.0, 1.0, 2.0, 1.0]))


def write(folder: Path, document: Any) -> Path:
    path = folder / "case.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_indices_count_along_the_files_own_axes(tmp_path: Path) -> None:
    path = write(tmp_path, [{"voxel": [1, 2, 0], "inside": False, "class": "tumour"}])
    assert read_clicks(path, GRID, [BONE, TUMOUR]) == (Click((5, 2, 1), False, 7),)


def test_a_click_is_at_the_voxel_that_the_file_array_has_there(tmp_path: Path) -> None:
    array = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    (click,) = read_clicks(write(tmp_path, [{"voxel": [3, 1, 4]}]), GRID, [BONE])
    assert GRID.to_canonical(array)[click.voxel_zyx] == array[3, 1, 4]


def test_inside_and_the_only_class_may_be_left_out(tmp_path: Path) -> None:
    assert read_clicks(write(tmp_path, [{"voxel": [0, 0, 0]}]), GRID, [BONE]) == (Click((5, 0, 0), True, 1),)


def test_an_entry_that_says_how_far_the_structure_reaches_is_a_drag(tmp_path: Path) -> None:
    path = write(
        tmp_path, [{"voxel": [1, 2, 0], "reach_mm": 12.5, "class": "tumour"}, {"voxel": [0, 0, 0], "class": "bone"}]
    )
    assert read_clicks(path, GRID, [BONE, TUMOUR]) == (DragPrompt((5, 2, 1), 12.5, 7), Click((5, 0, 0), True, 1))


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ([{"voxel": [0, 0, 0], "class": "liver"}], "knows bone, tumour"),
        ([{"voxel": [0, 0, 0]}], "knows bone, tumour"),
        ([{"voxel": [0, 0, 6], "class": "bone"}], "outside the image"),
        ([{"voxel": [-1, 0, 0], "class": "bone"}], "outside the image"),
        ([{"voxel": [0, 0]}], "cannot be read"),
        ([{"position": [0, 0, 0]}], "cannot be read"),
        ({"voxel": [0, 0, 0]}, "cannot be read"),
        ([{"voxel": [0, 0, 0], "class": "bone", "reach_mm": 0}], "cannot be read"),
        ([{"voxel": [0, 0, 0], "class": "bone", "reach_mm": 3, "inside": False}], "cannot be read"),
    ],
)
def test_wrong_clicks_are_refused_with_the_reason(tmp_path: Path, document: Any, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        read_clicks(write(tmp_path, document), GRID, [BONE, TUMOUR])


def test_a_missing_or_torn_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no file of clicks"):
        read_clicks(tmp_path / "case.json", GRID, [BONE])
    (tmp_path / "case.json").write_text('[{"voxel": [1', encoding="utf-8")
    with pytest.raises(UserError, match="cannot be read"):
        read_clicks(tmp_path / "case.json", GRID, [BONE])


def test_classes_that_files_speak_about_come_in_the_order_of_the_alphabet(tmp_path: Path) -> None:
    paths = []
    for name, classes in (("a", ["tumour", "bone"]), ("b", ["bone"]), ("c", [None])):
        paths.append(tmp_path / f"{name}.json")
        entries = [{"voxel": [0, 0, 0]} | ({} if each is None else {"class": each}) for each in classes]
        paths[-1].write_text(json.dumps(entries), encoding="utf-8")
    assert classes_in(paths) == ("bone", "tumour")
    assert classes_in(paths[1:]) == ("bone",)
    assert classes_in(paths[2:]) == ("structure",)

"""Clicks and drags on a folder of scans, answered without a model of the user's own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_progseg import io
from napari_progseg.errors import UserError
from napari_progseg.geometry import Geometry
from napari_progseg.guidance.clicks import Click
from napari_progseg.guidance.drags import DragPrompt
from napari_progseg.guidance.prompts import Prompt, click_of
from napari_progseg.inference.answer import Answer
from napari_progseg.inference.gesture_folder import predict_gestures
from napari_progseg.volume import LabelMap, Volume

# file axes i to the Left, j to Posterior, k to Superior: canonical z counts k backwards
GRID = Geometry((4, 5, 6), np.diag([1.0, 1.0, 2.0, 1.0]))


class Dots:
    """Marks each clicked voxel."""

    def __init__(self) -> None:
        self.asked: list[tuple[Prompt, ...]] = []

    def set_image(self, volume: Volume) -> None:
        self.volume = volume

    def answer(self, prompts: Sequence[Prompt], revision: int, current: Any = None) -> Answer:
        self.asked.append(tuple(prompts))
        patches = []
        for click in map(click_of, prompts):
            region = tuple(slice(c, c + 1) for c in click.voxel_zyx)
            patches.append((region, np.full((1, 1, 1), click.label if click.inside else 0, np.uint16)))
        return Answer(revision, tuple(patches), 0.1)  # type: ignore[arg-type]


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path, Path]:
    """Make scans a and b, and empty folders of clicks and labels."""
    for name in ("a", "b"):
        write_labels(tmp_path / "images" / f"{name}.nii.gz", np.arange(120).reshape(6, 5, 4))
    (tmp_path / "clicks").mkdir()
    return tmp_path / "images", tmp_path / "clicks", tmp_path / "out"


def write_labels(path: Path, labels: Any, grid: Geometry = GRID) -> None:
    io.write_labels(path, LabelMap(labels.astype(np.uint8), grid))


def say(folder: Path, case: str, *entries: dict[str, Any]) -> None:
    (folder / f"{case}.json").write_text(json.dumps(entries), encoding="utf-8")


def test_scans_that_were_clicked_get_labels_on_their_own_grid(folders: tuple[Path, Path, Path]) -> None:
    _, clicks, out = folders
    say(clicks, "a", {"voxel": [1, 2, 0]}, {"voxel": [3, 0, 5], "inside": False})
    answers = Dots()
    (done,) = predict_gestures(answers, *folders)
    assert (done.case, done.labels, done.clicks, done.fault) == ("a", out / "a.nii.gz", 2, None)
    assert answers.asked == [(Click((5, 2, 1), True, 1), Click((0, 0, 3), False, 1))]
    found = io.read_labels(out / "a.nii.gz")
    assert GRID.mismatch(found.geometry) is None
    assert np.argwhere(found.labels).tolist() == [[5, 2, 1]]
    assert answers.volume.image.shape == (6, 5, 4)


def test_what_says_how_far_a_structure_reaches_is_a_drag(folders: tuple[Path, Path, Path]) -> None:
    say(folders[1], "b", {"voxel": [1, 2, 0], "reach_mm": 7.5})
    answers = Dots()
    list(predict_gestures(answers, *folders))
    assert answers.asked == [(DragPrompt((5, 2, 1), 7.5, 1),)]


def test_names_in_the_clicks_get_values_in_the_order_of_the_alphabet_the_same_in_all_scans(
    folders: tuple[Path, Path, Path],
) -> None:
    say(folders[1], "a", {"voxel": [0, 0, 0], "class": "tumour"})
    say(folders[1], "b", {"voxel": [0, 0, 0], "class": "bone"})
    answers = Dots()
    list(predict_gestures(answers, *folders))
    assert [asked[0].label for asked in answers.asked] == [2, 1]


def test_named_values_are_written_instead(folders: tuple[Path, Path, Path]) -> None:
    say(folders[1], "a", {"voxel": [0, 0, 0], "class": "tumour"})
    answers = Dots()
    list(predict_gestures(answers, *folders, classes="bone=3,tumour=9"))
    assert answers.asked[0][0].label == 9


def test_clicks_correct_a_mask_and_leave_the_rest_of_it(folders: tuple[Path, Path, Path], tmp_path: Path) -> None:
    mask = np.zeros((6, 5, 4))
    mask[0, 0, 0], mask[1, 1, 1] = 1, 4
    write_labels(tmp_path / "start" / "a.nii.gz", mask)
    say(folders[1], "a", {"voxel": [1, 2, 0]}, {"voxel": [0, 0, 5], "inside": False})
    (done,) = predict_gestures(Dots(), *folders, start=tmp_path / "start")
    assert done.start == tmp_path / "start" / "a.nii.gz"
    labels = io.read_labels(folders[2] / "a.nii.gz").labels
    assert (labels[5, 2, 1], labels[1, 1, 1], labels[0, 0, 0]) == (1, 4, 0)


def test_a_mask_on_another_grid_is_a_fault_of_its_scan_alone(folders: tuple[Path, Path, Path], tmp_path: Path) -> None:
    write_labels(
        tmp_path / "start" / "a.nii.gz", np.zeros((7, 5, 4)), Geometry.from_spacing((7, 5, 4), (2.0, 1.0, 1.0))
    )
    say(folders[1], "a", {"voxel": [1, 2, 0]})
    say(folders[1], "b", {"voxel": [1, 2, 0]})
    first, second = predict_gestures(Dots(), *folders, start=tmp_path / "start")
    assert first.fault is not None
    assert "does not lie on the grid of the image" in first.fault
    assert not (folders[2] / "a.nii.gz").exists()
    assert second.labels == folders[2] / "b.nii.gz"


def test_masks_that_belong_to_no_scan_are_refused(folders: tuple[Path, Path, Path], tmp_path: Path) -> None:
    write_labels(tmp_path / "start" / "other.nii.gz", np.zeros((6, 5, 4)))
    say(folders[1], "a", {"voxel": [1, 2, 0]})
    with pytest.raises(UserError, match="name of a scan"):
        list(predict_gestures(Dots(), *folders, start=tmp_path / "start"))


def test_a_folder_without_clicks_is_refused(folders: tuple[Path, Path, Path]) -> None:
    with pytest.raises(UserError, match=r"no CASE\.json in .*; nothing was predicted"):
        list(predict_gestures(Dots(), *folders))


def test_clicks_that_belong_to_no_scan_are_refused(folders: tuple[Path, Path, Path]) -> None:
    say(folders[1], "a", {"voxel": [0, 0, 0]})
    say(folders[1], "c", {"voxel": [0, 0, 0]})
    with pytest.raises(UserError, match="no scan belongs to the clicks c; nothing was predicted"):
        list(predict_gestures(Dots(), *folders))


def test_a_click_beyond_its_scan_is_a_fault_of_that_scan_alone(folders: tuple[Path, Path, Path]) -> None:
    say(folders[1], "a", {"voxel": [9, 0, 0]})
    say(folders[1], "b", {"voxel": [0, 0, 0]})
    first, second = predict_gestures(Dots(), *folders)
    assert "outside the image" in str(first.fault)
    assert second.fault is None


def test_the_scans_themselves_are_never_written_over(folders: tuple[Path, Path, Path]) -> None:
    images, clicks, _ = folders
    say(clicks, "a", {"voxel": [0, 0, 0]})
    before = (images / "a.nii.gz").read_bytes()
    (done,) = predict_gestures(Dots(), images, clicks, images)
    assert "is read here; nothing was written" in str(done.fault)
    assert (images / "a.nii.gz").read_bytes() == before


def test_labels_of_an_earlier_call_below_the_scans_are_no_scans(folders: tuple[Path, Path, Path]) -> None:
    images, clicks, _ = folders
    say(clicks, "a", {"voxel": [0, 0, 0]})
    for _ in range(2):
        (done,) = predict_gestures(Dots(), images, clicks, images / "labels")
        assert done.labels == images / "labels" / "a.nii.gz"

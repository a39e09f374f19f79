"""``progseg predict`` and ``evaluate`` with the starter, and with contrast alone, in the place of a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from napari_progseg import io
from napari_progseg.cli import app

# along the file's axes; a ball of 9 mm and a second structure beside it
SHAPE, SPACING, MIDDLE, RADIUS = (44, 40, 18), (1.0, 1.0, 2.0), (16, 20, 9), 9.0


def progseg(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def ball(middle: tuple[int, int, int], radius_mm: float) -> Any:
    grid = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1)
    return np.linalg.norm((grid - middle) * SPACING, axis=-1) < radius_mm


BALL, OTHER = ball(MIDDLE, RADIUS), ball((36, 20, 9), 5.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with ``images`` and ``labels`` of one bright ball, label 3, and a second one, label 7; read only."""
    folder = tmp_path_factory.mktemp("phantom")
    noise = np.random.default_rng(0).normal(0, 12, SHAPE)
    image = (100 + 120 * (BALL | OTHER) + noise).astype(np.int16)
    labels = (3 * BALL + 7 * OTHER).astype(np.uint8)
    for part, array in (("images", image), ("labels", labels)):
        (folder / part).mkdir()
        nibabel.save(nibabel.Nifti1Image(array, np.diag([*SPACING, 1.0])), folder / part / "a.nii.gz")
    return folder


def evaluated(folder: Path, out: Path, *words: object, name: str = "starter") -> tuple[Result, dict[str, Any]]:
    given = ("--images", folder / "images", "--labels", folder / "labels", "--classes", "ball=3", "--json", out)
    done = progseg("evaluate", name, *given, "--device", "cpu", *words)
    assert done.exit_code == 0, done.output + done.stderr
    return done, json.loads(out.read_text(encoding="utf-8"))


def test_one_drag_marks_a_ball_that_nobody_trained_on(folder: Path, tmp_path: Path) -> None:
    done, report = evaluated(folder, tmp_path / "dice.json", "--clicks", "1,3", "--gesture", "drag")
    assert report["clicks"]["1"] > 0.8
    assert report["clicks"]["3"] >= report["clicks"]["1"] - 0.02
    assert report["gesture"] == "drag"
    assert report["cases"] == [{"case": "a", "structures": {"ball": report["clicks"]}}]
    told = f"mean Dice after 1 gesture a structure and volume, the first a drag: {report['clicks']['1']:.3f}"
    assert told in done.stdout
    assert "1 cases" in done.stdout


def test_contrast_alone_is_measured_with_the_same_gestures(folder: Path, tmp_path: Path) -> None:
    done, report = evaluated(folder, tmp_path / "dice.json", "--clicks", "1", name="contrast")
    assert 0 < report["clicks"]["1"] < 0.5
    assert "mean Dice after 1 gesture a structure and volume: " in done.stdout


@pytest.mark.parametrize("entry", [{}, {"reach_mm": RADIUS}], ids=["click", "drag"])
def test_clicks_and_drags_on_a_folder_become_labels_on_the_scans_grid(
    folder: Path, tmp_path: Path, entry: dict[str, float]
) -> None:
    (tmp_path / "clicks").mkdir()
    entries = [{"voxel": list(MIDDLE), **entry}]
    (tmp_path / "clicks" / "a.json").write_text(json.dumps(entries), encoding="utf-8")
    folders = ("--images", folder / "images", "--clicks", tmp_path / "clicks", "--out", tmp_path / "out")
    done = progseg("predict", "starter", *folders, "--device", "cpu", "--classes", "ball=5")
    assert done.exit_code == 0, done.output + done.stderr
    assert f"a: {tmp_path / 'out' / 'a.nii.gz'}, 1 clicks" in done.stdout
    scan, labels = io.read_volume(folder / "images" / "a.nii.gz"), io.read_labels(tmp_path / "out" / "a.nii.gz")
    assert scan.geometry.mismatch(labels.geometry) is None
    mask = np.asarray(nibabel.load(tmp_path / "out" / "a.nii.gz").dataobj) == 5
    assert mask[MIDDLE]
    assert not mask[0].any()
    if entry:
        assert 2 * (mask & BALL).sum() / (mask.sum() + BALL.sum()) > 0.8


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("predict", "starter", "--images", ".", "--out", "out"), "give --clicks DIR"),
        (("predict", "contrast", "--images", ".", "--out", "out"), "give --clicks DIR"),
        (("evaluate", "starter"), "give --images, --labels and --classes"),
        (("evaluate", "starter", "--images", ".", "--labels", "."), "give --images, --labels and --classes"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(words: tuple[str, ...], reason: str) -> None:
    done = progseg(*words)
    assert done.exit_code == 2
    assert done.stderr.startswith("progseg: ")
    assert done.stderr.count("\n") == 1
    assert reason in done.stderr


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--clicks", "0,1"), "marks nothing without one"),
        (("--clicks", "many"), "are no numbers of clicks"),
        (("--classes", "ball"), "names no class"),
        (("--cases", "5"), "belongs to no project"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(folder: Path, words: tuple[str, ...], reason: str) -> None:
    given = ("--images", folder / "images", "--labels", folder / "labels", "--classes", "ball=3")
    done = progseg("evaluate", "starter", *given, *words)
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert reason in done.stderr
    assert "nothing was evaluated" in done.stderr or "nothing was written" in done.stderr


def test_structures_that_no_case_holds_are_no_measurement(folder: Path) -> None:
    given = ("--images", folder / "images", "--labels", folder / "labels", "--classes", "liver=9")
    done = progseg("evaluate", "contrast", *given)
    assert done.exit_code == 2
    assert "liver" in done.stderr


def test_a_scan_that_cannot_be_answered_is_told_and_ends_with_2(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"voxel": [99, 0, 0]}]', encoding="utf-8")
    folders = ("--images", folder / "images", "--clicks", tmp_path, "--out", tmp_path / "out")
    done = progseg("predict", "contrast", *folders)
    assert done.exit_code == 2
    assert "progseg: a: " in done.stderr
    assert not (tmp_path / "out" / "a.nii.gz").exists()


@pytest.mark.parametrize("words", [("--classes", "ball=3"), ("--gesture", "drag")])
def test_options_of_the_starter_are_refused_for_a_run(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = progseg("evaluate", tmp_path, "--cases", "test", "--json", tmp_path / "dice.json", *words)
    assert done.exit_code == 2
    assert "a run knows its own classes" in done.stderr


def test_the_starter_may_learn_from_case_to_case(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_progseg.training.learned.COUNTS", (1,))
    done, report = evaluated(folder, tmp_path / "dice.json", "--clicks", "1", "--learn")
    (turn,) = report["cases"]
    assert turn["structures"]["ball"]["without"] == turn["structures"]["ball"]["learning"], "it has learned nothing yet"
    assert report["from_second_case"] == {"1": {"without": None, "learning": None}}
    assert "s to learn from one" in done.stdout


def test_contrast_cannot_learn(folder: Path) -> None:
    given = ("--images", folder / "images", "--labels", folder / "labels", "--classes", "ball=3")
    done = progseg("evaluate", "contrast", *given, "--learn")
    assert done.exit_code != 0
    assert "the contrast cannot learn" in done.output + done.stderr

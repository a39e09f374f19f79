"""What a run reached on held-out patients, kept in its folder."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_progseg.errors import UserError
from napari_progseg.inference.evaluate import CaseResult, EvaluationReport
from napari_progseg.inference.measured import FILE, class_means, held_out, keep, kept
from napari_progseg.project import Project
from napari_progseg.storage.atomic import write_json
from napari_progseg.training.config import preset_config

REPORT = EvaluationReport(
    (
        CaseResult(
            "a",
            {0: {"left": 0.5, "right": None}, 3: {"left": 0.75, "right": None}},
            {0: {"left": 0.5}, 3: {"left": 0.8}},
        ),
        CaseResult(
            "b", {0: {"left": 0.7, "right": 0.2}, 3: {"left": 0.85, "right": 0.4}}, {0: {"left": 0.7}, 3: {"left": 0.9}}
        ),
    ),
    ("c",),
    (0, 3),
    "slice",
    2,
    120,
)


def test_a_report_is_kept_with_the_run_and_read_again(tmp_path: Path) -> None:
    assert kept(tmp_path) is None
    keep(tmp_path, REPORT.to_json())
    found = kept(tmp_path)
    assert found == REPORT.to_json()
    assert found is not None
    assert found["step"] == 120
    keep(tmp_path, {**REPORT.to_json(), "step": 240})
    assert (kept(tmp_path) or {})["step"] == 240


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"clicks": {}}'])
def test_a_damaged_report_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content, encoding="utf-8")
    assert kept(tmp_path) is None


def test_classes_are_averaged_over_the_cases_that_hold_them() -> None:
    found = class_means(REPORT.to_json())
    assert found["left"] == pytest.approx([0.6, 0.8])
    assert found["right"] == [0.2, 0.4]


def test_held_out_are_persons_whom_the_run_has_neither_learned_from_nor_was_checked_on(tmp_path: Path) -> None:
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
        for name in ("a_frame1", "a_frame2", "b", "c", "d"):
            image = nibabel.Nifti1Image(np.eye(4, dtype=np.int16)[None].repeat(4, 0), np.eye(4))
            if part == "images" or name != "d":
                nibabel.save(image, tmp_path / part / f"{name}.nii.gz")
    project = Project.create(tmp_path / "project", tmp_path / "images", tmp_path / "labels")
    run = project.runs_dir / "0001-first"
    config = preset_config("tiny", "segmentation", train=("a_frame1",), budget={"steps": 1})
    write_json(run / "config.json", config.model_dump(mode="json"))
    assert held_out(project, run) == ("b", "c")
    config = preset_config("tiny", "segmentation", train=("a_frame1", "b"), validation=("c",), budget={"steps": 1})
    write_json(run / "config.json", config.model_dump(mode="json"))
    with pytest.raises(UserError, match="every completed case; nothing was measured"):
        held_out(project, run)

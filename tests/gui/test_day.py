"""An annotator's day in the real window, in its short form, from the folder of real scans to the exported labels."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_progseg.project import CaseState, Project
from napari_progseg.training.watch import status

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "annotators_day.py"
STEPS = (
    "open folder",
    "learn from all scans",
    "label without a model",
    "fine tune",
    "next patient",
    "how many more",
    "adapt",
    "predict all",
    "export",
)


def test_a_day_from_the_folder_of_scans_to_the_exported_labels(shared_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "day"
    command = [sys.executable, str(SCRIPT), str(shared_data / "msd_hippocampus"), str(out), "--short"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=900)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    delays = json.loads((out / "delays.json").read_text(encoding="utf-8"))
    assert set(STEPS) <= set(delays)

    project = Project.open(out / "study")
    clicked = [deed for deed in deeds(out) if deed["what"] == "completed"]
    assert len(clicked) == 2
    assert all(project.case(deed["case"]).state is CaseState.COMPLETED for deed in clicked)
    assert [status(run).state for run in project.runs()] == ["finished"] * 7
    left = {case.id for case in project.cases if case.state is not CaseState.COMPLETED}
    exported = out / "study-export"
    assert {path.name.split(".")[0] for path in (exported / "predictions").iterdir()} == left
    for deed in clicked:
        mask = nibabel.load(exported / "labels" / f"{deed['case']}.nii.gz")
        scan = nibabel.load(out / "scans" / "images" / f"{deed['case']}.nii.gz")
        assert mask.shape == scan.shape
        np.testing.assert_allclose(mask.affine, scan.affine, atol=1e-3)
        assert np.asarray(mask.dataobj).any()


def deeds(out: Path) -> list[dict[str, object]]:
    """Return what the window has shown as done."""
    return [json.loads(line) for line in (out / "deeds.jsonl").read_text(encoding="utf-8").splitlines()]

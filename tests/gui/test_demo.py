"""The demo drives the real window to its end, and deletes nothing that is not its own."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

from napari_progseg.errors import UserError
from napari_progseg.gui import demo


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious", encoding="utf-8")
    with pytest.raises(UserError, match="nothing was written"):
        demo.main(tmp_path, drive=True)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_the_driven_demo_ends_with_pictures_labels_and_a_table(tmp_path: Path) -> None:
    output = tmp_path / "demo-output"
    code = f"from pathlib import Path; from napari_progseg.gui.demo import main; main(Path({str(output)!r}), "
    command = [sys.executable, "-c", code + "drive=True, minutes=0.3)"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False, timeout=540)
    assert done.returncode == 0, done.stdout + done.stderr
    assert str(output) in done.stdout.splitlines()[-1]
    assert "Traceback" not in done.stderr
    pictures = {path.name for path in (output / "screenshots").iterdir()}
    assert pictures == {f"dock-{part}.png" for part in ("patients", "annotate", "train", "results")}
    scan = nibabel.load(output / "scans" / "images" / "leg_007.nii.gz")
    mask = nibabel.load(output / "labels" / "leg_007.nii.gz")
    assert mask.shape == scan.shape
    np.testing.assert_allclose(mask.affine, scan.affine, atol=1e-3)
    rows = list(csv.DictReader((output / "dice.csv").open(encoding="utf-8")))
    assert rows[0]["mask"] == "whole patient"
    assert all(0 <= float(row["Dice fibula"]) <= 1 for row in rows)
    assert not (output / "study" / "runs" / "0001-interactive" / "alive.json").exists()

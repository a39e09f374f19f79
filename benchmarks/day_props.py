"""What an annotator's day needs: scans in a folder, a model of another centre, the next click, answers to dialogs."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog, QMessageBox, QWidget

from napari_progseg.guidance.simulate import next_clicks
from napari_progseg.project import Project

LABELLED, NEW, ELSEWHERE = 5, 7, 4
_LEAST_ERROR = 5
_ASKED_MS = 200


@contextmanager
def answering(folder: Path) -> Iterator[None]:
    """Answer the dialog that asks for a folder."""
    with mock.patch.object(QFileDialog, "getExistingDirectory", return_value=str(folder)):
        yield


def close(window: QWidget) -> None:
    """Close a window, and take the answer that it offers first where it asks."""
    timer = QTimer()
    timer.timeout.connect(_answer)
    timer.start(_ASKED_MS)
    window.close()
    timer.stop()


def _answer() -> None:
    if isinstance(box := QApplication.activeModalWidget(), QMessageBox):
        QTest.keyClick(box, Qt.Key.Key_Return)


def running(run: Path | None) -> int | None:
    """Return the process of a run."""
    alive = None if run is None else run / "alive.json"
    return json.loads(alive.read_text(encoding="utf-8")).get("pid") if alive is not None and alive.exists() else None


def checksum(labels: NDArray[Any]) -> int:
    """Return a number that stands for a label map."""
    return zlib.crc32(np.ascontiguousarray(labels, dtype=np.uint8).tobytes())


def next_click(mask: NDArray[np.bool_], truth: NDArray[np.bool_]) -> tuple[tuple[int, int, int], bool] | None:
    """Return the voxel in the middle of the largest error, and whether it lies inside; None if there is none."""
    import torch

    found = next_clicks(*(torch.from_numpy(each[None]) for each in (mask, truth)), min_component=_LEAST_ERROR)
    if not found.found[0]:
        return None
    z, y, x = found.positions[0].tolist()
    return (z, y, x), bool(found.inside[0])


def lay_out(data: Path, out: Path) -> None:
    """Copy the scans of the day, some with labels, into a folder."""
    names = sorted(path.name for path in (data / "images").glob("*.nii.gz"))[: LABELLED + NEW]
    for number, name in enumerate(names):
        for kind in ("images", "labels")[: 2 if number < LABELLED else 1]:
            (out / "scans" / kind).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(data / kind / name, out / "scans" / kind / name)


def other_centre(data: Path, out: Path, steps: int) -> Path:
    """Train a model on other patients, which stands for another centre's; return its run."""
    from napari_progseg.training.config import preset_config
    from napari_progseg.training.run import create_run, execute

    names = sorted(path.name for path in (data / "images").glob("*.nii.gz"))[-ELSEWHERE:]
    for kind in ("images", "labels"):
        (out / "elsewhere" / kind).mkdir(parents=True, exist_ok=True)
        for name in names:
            shutil.copyfile(data / kind / name, out / "elsewhere" / kind / name)
    folder = out / "elsewhere"
    project = Project.create(folder / "study", folder / "images", folder / "labels", {"hippocampus": (1, 2)})
    train, (check,) = tuple(case.id for case in project.cases[:-1]), (project.cases[-1].id,)
    config = preset_config("tiny", "segmentation", train=train, validation=(check,), budget={"steps": steps})
    run = create_run(project, config)
    list(execute(run))
    return run

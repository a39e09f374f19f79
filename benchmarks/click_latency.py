"""From a click to the updated mask on a 512×512 slice, through the dock: median and 95th percentile.

``python benchmarks/click_latency.py`` clicks in the real window on a made-up CT, answered by models that were trained
on it for a few steps and by the starter, and prints the time from the press of the mouse to the first frame on the
screen that shows the mask. The starter marks a structure in all slices; its first click looks for the size.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

import nibabel
import numpy as np
import torch
from qtpy.QtTest import QTest

from heartbeat import percentile
from napari_progseg.gui.driving import WINDOW, Driver, open_window
from napari_progseg.io import write_labels
from napari_progseg.project import Project
from napari_progseg.samples import leg_ct
from napari_progseg.training.config import apply_settings, preset_config
from napari_progseg.training.run import create_run, execute

SHAPE, STEPS, CLICKS, WARM = (24, 512, 512), 20, 30, 3


def make_project(folder: Path, dims: int | None) -> Project:
    """Write two scans of 512×512 slices, one labelled, and train on that one for a few steps; None trains nothing."""
    for number in range(2):
        volume, labels = leg_ct(number, shape_zyx=SHAPE)
        image = nibabel.Nifti1Image(volume.geometry.from_canonical(volume.image), volume.geometry.affine_ras)
        (folder / "images").mkdir(parents=True, exist_ok=True)
        nibabel.save(image, folder / "images" / f"leg_{number}.nii.gz")
        if number == 0:
            write_labels(folder / "labels" / f"leg_{number}.nii.gz", labels)
    project = Project.create(folder / "study", folder / "images", folder / "labels", {"fibula": (1,)})
    if dims is None:
        return project
    config = preset_config("tiny", "interactive", train=("leg_0",), budget={"steps": STEPS})
    list(execute(create_run(project, apply_settings(config, [f"model.dims={dims}", "clicks.after=0"]))))
    return project


def seconds_of_clicks(project: Project) -> list[float]:
    """Click into many places; return seconds from press to drawn mask."""
    viewer, dock = open_window(size=WINDOW)
    driver = Driver(viewer, dock)
    driver.wait(lambda: dock.desk.device, "torch to be loaded", 180)
    dock.open_project(project.root)
    wanted = "own" if project.runs() else "starter"
    driver.wait(lambda: dock.desk.answerer.by == wanted, "who answers", 60)
    dock.open_case("leg_1")
    driver.wait(lambda: dock.desk.case is not None, "the patient", 60)
    dock.show_part("Annotate")
    changes: list[float] = []
    frames: list[float] = []
    dock.desk.case.changed.connect(lambda: changes.append(time.perf_counter()))
    driver.canvas().frameSwapped.connect(lambda: frames.append(time.perf_counter()))
    found = []
    rng = np.random.default_rng(0)
    z = SHAPE[0] // 2
    driver.show_slice(z)
    for _ in range(WARM + CLICKS):
        y, x = (int(value) for value in rng.integers(150, 360, 2))
        QTest.qWait(200)
        changes.clear()
        began = time.perf_counter()
        driver.press_voxel((z, y, x))
        # the first change is the click itself, the last one the answer
        driver.wait(lambda: len(changes) > 1 and not dock.desk.answerer.answering, "the answer", 60)
        driver.wait(lambda: frames[-1] > changes[-1], "the frame", 60)
        found.append(next(frame for frame in frames if frame > changes[-1]) - began)
    dock.desk.close()
    driver.wait(lambda: not dock.desk.background.busy, "the workers to end", 60)
    viewer.close()
    return found[WARM:]


def main() -> None:
    """Print median and 95th percentile in 2D and 3D."""
    with tempfile.TemporaryDirectory() as own:
        os.environ.update(XDG_CONFIG_HOME=own, NAPARI_CONFIG=str(Path(own) / "napari.yaml"))
        device = (
            torch.cuda.get_device_name() if torch.cuda.is_available() else f"CPU, {torch.get_num_threads()} threads"
        )
        print(f"click to drawn mask, slices of 512×512, {CLICKS} clicks, {device}")
        for name, dims in (("2D model", 2), ("3D model", 3), ("starter", None)):
            seconds = seconds_of_clicks(make_project(Path(own) / name.split()[0], dims))
            median, late = statistics.median(seconds), percentile(seconds, 0.95)
            print(f"{name}: median {median:.2f} s, 95th percentile {late:.2f} s", flush=True)


if __name__ == "__main__":
    main()

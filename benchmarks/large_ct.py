"""Peak memory of napari with a CT of 512 × 512 × 800 voxels: open, click, predict with a tiny 2D model, save.

Run ``python benchmarks/large_ct.py``; without a screen it uses Xvfb. It ends with status 1 above the limit.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel
import numpy as np

from napari_progseg.doctor import has_screen

SHAPE_ZYX = (800, 512, 512)
SPACING_MM = (0.8, 0.8, 1.0)  # of the file's axes i, j, k
LIMIT_GB = 3.0
STEPS = 20
NAME = "large"


def main() -> int:
    """Prepare in this process, measure in a fresh one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--window", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--slices", type=int, default=SHAPE_ZYX[0], help="fewer slices for a quick look")
    given = parser.parse_args()
    if given.window is not None:
        return measure(given.window)
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), given.slices)
        command = [sys.executable, __file__, "--window", str(Path(folder) / "study")]
        if not has_screen():
            command = ["xvfb-run", "-a", "-s", "-screen 0 1280x1024x24", *command]
        settings = {"LIBGL_ALWAYS_SOFTWARE": "1", "NAPARI_CONFIG": str(Path(folder) / "napari.yaml")}
        environment = {**os.environ, **settings, "XDG_CONFIG_HOME": folder}
        return subprocess.run(command, env=environment, check=False).returncode


def prepare(folder: Path, slices: int) -> None:
    """Write the CT beside a few small legs, and train an interactive 2D model on these."""
    from napari_progseg.project import Project
    from napari_progseg.samples import write_cohort
    from napari_progseg.training.config import apply_settings, preset_config
    from napari_progseg.training.run import create_run, execute

    write_cohort(folder, "leg", patients=2)
    write_ct(folder / "images" / f"{NAME}.nii", slices)
    project = Project.create(folder / "study", folder / "images", folder / "labels", {"fibula": (1,)})
    project.set_modality("ct")
    legs = tuple(case.id for case in project.completed)
    config = preset_config("tiny", "interactive", train=legs, budget={"steps": STEPS}, device="cpu")
    list(execute(create_run(project, apply_settings(config, ["model.dims=2", "patches.batch=4"]))))


def write_ct(path: Path, slices: int) -> None:
    """Write an uncompressed leg in air, slice by slice."""
    rng = np.random.default_rng(0)
    shape_ijk = (*SHAPE_ZYX[:0:-1], slices)
    header = nibabel.Nifti1Header()
    header.set_data_dtype(np.int16)
    header.set_data_shape(shape_ijk)
    header.set_sform(np.diag([*SPACING_MM, 1.0]), code=1)
    header.set_xyzt_units("mm")
    header["magic"], header["vox_offset"] = b"n+1", 352
    y, x = np.mgrid[: SHAPE_ZYX[1], : SHAPE_ZYX[2]] - 256.0
    plane = np.where(np.hypot(y, x) < 200, 50.0, -1000.0)
    plane[np.hypot(y - 60, x - 40) < 14] = 1100
    with path.open("wb") as file:
        file.write(header.binaryblock + bytes(4))
        for _ in range(slices):
            file.write((plane + rng.normal(0, 15, plane.shape)).astype("<i2").tobytes())


def measure(study: Path) -> int:
    """Do the work in the window and report the peak of this process."""
    from napari_progseg.gui.driving import WINDOW, Driver, open_window

    viewer, dock = open_window(size=WINDOW)
    driver, desk = Driver(viewer, dock), dock.desk
    clock = Clock()
    dock.open_project(study)
    driver.wait(lambda: desk.answerer.run is not None, "the model", 180)
    clock.tell("window and project")
    dock.open_case(NAME)
    driver.wait(lambda: desk.case is not None, "the CT", 180)
    shape = desk.case.predicted.shape
    clock.tell(f"open {shape} {desk.case.volume.image.dtype}")
    driver.click((shape[0] // 2, 316, 296))
    driver.wait_for_answer(180)
    clock.tell("click")
    driver.press(dock.annotate.predict)
    driver.wait(lambda: desk.case.base > 0, "the whole CT", 3000)
    clock.tell("predict")
    before = time.time()
    driver.press(dock.annotate.accept)
    label = study / "labels" / f"{NAME}.nii.gz"
    driver.wait(lambda: label.exists() and label.stat().st_mtime >= before - 1, "the saved labels", 600)
    driver.wait(lambda: not desk.background.busy, "the workers to end", 60)
    clock.tell("accept and save")
    desk.close()
    viewer.close()
    return verdict()


class Clock:
    """Tells how long each step took and the peak so far."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def tell(self, step: str) -> None:
        """Print the time since the last call."""
        now = time.monotonic()
        print(f"{step:40} {now - self._last:7.1f} s   peak RSS {peak_gb():.2f} GB", flush=True)
        self._last = now


def peak_gb() -> float:
    """Return the largest resident memory this process has had."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def verdict() -> int:
    peak = peak_gb()
    print(f"peak RSS of napari: {peak:.2f} GB, limit {LIMIT_GB} GB: {'met' if peak <= LIMIT_GB else 'MISSED'}")
    return int(peak > LIMIT_GB)


if __name__ == "__main__":
    if not has_screen() and shutil.which("xvfb-run") is None:
        sys.exit("there is no screen and no xvfb-run; nothing was started; install xvfb")
    sys.exit(main())

"""Photograph the part *Shape* of the dock in the real window, on generated bodies that a run has learned.

``xvfb-run -a -s "-screen 0 1280x800x24" python scripts/pictures/shape_dock.py`` trains for some minutes;
``--project FOLDER`` keeps project and run for the next call.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from qtpy.QtTest import QTest

from napari_progseg.gui.driving import WINDOW, Driver, open_window
from napari_progseg.project import Project
from napari_progseg.samples.cohort import write_cohort
from napari_progseg.training.config import preset_config
from napari_progseg.training.run import create_run, execute
from napari_progseg.training.watch import status

BODIES, CHECKED, STEPS, VOXELS = 30, 2, 400, 24
NAMES = ("dock-shape-train.png", "dock-shape.png", "dock-shape-3d.png")


def trained(folder: Path) -> Project:
    """Open the project of a folder, or make it; all bodies but the last teach a run, if none has ended."""
    if not (folder / "progseg.json").exists():
        scans = folder.parent / f"{folder.name}-scans"
        write_cohort(scans, "supershape", BODIES, voxels=VOXELS)
        Project.create(folder, scans / "images", scans / "labels", {"body": (1,)})
    project = Project.open(folder)
    if not any(status(run).state == "finished" for run in project.runs()):
        cases = tuple(case.id for case in project.cases)[:-1]
        config = preset_config(
            "tiny", "shape", name="shape", train=cases[CHECKED:], validation=cases[:CHECKED], budget={"steps": STEPS}
        )
        for _ in execute(create_run(project, config)):
            pass
    return project


def photograph(project: Project, folder: Path) -> None:
    """Choose the mode, predict the last body, and turn it to 3D along its first mode."""
    viewer, dock = open_window(size=WINDOW)
    driver = Driver(viewer, dock)
    desk, part = dock.desk, dock.results.shape
    driver.wait(lambda: desk.device, "torch", 180)
    dock.open_project(project.root)
    driver.wait(lambda: desk.runs.rows and not desk.background.busy, "the runs", 60)
    case = project.cases[-1].id
    dock.open_case(case)
    driver.wait(lambda: desk.case is not None, case, 60)
    dock.show_part("Train")
    dock.train.choose_mode("shape")
    QTest.qWait(500)
    driver.photograph(folder / NAMES[0])
    dock.show_part("Results")
    area = part.parentWidget().parentWidget().parentWidget()
    driver.press(part.predict)
    driver.wait(lambda: part.shaped is not None and part.found is not None, "the shape", 120)
    area.ensureWidgetVisible(part, 0, 0)
    driver.photograph(folder / NAMES[1])
    driver.press(part.controls.turn)
    part.controls.slider.setValue(20)
    QTest.qWait(500)
    driver.photograph(folder / NAMES[2])
    desk.close()
    driver.wait(lambda: not desk.background.busy, "the workers", 30)
    viewer.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=Path("docs/images"))
    parser.add_argument("--project", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        photograph(trained(given.project or Path(temporary) / "bodies"), given.folder)

"""Napari without the plugin, doing the layer operations of `annotators_day.py`: what it stalls by itself.

As in the day, a training goes on beside it, in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from napari.layers import Labels, Points
from napari.utils.colormaps import DirectLabelColormap
from napari.viewer import Viewer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from heartbeat import Heartbeat, write_delays
from napari_progseg.gui.driving import WINDOW
from napari_progseg.gui.layers import warm_up
from napari_progseg.io import read_volume
from napari_progseg.project import Project
from napari_progseg.training.config import preset_config
from napari_progseg.training.run import create_run, start
from napari_progseg.training.watch import is_alive, request, status

_COLOURS = {None: "transparent", 0: "transparent", 1: "orange", 2: "teal"}
_PATIENTS, _CLICKS, _PAUSE_MS = 3, 8, 60
_MOST_MINUTES, _MOST_SECONDS_TO_BEGIN = 10, 120


def open_patient(viewer: Viewer, scan: Path) -> tuple[Labels, Labels, Points]:
    """Show a scan as the dock does: image, prediction, labels, clicks."""
    volume = read_volume(scan)
    scale = volume.geometry.spacing_zyx_mm
    viewer.add_image(volume.image, scale=scale, units=("mm",) * 3)
    prediction, labels = (
        viewer.add_labels(
            np.zeros(volume.image.shape, np.uint8),
            scale=scale,
            units=("mm",) * 3,
            opacity=0.5,
            colormap=DirectLabelColormap(color_dict=_COLOURS),
        )
        for _ in range(2)
    )
    labels.contour = 2
    points = viewer.add_points(
        ndim=3,
        size=1,
        scale=scale,
        units=("mm",) * 3,
        canvas_size_limits=(10, 10),
        text={"string": "{sign}", "color": "white", "size": 9, "anchor": "center"},
        features={"sign": np.empty(0, str)},
    )
    viewer.reset_view()
    QTest.qWait(_PAUSE_MS)
    return prediction, labels, points


def click(viewer: Viewer, prediction: Labels, points: Points, number: int) -> None:
    """Add a point and change a box of the prediction in place, in another slice each time."""
    z = number % prediction.data.shape[0]
    viewer.dims.set_point(0, z * prediction.scale[0])
    QTest.qWait(_PAUSE_MS)
    points.data = np.vstack([points.data, [z, 8, 8]])
    points.features = {"sign": ["+"] * len(points.data)}
    points.face_color = ["green"] * len(points.data)
    prediction.data[max(0, z - 2) : z + 3, 4:12, 4:12] = 1
    prediction.refresh(extent=False, thumbnail=False, highlight=False)
    QTest.qWait(_PAUSE_MS)


def live(scans: Sequence[Path], beat: Heartbeat) -> None:
    """Open patients, click, accept, close them."""
    beat.start()
    beat.step = "window"
    viewer = Viewer(title="bare")
    viewer.window.resize(*WINDOW)
    QTest.qWait(1000)
    for scan in scans:
        beat.step = "open patient"
        prediction, labels, points = open_patient(viewer, scan)
        beat.step = "click"
        for number in range(_CLICKS):
            click(viewer, prediction, points, number)
        beat.step = "accept"
        labels.data[...] = prediction.data
        labels.refresh(extent=False, thumbnail=False, highlight=False)
        QTest.qWait(_PAUSE_MS)
        beat.step = "paint"
        viewer.layers.selection.active = labels
        labels.contour = 0
        labels.mode = "paint"
        for offset in range(4):
            labels.paint((2, 10, 10 + offset), 1)
            QTest.qWait(_PAUSE_MS)
        beat.step = "leave patient"
        viewer.layers.clear()
        QTest.qWait(_PAUSE_MS)
    viewer.close()


@contextmanager
def training(images: Path) -> Iterator[None]:
    """Learn from all scans meanwhile, as the dock does: with low priority, and a thread less than there are cores."""
    with tempfile.TemporaryDirectory() as folder:
        project = Project.create(Path(folder) / "study", images, None, {"hippocampus": (1, 2)})
        cases = tuple(case.id for case in project.cases[:12])
        run = create_run(project, preset_config("tiny", "restoration", train=cases, budget={"minutes": _MOST_MINUTES}))
        start(run, low_priority=True, threads=max(1, (os.cpu_count() or 2) - 1))
        end = time.monotonic() + _MOST_SECONDS_TO_BEGIN
        while status(run).step == 0 and time.monotonic() < end:
            time.sleep(0.2)
        try:
            yield
        finally:
            request(run, want="stop")
            while is_alive(run):
                time.sleep(0.2)


def main() -> None:
    """Write the delays of bare napari."""
    parser = argparse.ArgumentParser(description="Time bare napari's event loop.")
    parser.add_argument("data", type=Path, help="folder with images/")
    parser.add_argument("out", type=Path, help="file of the delays")
    asked = parser.parse_args()
    own = asked.out.parent / "bare-settings"
    os.environ.update(XDG_CONFIG_HOME=str(own), NAPARI_CONFIG=str(own / "napari.yaml"))
    application = QApplication([])  # before any timer
    warm_up()  # as the dock does, so that what napari compiles once is no stall of either
    beat = Heartbeat()
    with training(asked.data / "images"):
        live(sorted((asked.data / "images").glob("*.nii.gz"))[:_PATIENTS], beat)
        beat.stop()
    write_delays(beat, asked.out)
    application.quit()


if __name__ == "__main__":
    main()

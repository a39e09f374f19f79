"""Napari without the plugin, doing the layer operations of `annotators_day.py`: what it stalls by itself."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
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

_COLOURS = {None: "transparent", 0: "transparent", 1: "orange", 2: "teal"}
_PATIENTS, _CLICKS, _PAUSE_MS = 3, 8, 60


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
        labels.contour = 0
        labels.mode = "paint"
        for offset in range(4):
            labels.paint((2, 10, 10 + offset), 1)
            QTest.qWait(_PAUSE_MS)
        beat.step = "leave patient"
        viewer.layers.clear()
        QTest.qWait(_PAUSE_MS)
    viewer.close()


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
    beat.start()
    live(sorted((asked.data / "images").glob("*.nii.gz"))[:_PATIENTS], beat)
    beat.stop()
    write_delays(beat, asked.out)
    application.quit()


if __name__ == "__main__":
    main()

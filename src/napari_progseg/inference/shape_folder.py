"""Find the shape in every scan of a folder, and write points, surface and mask beside each other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .. import io, matching
from ..errors import UserError
from ..io.names import label_suffix
from ..shape.export import write_points, write_surface
from ..volume import LabelMap
from .shapes import TrainedShapes, predict_shape


@dataclass(frozen=True, slots=True)
class FoundShape:
    """What became of one scan: the files that were written, or why there are none."""

    case: str
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    fault: str | None = None


def predict_shapes(trained: TrainedShapes, images: Path, out: Path, *, mirrored: bool = False) -> Iterator[FoundShape]:
    """Write ``CASE.particles``, ``CASE.csv`` and ``CASE.ply`` in world mm, and the mask on the scan's own grid.

    A scan that cannot be read does not stop the others.

    Raises
    ------
    UserError
        If there is no scan, or two scans have one name.
    """
    images, out = images.resolve(), out.resolve()
    scans, passed_over = matching.find_scans(images, [out] if images in out.parents else [], out)
    yield from (FoundShape("DICOM folder", fault=reason) for reason in passed_over)
    for scan in scans:
        try:
            yield _found(trained, scan, out, mirrored=mirrored)
        except UserError as error:
            yield FoundShape(scan.id, fault=str(error))


def _found(trained: TrainedShapes, scan: matching.Scan, out: Path, *, mirrored: bool) -> FoundShape:
    volume = io.read_volume(scan.image, series=scan.series)
    shape = predict_shape(trained, volume, mirrored=mirrored)
    mask_file = out / f"{scan.id}{label_suffix(scan.image)}"
    if mask_file.exists() and mask_file.samefile(scan.image):
        raise UserError(f"{mask_file} is the scan itself; nothing was written; choose another folder for the shapes")
    files = [out / f"{scan.id}{suffix}" for suffix in (".particles", ".csv", ".ply")]
    write_points(files[0], shape.points[-1], volume.geometry)
    write_points(files[1], shape.points[-1], volume.geometry)
    write_surface(files[2], shape.surface, volume.geometry)
    if shape.mask is not None:
        structure = trained.plan.classes[0]
        values = np.where(shape.mask > 0, np.uint16(structure.value), np.uint16(0))
        io.write_labels(mask_file, LabelMap(values, volume.geometry, {structure.value: structure.name}))
        files.append(mask_file)
    return FoundShape(scan.id, tuple(files), shape.notes)

"""Two centres made of one: some cases as they are, others as another centre would have them."""

from __future__ import annotations

import zlib
from pathlib import Path

import nibabel as nib

from .. import io
from ..project import Project
from ..samples.centre import CentreShift, shifted
from ..storage.atomic import writing


def write_two_centres(
    project: Project, source: tuple[str, ...], target: tuple[str, ...], shift: CentreShift, folder: Path
) -> Path:
    """Write cases of a project as two centres: ``images/a_CASE`` as they are, ``images/b_CASE`` shifted.

    Parameters
    ----------
    source, target : tuple of str
        Completed cases of the project; none in both.
    folder : Path
        Gets ``images/`` and ``labels/``; files that are there stay.

    Returns
    -------
    Path
        The folder.
    """
    for centre, cases in (("a", source), ("b", target)):
        for case in cases:
            _write_case(project, case, shift if centre == "b" else None, folder, f"{centre}_{case}")
    return folder


def _write_case(project: Project, case: str, shift: CentreShift | None, folder: Path, name: str) -> None:
    image_path, label_path = (folder / part / f"{name}.nii.gz" for part in ("images", "labels"))
    if label_path.exists():
        return
    volume, labels = project.volume(case), project.labels(case)
    assert labels is not None, "only completed cases are written"
    if shift is not None:
        volume, labels = shifted(volume, labels, shift, zlib.crc32(case.encode()))
    geometry = volume.geometry
    with writing(image_path, size=volume.image.nbytes) as temp:
        nib.save(nib.Nifti1Image(geometry.from_canonical(volume.image), geometry.affine_ras), temp)
    # the labels come last: a case with labels is complete
    io.write_labels(label_path, labels)

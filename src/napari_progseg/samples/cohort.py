"""Generated patients as files, laid out as a project expects them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import nibabel as nib

from .. import io
from ..storage.atomic import writing
from ..volume import LabelMap, Volume
from .leg import leg_ct
from .mr import two_part_mr
from .supershapes import supershape

CohortKind = Literal["leg", "mr", "supershape"]

_SUPERSHAPE_FIELD_MM = 64.0


def write_cohort(
    folder: Path,
    kind: CohortKind,
    patients: int,
    labelled: int | None = None,
    seed: int = 0,
    *,
    lesions: bool = False,
    voxels: int = 32,
) -> Path:
    """Write ``images/KIND_000.nii.gz`` and ``labels/KIND_000.nii.gz`` for a generated cohort.

    Parameters
    ----------
    folder : Path
        Where to; files of the same names are replaced.
    kind : {"leg", "mr", "supershape"}
        CT-like legs, MR of a structure of two parts, or MR of bodies with three known modes of shape.
    patients : int
        Number of images.
    labelled : int or None
        How many of them, from the first on, get a label; None for all.
    seed : int
        Another seed is another cohort.
    lesions : bool
        Give legs lesions, label value 2.
    voxels : int
        Of supershapes, along each axis of their field of 64 mm.

    Returns
    -------
    Path
        The folder.
    """
    folder = Path(folder)
    generate: Callable[[int], tuple[Volume, LabelMap]] = {
        "leg": lambda patient: leg_ct(patient, seed=seed, lesions=lesions),
        "mr": lambda patient: two_part_mr(patient, seed=seed),
        "supershape": lambda patient: _supershape(patient, seed, voxels),
    }[kind]
    for patient in range(patients):
        volume, labels = generate(patient)
        name = f"{kind}_{patient:03d}.nii.gz"
        _write_image(folder / "images" / name, volume)
        if labelled is None or patient < labelled:
            io.write_labels(folder / "labels" / name, labels)
    return folder


def _supershape(patient: int, seed: int, voxels: int) -> tuple[Volume, LabelMap]:
    step = _SUPERSHAPE_FIELD_MM / voxels
    volume, labels, _ = supershape(patient, seed, shape_zyx=(voxels, voxels, voxels), spacing_zyx_mm=(step, step, step))
    return volume, labels


def _write_image(path: Path, volume: Volume) -> None:
    geometry = volume.geometry
    image = nib.Nifti1Image(geometry.from_canonical(volume.image), geometry.affine_ras)
    image.header.set_xyzt_units("mm")
    with writing(path, size=volume.image.nbytes) as temp:
        nib.save(image, temp)

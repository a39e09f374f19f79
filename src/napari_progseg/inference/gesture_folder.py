"""Clicks and drags on a folder of scans, answered without any model of the user's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .. import io, matching
from ..classes import make_classes, parse_classes
from ..errors import UserError
from ..geometry import Geometry
from ..guidance.files import classes_in, read_clicks
from ..io.names import label_suffix
from ..volume import LabelClass, LabelMap
from .folder import Predicted, click_files, masks_of_scans, scans_to_predict
from .gestures import Answers
from .start import refuse_other_grid


def predict_gestures(
    answers: Answers, images: Path, clicks: Path, out: Path, classes: str | None = None, start: Path | None = None
) -> Iterator[Predicted]:
    """Answer what was clicked in every scan that has a ``CASE.json``.

    Parameters
    ----------
    answers : Answers
        The starter, or contrast alone.
    images, clicks, out : Path
        Folders of scans, of ``CASE.json``, and for the labels, which lie on the scans' own grids.
    classes : str or None
        ``NAME=VALUE,…``: the values to write. None: the names in the files of clicks, in the order of the alphabet,
        from 1 on.
    start : Path or None
        Folder of masks, named like the scans, that the clicks correct.

    Raises
    ------
    UserError
        If there is no file of clicks, one belongs to no scan, or no mask belongs to one.
    """
    images, out, start = images.resolve(), out.resolve(), None if start is None else start.resolve()
    scans, passed_over = scans_to_predict(images, out, start)
    yield from (Predicted("DICOM folder", fault=reason) for reason in passed_over)
    files = click_files(clicks, {scan.id for scan in scans})
    named = (
        make_classes(parse_classes(classes))
        if classes
        else make_classes({name: (value,) for value, name in enumerate(classes_in(files.values()), start=1)})
    )
    masks = {} if start is None else masks_of_scans(start, scans, images)
    for scan in scans:
        if scan.id in files:
            try:
                yield _answer_scan(answers, scan, files[scan.id], named, out, masks.get(scan.id))
            except UserError as error:
                yield Predicted(scan.id, fault=str(error))


def _answer_scan(
    answers: Answers, scan: matching.Scan, clicks: Path, classes: tuple[LabelClass, ...], out: Path, mask: Path | None
) -> Predicted:
    volume = io.read_volume(scan.image, series=scan.series)
    prompts = read_clicks(clicks, volume.geometry, classes)
    target = out / f"{scan.id}{label_suffix(scan.image)}"
    for source in filter(None, (scan.image, mask)):
        if target.exists() and target.samefile(source):
            raise UserError(f"{target} is read here; nothing was written; choose another folder for the labels")
    labels = np.zeros(volume.image.shape, np.uint16) if mask is None else _read_mask(mask, volume.geometry)
    answers.set_image(volume)
    for region, patch in answers.answer(prompts, 1, labels.copy()).patches:
        labels[region] = patch
    io.write_labels(target, LabelMap(labels, volume.geometry, {each.value: each.name for each in classes}))
    return Predicted(scan.id, target, len(prompts), start=mask)


def _read_mask(path: Path, geometry: Geometry) -> NDArray[np.uint16]:
    """Read the mask that clicks correct, (Z, Y, X)."""
    found = io.read_labels(path, like=geometry)
    refuse_other_grid(found, geometry)
    return found.labels.astype(np.uint16)

"""Predict a folder of scans, each with its clicks if there are any, onto the scans' own grids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .. import io, matching
from ..errors import UserError
from ..guidance.files import read_clicks
from ..io.names import label_suffix
from ..volume import LabelMap, Volume

if TYPE_CHECKING:
    from ..guidance.clicks import Click
    from .model import TrainedModel


@dataclass(frozen=True, slots=True)
class Predicted:
    """What became of one scan: where its labels lie, or why there are none."""

    case: str
    labels: Path | None = None
    clicks: int = 0
    fault: str | None = None


def predict_folder(model: TrainedModel, images: Path, out: Path, clicks: Path | None = None) -> Iterator[Predicted]:
    """Segment every scan of a folder; a scan that cannot be read does not stop the others.

    Parameters
    ----------
    model : TrainedModel
        From `load_trained`.
    images : Path
        Folder of scans, searched with its subfolders.
    out : Path
        Folder for ``CASE`` plus the scan's own suffix, or ``.nii.gz`` where labels are not written in its format.
    clicks : Path or None
        Folder of ``CASE.json``, see `read_clicks`; a scan without such a file is segmented without clicks.

    Raises
    ------
    UserError
        If there is no scan, two scans have one name, the clicks belong to no scan, or the model takes none.
    """
    images, out = images.resolve(), out.resolve()
    # labels that an earlier call wrote below the images are no scans
    scans, passed_over = matching.find_scans(images, out if images in out.parents else None, out)
    yield from (Predicted("DICOM folder", fault=reason) for reason in passed_over)
    files = _click_files(model, clicks, {scan.id for scan in scans}) if clicks is not None else {}
    for scan in scans:
        try:
            yield _predict_scan(model, scan, out, files.get(scan.id))
        except UserError as error:
            yield Predicted(scan.id, fault=str(error))


def predict_with_clicks(model: TrainedModel, volume: Volume, clicks: Sequence[Click]) -> LabelMap:
    """Segment a volume as the widget does: first without clicks, then what the clicks change.

    Returns
    -------
    LabelMap
        Label values, (Z, Y, X), on the volume's grid.
    """
    from .predict import predict_volume
    from .session import InteractiveSession

    automatic = predict_volume(model, volume)
    if not clicks:
        return automatic
    session = InteractiveSession(model)
    session.set_image(volume)
    labels = automatic.labels.copy()
    for region, patch in session.answer(clicks, revision=1, current=automatic.labels).patches:
        labels[region] = patch
    return LabelMap(labels, volume.geometry, automatic.names)


def _predict_scan(model: TrainedModel, scan: matching.Scan, out: Path, click_file: Path | None) -> Predicted:
    volume = io.read_volume(scan.image, series=scan.series)
    clicks = read_clicks(click_file, volume.geometry, model.classes) if click_file is not None else ()
    target = out / f"{scan.id}{label_suffix(scan.image)}"
    if target.exists() and target.samefile(scan.image):
        raise UserError(f"{target} is the scan itself; nothing was written; choose another folder for the labels")
    io.write_labels(target, predict_with_clicks(model, volume, clicks))
    return Predicted(scan.id, target, len(clicks))


def _click_files(model: TrainedModel, clicks: Path, cases: set[str]) -> dict[str, Path]:
    if model.config.task != "interactive":
        raise UserError(
            f"{model.name} is a model without clicks; nothing was predicted; leave out the clicks or train with "
            "task interactive"
        )
    files = {path.stem: path for path in sorted(clicks.glob("*.json"))}
    if alone := sorted(set(files) - cases):
        raise UserError(
            f"no scan belongs to the clicks {matching.listed(alone)}; nothing was predicted; name each file CASE.json"
        )
    if not files:
        raise UserError(f"there is no CASE.json in {clicks}; nothing was predicted; check the folder of clicks")
    return files

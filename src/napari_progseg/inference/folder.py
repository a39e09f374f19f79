"""Predict a folder of scans, each with its clicks and the mask they correct, if any, onto the scans' own grids."""

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
    from ..guidance.prompts import Prompt
    from .model import TrainedModel


@dataclass(frozen=True, slots=True)
class Predicted:
    """What became of one scan: where its labels lie, or why there are none; `start` is the mask it began with."""

    case: str
    labels: Path | None = None
    clicks: int = 0
    fault: str | None = None
    start: Path | None = None


def predict_folder(
    model: TrainedModel, images: Path, out: Path, clicks: Path | None = None, start: Path | None = None
) -> Iterator[Predicted]:
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
    start : Path or None
        Folder of label files, found by name, which the clicks correct; see `predict_with_clicks`. A scan without one
        is segmented first. Needs `clicks`.

    Raises
    ------
    UserError
        If there is no scan, two scans have one name, the clicks or all masks belong to no scan, or the model takes no
        clicks, or no mask to start from.
    """
    images, out, start = images.resolve(), out.resolve(), None if start is None else start.resolve()
    scans, passed_over = scans_to_predict(images, out, start)
    yield from (Predicted("DICOM folder", fault=reason) for reason in passed_over)
    files = _click_files_of(model, clicks, {scan.id for scan in scans}) if clicks is not None else {}
    masks = {} if start is None else _masks(model, start, scans, images, with_clicks=clicks is not None)
    for scan in scans:
        try:
            yield _predict_scan(model, scan, out, files.get(scan.id), masks.get(scan.id))
        except UserError as error:
            yield Predicted(scan.id, fault=str(error))


def scans_to_predict(images: Path, out: Path, start: Path | None) -> tuple[Sequence[matching.Scan], Sequence[str]]:
    """Find the scans below a folder, and say what was passed over; paths are absolute.

    Labels that an earlier call wrote below the images, and masks to start from, are no scans.
    """
    written = [out] if images in out.parents else []
    return matching.find_scans(images, written if start is None else [*written, start], out)


def predict_with_clicks(
    model: TrainedModel, volume: Volume, clicks: Sequence[Prompt], start: LabelMap | None = None
) -> LabelMap:
    """Segment a volume as the widget does: first without clicks, then what the clicks change.

    Parameters
    ----------
    clicks : sequence of Click, BoxPrompt or DragPrompt
        Oldest first; what each changes, see `InteractiveSession`.
    start : LabelMap or None
        Mask that the clicks correct, in place of what the model says without clicks: it stands save for what the clicks
        are about, and is the model's previous mask there. Without clicks it is returned as it is, since models learn to
        look at a previous mask beside clicks only.

    Returns
    -------
    LabelMap
        Label values, (Z, Y, X), on the volume's grid.

    Raises
    ------
    UserError
        If `start` does not fit the image or the model, see `start_from`.
    """
    from .predict import predict_volume
    from .session import InteractiveSession
    from .start import start_from

    before = predict_volume(model, volume) if start is None else start_from(model, start, volume.geometry)
    if not clicks:
        return before
    session = InteractiveSession(model, own_mask=start is not None)
    session.set_image(volume)
    labels = before.labels.copy()
    for region, patch in session.answer(clicks, revision=1, current=before.labels).patches:
        labels[region] = patch
    return LabelMap(labels, volume.geometry, before.names)


def _predict_scan(
    model: TrainedModel, scan: matching.Scan, out: Path, click_file: Path | None, mask: Path | None
) -> Predicted:
    volume = io.read_volume(scan.image, series=scan.series)
    clicks = read_clicks(click_file, volume.geometry, model.classes) if click_file is not None else ()
    start = io.read_labels(mask, like=volume.geometry) if mask is not None else None
    target = out / f"{scan.id}{label_suffix(scan.image)}"
    if target.exists() and target.samefile(scan.image):
        raise UserError(f"{target} is the scan itself; nothing was written; choose another folder for the labels")
    if mask is not None and target.exists() and target.samefile(mask):
        raise UserError(
            f"{target} is the mask to start from; nothing was written; choose another folder for the labels"
        )
    io.write_labels(target, predict_with_clicks(model, volume, clicks, start))
    return Predicted(scan.id, target, len(clicks), start=mask)


def _masks(
    model: TrainedModel, start: Path, scans: Sequence[matching.Scan], images: Path, *, with_clicks: bool
) -> dict[str, Path]:
    """Find the mask that each scan starts from, by case."""
    from .start import refuse_start

    if not with_clicks:
        raise UserError(
            "a mask to start from is corrected by clicks, and no folder of clicks was given; nothing was predicted; "
            "add the clicks, or leave out the start"
        )
    refuse_start(model)
    return masks_of_scans(start, scans, images)


def masks_of_scans(start: Path, scans: Sequence[matching.Scan], images: Path) -> dict[str, Path]:
    """Match masks with scans by name, by case; a scan may be without one.

    Raises
    ------
    UserError
        If no mask belongs to a scan.
    """
    matches, _ = matching.match_labels(scans, images, start)
    found = {match.scan.id: match.label for match in matches if match.label is not None}
    if not found:
        raise UserError(
            f"no file in {start} has the name of a scan in {images}; nothing was predicted; name each mask as its scan"
        )
    return found


def _click_files_of(model: TrainedModel, clicks: Path, cases: set[str]) -> dict[str, Path]:
    if model.config.task != "interactive":
        raise UserError(
            f"{model.name} is a model without clicks; nothing was predicted; leave out the clicks or train with "
            "task interactive"
        )
    return click_files(clicks, cases)


def click_files(clicks: Path, cases: set[str]) -> dict[str, Path]:
    """Find ``CASE.json`` of scans, by case.

    Raises
    ------
    UserError
        If there is none, or one belongs to no scan.
    """
    files = {path.stem: path for path in sorted(clicks.glob("*.json"))}
    if alone := sorted(set(files) - cases):
        raise UserError(
            f"no scan belongs to the clicks {matching.listed(alone)}; nothing was predicted; name each file CASE.json"
        )
    if not files:
        raise UserError(f"there is no CASE.json in {clicks}; nothing was predicted; check the folder of clicks")
    return files

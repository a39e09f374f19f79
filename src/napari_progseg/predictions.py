"""Predictions that wait for review: a mask for a case, with a record of the model it comes from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from . import io
from .errors import UserError
from .geometry import Geometry
from .manifest import CaseState
from .project import Project
from .storage.atomic import DamagedFileError, read_json, write_json
from .volume import LabelMap


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which weights predicted.

    Parameters
    ----------
    run : str
        Name of the run folder.
    step : int
        Optimiser steps behind the weights.
    sha256 : str
        Of the file of weights.
    """

    run: str
    step: int
    sha256: str


class Prediction(BaseModel):
    """The record beside a predicted mask.

    Parameters
    ----------
    case, run, step, model_sha256
        What was predicted with which weights, see `ModelIdentity`.
    mask_sha256 : str
        Of the mask's file; a mask of other bytes does not belong to this record.
    unsure : float or None
        Mean entropy where a class is possible, 0 (sure) to 1 bit; None where the model found nothing.
    dice : float or None
        Mean validation Dice of the model.
    seconds : float
        How long it took.
    time : str
        When it was made, ISO 8601, UTC.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    case: str
    run: str
    step: int
    model_sha256: str
    mask_sha256: str = ""
    unsure: float | None = None
    dice: float | None = None
    seconds: float = 0.0
    time: str = ""

    def is_from(self, model: ModelIdentity) -> bool:
        """Whether these very weights made it."""
        return (self.run, self.model_sha256) == (model.run, model.sha256)


class Predictions:
    """The folder ``predictions/`` of a project: ``CASE.nii.gz`` on the image's own grid, and ``CASE.json``.

    Parameters
    ----------
    project : Project
        Whose cases are predicted.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self.folder = project.root / "predictions"

    def mask(self, case_id: str) -> Path:
        """Return where the mask of a case lies, whether it exists or not."""
        return self.folder / f"{case_id}.nii.gz"

    def records(self) -> dict[str, Prediction]:
        """Return the records of all cases that have one; masks are not looked into."""
        found = {case.id: self._record(case.id) for case in self._project.cases if self.mask(case.id).is_file()}
        return {case_id: record for case_id, record in found.items() if record is not None}

    def get(self, case_id: str) -> Prediction | None:
        """Return the record of a case whose mask holds the bytes that were written, else None."""
        record = self._record(case_id)
        try:
            intact = record is not None and _sha256(self.mask(case_id)) == record.mask_sha256
        except OSError:
            return None
        return record if intact else None

    def read(self, case_id: str, like: Geometry) -> LabelMap | None:
        """Read the mask of a case; None if there is no intact one.

        Parameters
        ----------
        like : Geometry
            Grid of the case's image.

        Raises
        ------
        UserError
            If the mask lies on another grid: the image was changed since.
        """
        if self.get(case_id) is None:
            return None
        found = io.read_labels(self.mask(case_id), like=like)
        if fault := like.mismatch(found.geometry):
            raise UserError(
                f"the prediction of case {case_id} does not lie on the grid of its image: {fault}; "
                "nothing was changed; predict the case again"
            )
        return found

    def save(self, label_map: LabelMap, record: Prediction) -> Prediction:
        """Write a mask, then its record; a crash between the two leaves no prediction.

        Parameters
        ----------
        label_map : LabelMap
            Label values, (Z, Y, X), on the image's grid.
        record : Prediction
            What is known of it; the mask's SHA-256 is added.

        Raises
        ------
        CannotWriteError
            If the disk is full or refuses.
        """
        mask = self.mask(record.case)
        io.write_labels(mask, label_map)
        kept = record.model_copy(update={"mask_sha256": _sha256(mask)})
        write_json(self._document(record.case), kept.model_dump())
        return kept

    def to_review(self) -> tuple[Prediction, ...]:
        """Return the predictions of cases that are not completed, the least sure first."""
        return review_order(self._project, self.records().values())

    def _document(self, case_id: str) -> Path:
        return self.folder / f"{case_id}.json"

    def _record(self, case_id: str) -> Prediction | None:
        try:
            return Prediction.model_validate(read_json(self._document(case_id)))
        except (OSError, DamagedFileError, ValidationError):
            return None


def review_order(project: Project, predictions: Iterable[Prediction]) -> tuple[Prediction, ...]:
    """Leave out completed cases and put the least sure first; where nothing was found, that is looked at before all."""
    waiting = [each for each in predictions if project.case(each.case).state is not CaseState.COMPLETED]
    return tuple(sorted(waiting, key=lambda each: (each.unsure is not None, -(each.unsure or 0.0), each.case)))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

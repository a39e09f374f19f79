"""What labelling a simulated patient took: one line each."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from ..project import Project
from ..storage.journal import Journal
from .annotator import Labels
from .rows import Document, Value, completed, fingerprint

NAME = "patients.jsonl"


class Patient(Value):
    """One labelled patient.

    Parameters
    ----------
    group, seed
        Whose patient.
    place : int
        Which one of these, from 1.
    document : dict
        What decides the effort: the case, how it is labelled, the model that answered.
    clicks, strokes : int
        What it took.
    slices : int
        Slices that hold the structure: what painting alone would take.
    before, dice : float or None
        Dice of what was predicted and of the accepted mask.
    mask : str
        Fingerprint of the accepted mask.
    """

    group: str
    seed: int
    place: int
    case: str
    document: Document
    clicks: int
    strokes: int
    slices: int
    before: float | None
    dice: float | None
    mask: str

    @property
    def actions(self) -> int:
        """Clicks and strokes."""
        return self.clicks + self.strokes

    @property
    def key(self) -> str:
        """What makes the line the only one of its kind, by today's settings."""
        return key_of(self.document)


class PatientFile:
    """The lines of a folder, ``patients.jsonl``; of lines with the same key the last counts."""

    def __init__(self, folder: Path) -> None:
        self.path = Path(folder) / NAME
        self._journal = Journal(self.path, durable=True)

    def read(self) -> dict[str, Patient]:
        """Return the patients by key; damaged and foreign lines are passed over."""
        found = {}
        for record in self._journal.read():
            try:
                patient = Patient.model_validate(record)
            except ValidationError:
                continue
            found[patient.key] = patient
        return found

    def append(self, patient: Patient) -> None:
        """Add a line; on the disk when this returns."""
        self._journal.append(patient.model_dump(mode="json"))


def key_of(document: Document) -> str:
    """Return the key of the patient that a document decides; a model's settings count as those of today."""
    model = document["model"]
    return fingerprint({**document, "model": None if model is None else completed(model)})


def mask_of(labels: Labels) -> str:
    """Return the fingerprint of a mask."""
    return hashlib.sha256(labels.astype(np.uint16).tobytes()).hexdigest()[:16]


def mask_in(project: Project, case: str) -> str | None:
    """Return the fingerprint of the mask that a project has of a case; None if it has none."""
    found = project.labels(case)
    return None if found is None else mask_of(found.labels)

"""One row a finished run: all a report needs, so that run folders may stay where they are."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from ..evaluation.metrics import mean_of
from ..storage.journal import Journal
from ..training.config import RunConfig, Task

NAME = "rows.jsonl"
# the control: what one click a slice gives away is known without any click
EMPTIED = "emptied"
# settings that one task alone reads
_READ_BY: dict[str, Task] = {"clicks": "interactive", "restoration": "restoration", "shape": "shape"}
Document = dict[str, Any]


class Key(NamedTuple):
    """What makes a row the only one of its kind; `digest` stands for settings, cases and clicks."""

    study: str
    group: str
    patients: int
    seed: int
    digest: str


class Value(BaseModel):
    """Frozen; a field of a later version is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class CaseScore(Value):
    """What a model reached on a test case.

    Parameters
    ----------
    clicks : dict
        Dice by class, for each number of clicks.
    emptied : dict
        Dice by class with object-free slices emptied (no clicks).
    emptied_after : dict
        The same for each number of clicks above 0; rows of earlier versions have none.
    mm : dict
        Distances of a shape by measure, in mm, smaller is better; a shape has no Dice.
    """

    case: str
    clicks: dict[int, dict[str, float | None]] = {}
    emptied: dict[str, float | None] = {}
    emptied_after: dict[int, dict[str, float | None]] = {}
    mm: dict[str, float | None] = {}

    def of(self, measure: str) -> float | None:
        """Return a distance, or the mean Dice over classes, see `dice`; None is n/a."""
        return self.mm.get(measure) if self.mm else mean_of(self.dice(measure).values())

    def dice(self, measure: str) -> dict[str, float | None]:
        """Return Dice by class: after a number of clicks, ``"emptied"``, or both, such as ``"1 emptied"``."""
        count, _, control = measure.partition(" ")
        if measure == EMPTIED:
            return self.emptied
        return self.emptied_after[int(count)] if control == EMPTIED else self.clicks[int(count)]


class Point(Value):
    """One validation; `seconds` of training lie before it, validations left out; shapes have `mm` instead of Dice."""

    step: int
    seconds: float
    dice: float | None
    mm: float | None = None


class Cost(Value):
    """What a training took.

    Parameters
    ----------
    voxels : int
        Voxels of all patches that led to an optimiser step.
    seconds : float
        Training without validation.
    validation_seconds : float
        Validation within the run.
    """

    steps: int
    voxels: int
    seconds: float
    validation_seconds: float


class Row(Value):
    """One finished run.

    Parameters
    ----------
    study, group, patients, seed
        Its place in the study.
    digest : str
        Fingerprint of `document`.
    document : dict
        What decides the run: its settings without names and paths, the run it starts from, test cases, clicks.
    train : tuple of str
        Cases it learned from.
    dims : int
        2: clicks were given per slice that holds the structure; 3: per volume.
    scores : tuple of CaseScore
        Of the test cases.
    curve : tuple of Point
        Validation Dice, after `curve_clicks` clicks, or of shapes the mean surface distance.
    cost, start_cost : Cost, Cost or None
        Of the run, and of the run whose weights it began with.
    evaluation_seconds : float
        Time the test cases took.
    machine : str
        What kind of machine it was.
    versions : dict of str to str
        Of the packages that matter.
    """

    study: str
    group: str
    patients: int
    seed: int
    digest: str
    document: Document
    train: tuple[str, ...]
    dims: int
    scores: tuple[CaseScore, ...]
    curve: tuple[Point, ...]
    curve_clicks: int
    cost: Cost
    start_cost: Cost | None = None
    evaluation_seconds: float
    machine: str
    versions: dict[str, str]

    @property
    def key(self) -> Key:
        """Key by today's settings: fields that the row's version did not have count as at their defaults."""
        return Key(self.study, self.group, self.patients, self.seed, fingerprint(completed(self.document)))

    @property
    def measures(self) -> tuple[str, ...]:
        """Numbers of clicks as text, then ``"emptied"`` and ``"1 emptied"``; of shapes the names of the distances."""
        first = self.scores[0]
        if self.in_mm:
            return tuple(first.mm)
        controls = (f"{count} {EMPTIED}" for count in sorted(first.emptied_after))
        return (*(str(count) for count in sorted(first.clicks)), EMPTIED, *controls)

    @property
    def in_mm(self) -> bool:
        """Whether the scores are distances of shapes."""
        return bool(self.scores[0].mm)

    def mean(self, measure: str) -> float | None:
        """Mean Dice or distance over the test cases."""
        return mean_of(score.of(measure) for score in self.scores)


class RowFile:
    """The rows of a folder, ``rows.jsonl``: read anew at every call, only ever added to.

    Files of several machines may be joined line by line; of rows with the same key the first counts.
    """

    def __init__(self, folder: Path) -> None:
        self.path = Path(folder) / NAME
        self._journal = Journal(self.path, durable=True)

    def read(self) -> dict[Key, Row]:
        """Return the rows by key, oldest first; damaged and foreign lines are passed over, see `problems`."""
        rows: dict[Key, Row] = {}
        for record in self._journal.read():
            try:
                row = Row.model_validate(record)
            except ValidationError:
                continue
            rows.setdefault(row.key, row)
        return rows

    @property
    def problems(self) -> tuple[str, ...]:
        """One sentence for each line that could not be read at the last call."""
        return self._journal.problems

    def append(self, row: Row) -> None:
        """Add a row; on the disk when this returns."""
        self._journal.append(row.model_dump(mode="json"))


def bare(config: RunConfig) -> Document:
    """Return settings without what does not change a result: names, paths, device, what belongs to other tasks."""
    unread = {section for section, task in _READ_BY.items() if task != config.task}
    return config.model_dump(mode="json", exclude={"name", "init", "device", *unread})


def fingerprint(document: Document) -> str:
    """Return 16 hexadecimal digits that stand for a document."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def completed(document: Document) -> Document:
    """Give settings that are newer than a document their defaults; a document that no longer fits stays as it is."""
    if not document.get("config"):
        return document
    try:
        config = bare(_restored(document["config"], starts=document.get("start") is not None))
    except ValidationError:
        return document
    start = document.get("start")
    return {**document, "config": config, "start": None if start is None else completed(start)}


def _restored(settings: Document, *, starts: bool) -> RunConfig:
    # some settings are refused without a run to start from, whose path is no part of a document
    return RunConfig.model_validate({**settings, "init": "." if starts else None})

"""What a run tells the world: frozen events, one JSON line each."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import asdict, dataclass
from typing import Any

DicePerCase = dict[str, dict[str, float | None]]


@dataclass(frozen=True, slots=True)
class Started:
    """A run, or its continuation, begins at `step`; `sentence` says in words what it does."""

    step: int
    sentence: str
    device: str
    steps: int | None = None
    minutes: float | None = None


@dataclass(frozen=True, slots=True)
class Scheduled:
    """What will change while the run goes on.

    Parameters
    ----------
    patches : tuple of (progress, patch, batch)
        From a progress in [0, 1] on; empty where patches are drawn at random.
    cases : tuple of (samples, number)
        How many cases are active once so many patches were drawn.
    """

    patches: tuple[tuple[float, tuple[int, ...], int], ...]
    cases: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class StepDone:
    """One optimiser step.

    `progress` is in [0, 1]; `seconds` counts from the first step, pauses left out; `samples` are the patches so far.
    """

    step: int
    progress: float
    loss: float
    rate: float
    seconds: float
    epoch: int
    patch: tuple[int, ...]
    batch: int
    active_cases: int
    samples: int = 0


@dataclass(frozen=True, slots=True)
class Validated:
    """Validation Dice per case and class; None stands for n/a (empty against empty).

    `seconds` is the clock of the run before this validation, which `took` so many seconds more. A run of task ``shape``
    has distances in the place of Dice: `surfaces` holds the mean distance between predicted and labelled surface per
    case, in mm, and `mean_mm` their mean; smaller is better.
    """

    step: int
    progress: float
    seconds: float
    mean_dice: float | None
    cases: DicePerCase
    best: bool
    clicks: int = 0
    took: float = 0.0
    mean_mm: float | None = None
    surfaces: dict[str, float] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """A complete checkpoint lies in the run folder under `path` (relative)."""

    step: int
    path: str


@dataclass(frozen=True, slots=True)
class Previewed:
    """The live prediction of a case lies in `path` (relative to the run, `preview/SEQUENCE.npz`)."""

    step: int
    sequence: int
    case: str
    path: str
    dice: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Restored:
    """A slice before, after the distortion and restored lies in `path` (relative, `preview/SEQUENCE.npz`).

    The file holds ``original``, ``distorted`` and ``restored`` as uint8 (Y, X), with ``case`` and ``step``.
    """

    step: int
    sequence: int
    case: str
    path: str


@dataclass(frozen=True, slots=True)
class Paused:
    """The run waits; a request with want = run continues it."""

    step: int


@dataclass(frozen=True, slots=True)
class Continued:
    """The run goes on after a pause."""

    step: int


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence for the user that changes nothing."""

    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The run ended by itself (`reason` "budget") or was stopped ("stopped"); all is saved."""

    step: int
    seconds: float
    reason: str
    best_dice: float | None
    best_mm: float | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The run ended with an error; `message` says what happened, what is safe and what to do.

    `step` is the last step that was done, or the one whose loss was no number; 0 where none was.
    """

    step: int
    message: str


Event = (
    Started
    | Scheduled
    | StepDone
    | Validated
    | Checkpointed
    | Previewed
    | Restored
    | Paused
    | Continued
    | Said
    | Finished
    | Failed
)
_KINDS: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        Started,
        Scheduled,
        StepDone,
        Validated,
        Checkpointed,
        Previewed,
        Restored,
        Paused,
        Continued,
        Said,
        Finished,
        Failed,
    )
}


def to_record(event: Event) -> dict[str, Any]:
    """Turn an event into a JSON-able record with its type's name."""
    return {"type": type(event).__name__, **asdict(event)}


def from_record(record: dict[str, Any]) -> Event | None:
    """Rebuild an event; None for a type that this version does not know."""
    fields = dict(record)
    kind = _KINDS.get(fields.pop("type", ""))
    if kind is None:
        return None
    names = {each.name for each in dataclasses.fields(kind)}
    known: dict[str, Any] = {name: tuple(v) if name == "patch" else v for name, v in fields.items() if name in names}
    return kind(**known)


def from_line(line: str) -> Event | None:
    """Rebuild an event from a line of ``events.jsonl``; None for a torn or unknown line."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return from_record(record) if isinstance(record, dict) else None

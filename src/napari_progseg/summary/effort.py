"""How much work the labels of a patient took, from the journal of edits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from ..project import Project
from ..storage.journal import Journal

LONGEST_PAUSE_SECONDS = 60.0
_DRAWN = ("line", "box")
_PROMPTS = ("click", "drag", *_DRAWN)


@dataclass(frozen=True)
class Effort:
    """What a patient's labels took.

    Parameters
    ----------
    clicks, strokes : int
        Clicks, drags, lines and boxes that were set, and strokes of the brush; those taken back later count, too.
    accepted : int
        Predictions that were copied into the labels.
    imported : int
        Masks from elsewhere that were started from.
    others : int
        Undone, redone, moved or removed.
    seconds : float
        Sum of the times between one edit and the next, pauses of more than a minute left out.
    from_model : bool
        Whether a trained model had a part in an accepted mask, or who had one is not known.
    """

    case: str
    clicks: int = 0
    strokes: int = 0
    accepted: int = 0
    imported: int = 0
    others: int = 0
    seconds: float = 0.0
    from_model: bool = False

    @property
    def edits(self) -> int:
        """All of them."""
        return self.clicks + self.strokes + self.accepted + self.imported + self.others


def effort_of(case: str, records: Sequence[Mapping[str, Any]]) -> Effort:
    """Count what a journal holds, oldest first; edits of unknown kinds count as others, other news not at all."""
    edits = [record for record in records if "edit" in record]
    counts = dict.fromkeys(("clicks", "strokes", "accepted", "imported", "others"), 0)
    for record, (_, sets) in zip(edits, prompts_of(edits), strict=True):
        counts[_kind(str(record["edit"]), sets=sets)] += 1
    seconds = _working_seconds(record.get("time") for record in edits)
    sources = [str(record.get("source", "")) for record in edits if record["edit"] == "accept"]
    return Effort(case, **counts, seconds=seconds, from_model=any(map(is_model, sources)))


def prompts_of(edits: Iterable[Mapping[str, Any]]) -> Iterator[tuple[int, bool]]:
    """Give, for each edit, how many clicks and boxes stand after it, and whether it set one, which may replace others.

    Parameters
    ----------
    edits : iterable of mapping
        The records of a journal that are edits, oldest first. A shortened one says both itself (``count``, ``sets``).
    """
    before = 0
    standing: list[Any] | None = None
    for record in edits:
        clicks = record.get("clicks")
        now = len(clicks) if isinstance(clicks, list) else record.get("count", before)
        sets = now > before
        if record["edit"] in _DRAWN:  # what it takes the place of may be as many, or more
            sets = now >= before or bool(standing and clicks and any(prompt not in standing for prompt in clicks))
        yield now, bool(record.get("sets", sets))
        if isinstance(clicks, list):
            standing = clicks
        elif "count" in record:
            standing = None
        before = now


def project_effort(project: Project) -> tuple[Effort, ...]:
    """Read the journals of all cases, in the order of the project."""
    return tuple(
        effort_of(case.id, Journal(project.edits_dir / f"{case.id}.jsonl", durable=True).read())
        for case in project.cases
    )


def _kind(edit: str, *, sets: bool) -> str:
    if edit in _PROMPTS:
        return "clicks" if sets else "others"
    return {"stroke": "strokes", "accept": "accepted", "import": "imported"}.get(edit, "others")


def is_model(source: str) -> bool:
    """Tell ``run 0007 · step 1 200``, or the nothing of older journals, from clicks alone and masks from elsewhere."""
    return not source or source.startswith("run ")


def _working_seconds(times: Iterable[Any]) -> float:
    moments = [moment for time in times if (moment := _moment(time)) is not None]
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]
    return sum(gap for gap in gaps if 0 < gap <= LONGEST_PAUSE_SECONDS)


def _moment(time: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(time)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo is not None else None

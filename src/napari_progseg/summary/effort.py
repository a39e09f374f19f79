"""How much work the labels of a patient took, from the journal of edits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from ..project import Project
from ..storage.journal import Journal

LONGEST_PAUSE_SECONDS = 60.0


@dataclass(frozen=True)
class Effort:
    """What a patient's labels took.

    Parameters
    ----------
    clicks, strokes : int
        Clicks, lines and boxes that were set, and strokes of the brush; those taken back later count, too.
    accepted : int
        Predictions that were copied into the labels.
    imported : int
        Masks from elsewhere that were started from.
    others : int
        Undone, redone, moved or removed.
    seconds : float
        Sum of the times between one edit and the next, pauses of more than a minute left out.
    from_model : bool
        Whether an accepted mask came from a trained model, or from whom is not known.
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
    before = 0
    for record in edits:
        clicks = record.get("clicks")
        now = len(clicks) if isinstance(clicks, list) else record.get("count", before)
        counts[_kind(str(record.get("edit")), grown=now > before)] += 1
        before = now
    seconds = _working_seconds(record.get("time") for record in edits)
    sources = [str(record.get("source", "")) for record in edits if record["edit"] == "accept"]
    return Effort(case, **counts, seconds=seconds, from_model=any(map(_is_model, sources)))


def project_effort(project: Project) -> tuple[Effort, ...]:
    """Read the journals of all cases, in the order of the project."""
    return tuple(
        effort_of(case.id, Journal(project.edits_dir / f"{case.id}.jsonl", durable=True).read())
        for case in project.cases
    )


def _kind(edit: str, *, grown: bool) -> str:
    if edit in {"click", "line", "box"}:
        return "clicks" if grown else "others"
    return {"stroke": "strokes", "accept": "accepted", "import": "imported"}.get(edit, "others")


def _is_model(source: str) -> bool:
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

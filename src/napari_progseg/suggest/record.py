"""What was suggested and what was opened, kept with the project for studies of effort."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ..project import Project
from ..storage.journal import Journal
from .suggestion import WAYS, Suggestion, Way

NAME = "suggestions.jsonl"


def note_shown(project: Project, shown: Suggestion) -> None:
    """Note that a suggestion was shown; raises `CannotWriteError` where the disk refuses."""
    _append(project, "shown", case=shown.case, by=shown.by, run=shown.run, score=shown.score, reason=shown.reason)


def note_opened(project: Project, case: str, shown: Suggestion | None) -> None:
    """Note that a case was opened while a suggestion, or None, was shown; raises `CannotWriteError`."""
    suggested = None if shown is None else shown.case
    by = None if shown is None else shown.by
    _append(project, "opened", case=case, suggested=suggested, by=by)


def last_way(project: Project) -> Way | None:
    """Return the way that was shown last in this project."""
    found = (record.get("by") for record in reversed(_journal(project).read()))
    return next((way for way in found if way in WAYS), None)


def _append(project: Project, event: str, **fields: Any) -> None:
    time = datetime.now(UTC).isoformat(timespec="seconds")
    counts = {"cases": len(project.cases), "completed": len(project.completed)}
    _journal(project).append({"time": time, "event": event, **fields, **counts})


def _journal(project: Project) -> Journal:
    return Journal(project.root / NAME)

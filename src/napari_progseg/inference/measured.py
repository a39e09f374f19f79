"""What a run reached on held-out patients, kept in its folder; reads and writes without loading any model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..data.persons import without
from ..errors import UserError
from ..lineage import seen_cases
from ..project import Project
from ..storage.atomic import read_json, write_json

FILE = "evaluation.json"
CLICKS = (0, 1, 3, 5, 10)
_FIELDS = {"clicks", "cases", "clicks_are_given_per"}


def held_out(project: Project, run_dir: Path) -> tuple[str, ...]:
    """Return the completed cases of persons whom neither a run nor those it started from have learned from or checked.

    Raises
    ------
    UserError
        If there is none.
    """
    seen = seen_cases(run_dir)
    cases = without((case.id for case in project.completed), seen)
    if not cases:
        raise UserError(
            f"{run_dir.name} has learned from or was checked on every completed case; nothing was measured; "
            "complete another case, or train on fewer"
        )
    return cases


def keep(run_dir: Path, document: dict[str, Any]) -> None:
    """Keep a report (`EvaluationReport.to_json`) in the run's folder, in place of an earlier one."""
    write_json(run_dir / FILE, document)


def kept(run_dir: Path) -> dict[str, Any] | None:
    """Return the report kept in a run's folder; None if there is none that can be read."""
    try:
        document = read_json(run_dir / FILE)
    except (OSError, UserError):
        return None
    return document if isinstance(document, dict) and document.keys() >= _FIELDS else None


def class_means(document: dict[str, Any]) -> dict[str, list[float | None]]:
    """Return, for each class of a report, Dice averaged over its cases, after each number of clicks in turn."""
    found: dict[str, list[float | None]] = {}
    for count in document["clicks"]:
        scores = [case["clicks"].get(count, {}) for case in document["cases"]]
        for name in dict.fromkeys(name for each in scores for name in each):
            known = [value for each in scores if (value := each.get(name)) is not None]
            found.setdefault(name, []).append(sum(known) / len(known) if known else None)
    return found

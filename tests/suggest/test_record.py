"""What was suggested and opened, as studies of effort read it."""

from __future__ import annotations

from collections.abc import Callable

from napari_progseg.project import Project
from napari_progseg.storage.journal import Journal
from napari_progseg.suggest.choice import suggest
from napari_progseg.suggest.record import NAME, last_way, note_opened, note_shown

from .conftest import blob


def test_suggestions_and_openings_are_kept_with_the_project(project_of: Callable[..., Project]) -> None:
    project = project_of({"a": blob(), "b": blob(0.1), "c": blob(0.2)}, completed=("c",))
    assert last_way(project) is None
    shown = suggest(project, "random")[0]
    note_shown(project, shown)
    note_opened(project, "b", shown)
    note_opened(project, "a", None)
    records = Journal(project.root / NAME).read()
    assert [(each["event"], each["case"], each["by"]) for each in records] == [
        ("shown", shown.case, "random"),
        ("opened", "b", "random"),
        ("opened", "a", None),
    ]
    assert records[1]["suggested"] == shown.case
    assert (records[0]["cases"], records[0]["completed"]) == (3, 1)
    assert records[0]["reason"] == shown.reason
    assert last_way(project) == "random"

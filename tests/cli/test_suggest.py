"""``progseg next``."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from napari_progseg.cli import app
from napari_progseg.project import Project
from napari_progseg.samples.cohort import write_cohort
from napari_progseg.storage.journal import Journal


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five patients, two of them labelled."""
    folder = tmp_path_factory.mktemp("next")
    write_cohort(folder, "mr", 5, 2)
    return Project.create(folder / "project", folder / "images", folder / "labels", {"a": (1,), "b": (2,)}).root


def said(project: Path, *options: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["next", str(project), *options])
    assert done.exit_code == code, done.output
    return done.output


def test_it_names_a_case_and_why_and_keeps_what_it_said(project: Path) -> None:
    lines = said(project).splitlines()
    assert lines[0].split() == ["case", "why"]
    assert lines[1].endswith("most typical of 3 unlabelled scans")
    kept = Journal(project / "suggestions.jsonl").read()[-1]
    assert (kept["event"], kept["case"], kept["by"]) == ("shown", lines[1].split()[0], "typical")


def test_it_names_as_many_as_asked_for(project: Path) -> None:
    lines = said(project, "--by", "random", "--count", "3").splitlines()
    assert len(lines) == 4
    assert "drawn at random from 3 unlabelled scans" in lines[1]


def test_an_unknown_way_and_a_missing_model_are_refused(project: Path) -> None:
    assert "choose from typical, uncertain, random" in said(project, "--by", "best", code=2)
    assert "has a model that segments" in said(project, "--by", "uncertain", code=2)


def test_it_says_when_nothing_is_left(tmp_path: Path) -> None:
    write_cohort(tmp_path, "mr", 2, 2)
    done = Project.create(tmp_path / "p", tmp_path / "images", tmp_path / "labels", {"a": (1,), "b": (2,)})
    assert "no case is left to label" in said(done.root)

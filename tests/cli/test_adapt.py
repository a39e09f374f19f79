"""``progseg adapt``: a model from one centre, fine-tuned for another."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from napari_progseg.cli import app
from napari_progseg.errors import UserError
from napari_progseg.project import Project
from napari_progseg.samples.cohort import write_cohort
from napari_progseg.storage.atomic import read_json

FAST = ["--set", "patches.size=32,32", "--set", "patches.batch=4", "--set", "model.dims=2"]
SMALL = [*FAST, "--set", "model.width=4", "--set", "model.levels=2"]


def run(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture(scope="module")
def centres(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A trained run of one centre, and a project of another; cases of the two have the same names."""
    folder = tmp_path_factory.mktemp("centres")
    projects = []
    for name, seed in (("there", 0), ("here", 1)):
        write_cohort(folder / name, "mr", 6, seed=seed)
        scans = folder / name
        projects.append(Project.create(scans / "project", scans / "images", scans / "labels", {"a": (1,), "b": (2,)}))
    run("train", projects[0].root, "--task", "segmentation", "--name", "source", "--steps", 20, *SMALL)
    return projects[0].runs()[0], projects[1].root


@pytest.mark.slow
def test_it_trains_the_last_layers_and_compares_on_all_other_cases(centres: tuple[Path, Path], tmp_path: Path) -> None:
    source, project = centres
    result = tmp_path / "result.json"
    before = sorted(path.stat().st_mtime_ns for path in source.rglob("*") if path.is_file())
    output = run("adapt", source, project, "--train", 2, "--val", 1, "--steps", 3, "--json", result, *FAST)
    assert "convolutions learn; the other" in output
    assert "mean difference" in output
    adapted = Project.open(project).runs()[0]
    assert f"kept: {adapted}" in output
    document = json.loads(result.read_text(encoding="utf-8"))
    assert len(document["cases"]) == 3
    assert document["interval"]["n"] == 3
    assert read_json(adapted / "config.json")["freeze"] == {"policy": "last_k", "last": 10}
    assert sorted(path.stat().st_mtime_ns for path in source.rglob("*") if path.is_file()) == before


@pytest.mark.slow
def test_a_worse_model_can_be_discarded(centres: tuple[Path, Path]) -> None:
    source, project = centres
    count = len(Project.open(project).runs())
    ruin = [
        "--freeze",
        "none",
        "--set",
        "optimiser.rate=0.9",
        "--set",
        "optimiser.name=sgd",
        "--set",
        "optimiser.average=0",
    ]
    output = run("adapt", source, project, "--train", 1, "--val", 1, "--steps", 8, "--discard-if-worse", *FAST, *ruin)
    kept = "kept:" in output
    assert kept or "discarded; the model it came from is as it was" in output
    assert len(Project.open(project).runs()) == count + kept


def test_other_classes_are_refused_before_anything_starts(centres: tuple[Path, Path], tmp_path: Path) -> None:
    source, _ = centres
    write_cohort(tmp_path, "mr", 4)
    other = Project.create(tmp_path / "p", tmp_path / "images", tmp_path / "labels", {"both": (1, 2)})
    output = run("adapt", source, other.root, "--train", 1, "--steps", 2, code=2)
    assert "names and values of the model" in output
    assert other.runs() == []


def test_the_budget_is_asked_for(centres: tuple[Path, Path]) -> None:
    source, project = centres
    assert "--minutes or --steps" in run("adapt", source, project, "--train", 1, code=2)


def test_a_project_stands_for_its_newest_run_that_segments(centres: tuple[Path, Path], tmp_path: Path) -> None:
    from napari_progseg.training.adapt import source_run

    source, _ = centres
    assert source_run(source) == source
    assert source_run(Project.open(source.parents[1]).root) == source
    write_cohort(tmp_path / "scans", "mr", 2)
    empty = Project.create(tmp_path / "empty", tmp_path / "scans" / "images", tmp_path / "scans" / "labels")
    with pytest.raises(UserError, match=r"no run of .* has a model that segments"):
        source_run(empty.root)
    with pytest.raises(UserError):
        source_run(tmp_path / "nowhere")

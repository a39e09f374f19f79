"""Cases of which a run is least sure, and random ones that a run looks at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from napari_progseg.inference.doubt import Doubt
from napari_progseg.project import Project
from napari_progseg.suggest import asked
from napari_progseg.suggest.choice import suggest

from .conftest import blob

Make = Callable[..., Project]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A run that is unsure as its ``bits`` say, by the brightest voxel of a scan; negative: finds nothing."""
    fake = SimpleNamespace(step=7, looked=[], path=Path("0003-first"))

    def doubt_of(model: Any, volume: Any, tick: Any) -> Doubt:
        tick()
        bits = float(volume.image.max()) / 1000
        fake.looked.append(bits)
        return Doubt(1.0, 0) if bits < 0.2 else Doubt(bits, 50)

    monkeypatch.setattr(asked, "source_run", lambda folder: fake.path)
    monkeypatch.setattr(asked, "load_trained", lambda run, device: fake)
    monkeypatch.setattr(asked, "doubt_of", doubt_of)
    return fake


def project_with(project_of: Make, **bits: float) -> Project:
    return project_of({case: blob() / blob().max() * value for case, value in bits.items()})


def test_the_least_sure_comes_first_and_an_empty_answer_before_all(project_of: Make, run: SimpleNamespace) -> None:
    found = suggest(project_with(project_of, a=0.4, b=0.9, c=0.1), "uncertain")
    assert [(each.case, each.reason) for each in found] == [
        ("c", "run 0003 finds nothing in it"),
        ("b", "number 2 of 3 by how unsure run 0003 is"),
        ("a", "number 3 of 3 by how unsure run 0003 is"),
    ]
    assert found[1].score == pytest.approx(0.9, abs=0.01)
    assert found[0].run == "0003-first"


def test_the_reason_names_the_run_that_is_unsure(project_of: Make, run: SimpleNamespace) -> None:
    found = suggest(project_with(project_of, a=0.4, b=0.9), "uncertain", count=1)
    assert [each.reason for each in found] == ["run 0003 is least sure of it"]


def test_a_run_is_asked_again_only_when_its_model_has_changed(project_of: Make, run: SimpleNamespace) -> None:
    project = project_with(project_of, a=0.4, b=0.9)
    suggest(project, "uncertain")
    suggest(project, "uncertain")
    assert len(run.looked) == 2
    run.step = 8
    suggest(project, "uncertain")
    assert len(run.looked) == 4


def test_scans_that_cannot_be_read_are_passed_over(project_of: Make, run: SimpleNamespace) -> None:
    project = project_with(project_of, a=0.4, b=0.9)
    project.case("b").image.write_bytes(b"no scan")
    assert [each.case for each in suggest(project, "uncertain")] == ["a"]


def test_drawn_scans_in_which_a_run_finds_nothing_come_last(project_of: Make, run: SimpleNamespace) -> None:
    project = project_with(project_of, a=0.4, b=0.1, c=0.5, d=0.6)
    plain = [each.case for each in suggest(project, "random")]
    found = suggest(project, "random", run=run.path)
    assert [each.case for each in found] == [case for case in plain if case != "b"] + ["b"]
    assert found[0].reason == "drawn at random from 4 unlabelled scans; run 0003 finds something in it"
    assert found[-1].reason.endswith("finds nothing in it")


def test_only_as_many_drawn_scans_as_wanted_are_looked_at(project_of: Make, run: SimpleNamespace) -> None:
    project = project_with(project_of, a=0.4, b=0.3, c=0.5, d=0.6)
    assert len(suggest(project, "random", run=run.path, count=1)) == 1
    assert len(run.looked) == 1

"""The annotation-effort study: who labels what, with which model, on which masks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from napari_progseg.errors import UserError
from napari_progseg.project import CaseState, Project
from napari_progseg.studies import effort_run
from napari_progseg.studies.annotator import Annotator, patient_dice
from napari_progseg.studies.draw import Draw, draw_cases
from napari_progseg.studies.effort import GROUPS, Effort, Journey
from napari_progseg.studies.effort_run import EffortEvent, PatientLabelled, run_effort
from napari_progseg.studies.frozen import ChosenOn, FrozenSettings
from napari_progseg.studies.grid import CellScored, RunBegan, run_of
from napari_progseg.studies.patients import Patient, PatientFile
from napari_progseg.studies.rows import RowFile
from napari_progseg.studies.terms import Terms
from napari_progseg.suggest.choice import suggest
from napari_progseg.training.config import BudgetConfig

from .conftest import SMALL

CAREFUL = Annotator(accept=0.8, most_clicks=2)
Planned = Callable[..., tuple[Journey, ...]]


def study(**fields: object) -> Effort:
    budget = BudgetConfig(steps=2)
    plain = {"groups": tuple(GROUPS), "seeds": (0,), "budget": budget, "settings": SMALL}
    own: dict[str, object] = {"patients": (1, 2), "pool": 4, "annotator": CAREFUL, "goal": 0.85}
    own |= {name: fields.pop(name) for name in tuple(own) if name in fields}
    return Effort(terms=Terms(**{**plain, **fields}), pretraining=budget, **own)  # type: ignore[arg-type]


@pytest.fixture
def planned(project: Project, tmp_path: Path) -> Planned:
    """List the journeys of a study."""

    def plan(out: str = "out", **fields: object) -> tuple[Journey, ...]:
        asked = study(**fields)
        draw = asked.drawn(draw_cases(project, validation=0))
        return asked.journeys(project, draw, asked.common(project, draw, tmp_path / out), tmp_path / out / "work")

    return plan


def done(project: Project, journeys: tuple[Journey, ...], out: Path, **fields: object) -> list[EffortEvent]:
    return list(run_effort(project, journeys, RowFile(out), PatientFile(out), device="cpu", **fields))  # type: ignore[arg-type]


def only(events: list[EffortEvent], kind: type) -> list[EffortEvent]:
    return [event for event in events if isinstance(event, kind)]


def test_only_the_suggested_way_is_progressive(planned: Planned) -> None:
    schedules = {
        each.group: {(cell.config.samples.schedule, cell.config.patches.schedule) for cell in each.cells}
        for each in planned()
    }
    assert schedules == {
        "Suggested": {("pdl", "performance")},
        "Random": {("all", "constant")},
        "Starter": {("all", "constant")},
        "Predicted": {("all", "constant")},
        "Painting": {("all", "constant")},
    }


def test_the_own_projects_hold_the_pool_alone_and_no_label(project: Project, planned: Planned) -> None:
    suggested, random, *brushes = planned()
    painting, tests = brushes[-1], set(project.split.test)
    for journey in (suggested, random, *brushes):
        own = Project.open(journey.root)
        assert {case.state for case in own.cases} == {CaseState.NOT_STARTED}
        assert len(own.cases) == 4
        assert not {case.id for case in own.cases} & tests
        assert [len(cell.config.train) for cell in journey.cells] == [1, 2]
        assert all(cell.config.train == journey.order[: cell.patients] for cell in journey.cells)
        assert all(set(cell.test) == tests and cell.config.validation == () for cell in journey.cells)
    assert suggested.order == tuple(each.case for each in suggest(Project.open(suggested.root)))[:2]
    assert random.order == painting.order
    start = suggested.cells[0].start
    assert start is not None
    assert {*start.config.train} == {case.id for case in Project.open(suggested.root).cases}
    assert suggested.cells[1].start is not None
    assert suggested.cells[1].start.key == start.key
    assert random.cells[0].start is painting.cells[0].start is None
    assert [each.cells[0].config.task for each in (suggested, random, *brushes)] == [
        *["interactive"] * 2,
        *["segmentation"] * 3,
    ]


def test_seeds_draw_their_own_patients(planned: Planned) -> None:
    journeys = planned(groups=("Random",), seeds=(0, 1, 2), pool=2)
    assert [journey.seed for journey in journeys] == [0, 1, 2]
    assert len({journey.order for journey in journeys}) > 1


def test_the_newest_model_of_fewer_patients_helps_but_nobody_helps_who_paints_from_nothing(planned: Planned) -> None:
    *others, painting = planned(patients=(1, 3))
    for journey in others:
        first = journey.cells[0]
        assert [journey.model(place) for place in (1, 2, 3)] == [None, first, first]
    assert [painting.model(place) for place in (1, 2, 3)] == [None, None, None]


def test_cases_that_chose_settings_are_labelled_by_nobody(project: Project, planned: Planned) -> None:
    chosen = project.split.train[:2]
    frozen = FrozenSettings(chosen_on=ChosenOn(cases=chosen))
    journeys = planned(frozen=frozen, pool=40)
    assert all(not {case.id for case in Project.open(each.root).cases} & {*chosen} for each in journeys)
    with pytest.raises(UserError, match="4 patients of a pool of 40 were asked for, and 3 completed"):
        planned(frozen=frozen, pool=40, patients=(1, 4))
    with pytest.raises(UserError, match="4 patients of a pool of 3"):
        planned(pool=3, patients=(4,))


def test_what_decides_the_labels_decides_the_rows(planned: Planned) -> None:
    _, random, *others = planned()
    stricter = planned(annotator=Annotator(accept=0.95, most_clicks=2))
    for one, other in zip((random, *others), stricter[1:], strict=True):
        assert {cell.key for cell in one.cells}.isdisjoint(cell.key for cell in other.cells)
    _, sooner, *_ = planned(patients=(2,))
    assert sooner.cells[0].key != random.cells[1].key
    assert sooner.patient_keys[0] == random.patient_keys[0]
    assert sooner.patient_keys[1] != random.patient_keys[1]


def test_it_labels_trains_and_measures_by_turns_and_nothing_twice(
    project: Project, planned: Planned, tmp_path: Path
) -> None:
    before = (project.root / "progseg.json").read_bytes()
    journeys, out = planned(), tmp_path / "out"
    events = done(project, journeys, out)
    turns = [
        f"{event.patient.group} {event.patient.place}" if isinstance(event, PatientLabelled) else event.cell.group
        for event in events
        if isinstance(event, PatientLabelled | RunBegan)
    ]
    assert turns[:5] == ["Suggested 1", "Pretraining", "Suggested", "Suggested 2", "Suggested"]
    assert [event.done for event in only(events, CellScored)] == list(range(1, 11))
    assert {event.total for event in only(events, CellScored)} == {10}
    rows, patients = RowFile(out).read(), PatientFile(out).read()
    assert set(rows) == {cell.key for journey in journeys for cell in journey.cells}
    assert list(patients) == [key for journey in journeys for key in journey.patient_keys]
    for journey in journeys:
        own = Project.open(journey.root)
        for case, key in zip(journey.order, journey.patient_keys, strict=True):
            patient, mask, truth = patients[key], own.labels(case), project.labels(case)
            assert mask is not None
            assert truth is not None
            assert patient.dice == patient_dice(mask.labels, truth.labels, project.classes)
            assert 0.8 <= patient.dice <= 1
            if journey.group in {"Predicted", "Painting"}:
                assert patient.clicks == 0
                assert 1 <= patient.strokes < patient.slices
            else:
                assert 1 <= patient.clicks <= 2
    assert project.runs() == []
    assert (project.root / "progseg.json").read_bytes() == before
    assert done(project, journeys, out) == []


def test_a_stop_is_gone_on_from_to_the_same_end(
    project: Project, planned: Planned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = planned("whole", groups=("Random",))
    done(project, whole, tmp_path / "whole")
    journeys, out, labelled = planned("parts", groups=("Random",)), tmp_path / "parts", list[Patient]()
    for _ in range(6):
        for event in run_effort(
            project,
            journeys,
            RowFile(out),
            PatientFile(out),
            device="cpu",
            stopping=lambda: len(labelled) == 2,
        ):
            if isinstance(event, PatientLabelled):
                labelled.append(event.patient)
    assert len(labelled) == 2
    assert len(RowFile(out).read()) == 1
    done(project, journeys, out)
    results = [
        [(patient.clicks, patient.strokes, patient.mask) for patient in PatientFile(tmp_path / name).read().values()]
        for name in ("whole", "parts")
    ]
    assert results[0] == results[1]
    scores = [[row.scores for row in RowFile(tmp_path / name).read().values()] for name in ("whole", "parts")]
    assert scores[0] == scores[1]

    # on another machine that has the lines alone, and not all of them
    shutil.rmtree(out / "work")
    lines = (out / "patients.jsonl").read_text(encoding="utf-8").splitlines()
    (out / "patients.jsonl").write_text(lines[0] + "\n", encoding="utf-8")
    (random,) = planned("parts", groups=("Random",))
    before = (out / "rows.jsonl").read_bytes()
    again = done(project, (random,), out)
    assert [event.patient.mask for event in only(again, PatientLabelled)] == [mask for *_, mask in results[0]]
    assert (out / "rows.jsonl").read_bytes() == before
    assert run_of(Project.open(random.root), random.cells[0]) is not None
    assert run_of(Project.open(random.root), random.cells[1]) is None


def test_the_person_never_opens_a_test_case(
    project: Project, planned: Planned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    real = effort_run.project_cases

    def noting(given: Project, ids: tuple[str, ...]) -> Iterator[object]:
        opened.extend(ids)
        return real(given, ids)  # type: ignore[return-value]

    monkeypatch.setattr(effort_run, "project_cases", noting)
    journeys = planned(groups=("Random",), patients=(2,))
    done(project, journeys, tmp_path / "out")
    assert tuple(opened) == journeys[0].order
    assert not set(opened) & set(project.split.test)


def test_lines_that_are_damaged_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "patients.jsonl").write_text('{"half": 1}\n' + json.dumps({"group": "x"}), encoding="utf-8")
    assert PatientFile(tmp_path).read() == {}


def test_a_draw_keeps_its_test_cases(project: Project) -> None:
    draw: Draw = study().drawn(draw_cases(project, validation=0))
    assert draw.test == draw_cases(project, validation=0).test
    assert draw.validation == ()
    assert draw.scans == draw.pool

"""What the annotation-effort report says of rows and patients."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_progseg.studies.annotator import Annotator
from napari_progseg.studies.common import Common
from napari_progseg.studies.draw import Draw
from napari_progseg.studies.effort import Effort
from napari_progseg.studies.effort_analysis import by_patient, effort_differences, reached, walks_of
from napari_progseg.studies.effort_report import Setting, write_effort
from napari_progseg.studies.patients import Patient
from napari_progseg.studies.rows import Row
from napari_progseg.studies.terms import Terms
from napari_progseg.training.config import BudgetConfig

# by group: clicks and strokes on each patient, and test Dice after 1 and 3 patients
EFFORT = {"Suggested": ((8, 2), (3, 0), (2, 0)), "Random": ((8, 4), (5, 1), (5, 0)), "Painting": ((0, 9),) * 3}
DICE = {"Suggested": (0.86, 0.9), "Random": (0.7, 0.88), "Painting": (0.6, 0.8)}
Told = tuple[list[Row], list[Patient]]


@pytest.fixture
def told(row_of: Callable[..., Row]) -> Told:
    """Three seeds of all groups; one more stroke on the first patient with each seed; Random 1 misses 0.85."""
    rows, patients = [], []
    for seed in range(3):
        for group, effort in EFFORT.items():
            for count, dice in zip((1, 3), DICE[group], strict=True):
                value = 0.8 if (group, seed) == ("Random", 1) else dice
                scores: dict[str, list[float | None]] = {"0": [value - 0.02, value + 0.02], "emptied": [value, None]}
                rows.append(row_of(group, count, seed, dice=scores))
            for place, (clicks, strokes) in enumerate(effort, 1):
                more = seed if place == 1 else 0
                patients.append(patient(group, seed, place, clicks, strokes + more))
    return rows, patients


def patient(group: str, seed: int, place: int, clicks: int, strokes: int) -> Patient:
    return Patient(
        group=group,
        seed=seed,
        place=place,
        case=f"p{place}",
        document={"group": group, "seed": seed, "case": f"p{place}", "model": None},
        clicks=clicks,
        strokes=strokes,
        slices=9,
        before=0.5,
        dice=0.91,
        mask="",
    )


@pytest.fixture
def setting() -> Setting:
    """What was asked: training after 1 and 3 patients."""
    budget = BudgetConfig(steps=20)
    terms = Terms(tuple(EFFORT), (0, 1, 2), budget)
    study = Effort((1, 3), 6, 0.85, Annotator(), terms, budget)
    common = Common(dims=2, spacing=(3.0, 1.0, 1.0), patch=(16, 16), window=None)
    draw = Draw(("a", "b"), (), tuple(f"p{n}" for n in range(1, 9)), ())
    return Setting(study, draw, common, 18, 20, "settings.json")


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_effort_is_counted_until_the_first_model_at_the_goal(told: Told) -> None:
    found = {each.group: each for each in reached(walks_of(*told, (1, 3)), 0.85, rng())}
    suggested, random, painting = (found[group] for group in EFFORT)
    assert (suggested.seconds, random.seconds, painting.seconds) == (8 * 2.5 + 3 * 12, 18 * 2.5 + 7 * 12, None)
    assert random.mean_seconds.mean == pytest.approx(18 * 2.5 + 6 * 12)
    assert (suggested.patients, suggested.clicks, suggested.strokes, suggested.actions) == (1, 8, 3, 11)
    assert (random.patients, random.clicks, random.actions) == (3, 18, 25)
    assert (random.reached, random.seeds) == (2, 3)
    assert random.mean_patients.mean == 3
    assert random.mean_actions.mean == pytest.approx((23 + 24 + 25) / 3)
    assert (painting.patients, painting.actions, painting.reached) == (None, None, 0)
    assert painting.mean_actions.mean == pytest.approx(28)


def test_differences_are_paired_and_say_who_missed_the_goal(told: Told) -> None:
    found = effort_differences(walks_of(*told, (1, 3)), (("Suggested", "Random"),), 0.85, rng())
    patients, actions, whole, seconds, _ = found
    assert (seconds.what, seconds.interval.mean) == ("seconds to the goal", pytest.approx(56 - 117))
    assert (patients.what, patients.interval.mean, patients.missed) == ("patients to the goal", -2, (0, 1))
    assert actions.interval.mean == pytest.approx(11 - 24)
    assert actions.interval.low == actions.interval.high == pytest.approx(-13)
    assert (whole.interval.mean, whole.missed) == (pytest.approx(16 - 24), (0, 0))
    assert patients.verdict == actions.verdict == "below"


def test_a_group_that_misses_the_goal_is_never_said_to_take_less(told: Told) -> None:
    rows, patients = told
    cheap = [each if each.group != "Painting" else each.model_copy(update={"strokes": 1}) for each in patients]
    walks = walks_of(rows, cheap, (1, 3))
    (_, actions, whole, *_) = effort_differences(walks, (("Painting", "Random"),), 0.85, rng())
    assert actions.missed == (3, 1)
    assert actions.interval.verdict == whole.verdict == "below"
    assert actions.verdict == "open"


def test_a_seed_that_is_not_at_its_end_is_left_out(told: Told) -> None:
    rows, patients = told
    walks = walks_of(rows[:-1], patients, (1, 3))
    assert set(walks["Painting"]) == {0, 1}
    assert set(walks["Random"]) == {0, 1, 2}
    assert "Painting" not in walks_of(rows, [each for each in patients if each.group != "Painting"], (1, 3))


def test_each_further_patient_is_averaged_over_seeds(told: Told) -> None:
    found = {(each.group, each.place): each.interval.mean for each in by_patient(walks_of(*told, (1, 3)), rng())}
    assert found["Suggested", 1] == pytest.approx(8 * 2.5 + 3 * 12)
    assert found["Suggested", 3] == 5
    assert found["Painting", 2] == 108


def test_the_report_holds_all_of_it_and_is_the_same_again(told: Told, setting: Setting, tmp_path: Path) -> None:
    rows, patients = told
    path = write_effort(tmp_path, setting, rows, patients)
    assert path is not None
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "18 of 18 runs are done: 3 seeds (0, 1, 2)" in text
    assert "| Suggested | 1 | 8 | 3 | 11 | 56 | 1.0 [1.0, 1.0] | 11.0 [" in text
    assert "| 0.17 | 3 of 3 |" in text  # 56 s of 336 s of painting
    assert "| Painting | not reached |" in text
    assert "| Suggested - Random | patients to the goal | -2.0 | -2.0 to -2.0 | 3 | 0 and 1 | less effort |" in text
    assert "a Gaussian of 2 mm" in text
    assert {each.name for each in tmp_path.glob("*.png")} == {"dice-by-seconds.png", "seconds-by-patient.png"}
    document = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert len(document["patients"]) == 27
    before = path.read_bytes()
    assert write_effort(tmp_path, setting, rows, patients) == path
    assert path.read_bytes() == before


def test_a_report_of_a_beginning_says_what_there_is(told: Told, setting: Setting, tmp_path: Path) -> None:
    rows, patients = told
    assert write_effort(tmp_path, setting, [], patients) is None
    write_effort(tmp_path, setting, rows[:1], patients[:1])
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "1 of 18 runs are done" in text
    assert not list(tmp_path.glob("*.png"))

"""The figures of a results page are those of the rows that lie beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean

import pytest

from napari_progseg.evaluation.report import Table
from napari_progseg.schedules.patches import PatchSchedule
from napari_progseg.studies import report as parts
from napari_progseg.studies.analysis import Reaching
from napari_progseg.studies.arms import PDL, PGPS
from napari_progseg.studies.arms_report import Findings as Arms
from napari_progseg.studies.arms_report import ratio_table, speed_table
from napari_progseg.studies.effort_report import Findings as Effort
from napari_progseg.studies.effort_report import effort_table, patient_table, reached_table
from napari_progseg.studies.frozen import frozen_settings
from napari_progseg.studies.limited_data import GROUPS
from napari_progseg.studies.limited_data_report import Findings as LimitedData
from napari_progseg.studies.patients import PatientFile
from napari_progseg.studies.rows import Row, RowFile
from napari_progseg.studies.scoring import FITTED, MASK, SURFACE
from napari_progseg.studies.shape_report import MAIN, distance_table, stability_table
from napari_progseg.studies.shape_report import Findings as Shapes
from napari_progseg.studies.speed import quotient_text
from napari_progseg.studies.transfer_report import Findings as Transfer
from napari_progseg.studies.transfer_report import time_table
from napari_progseg.training.config import PatchConfig

# of the network of preset tiny, and its batch of full patches in 3D
DIVISORS, FULL_BATCH = (4, 4, 4), 2
RESULTS = Path(__file__).resolve().parents[2] / "docs" / "results"


def lines(table: Table, columns: Sequence[int]) -> list[str]:
    return ["| " + " | ".join(row[column] for column in columns) + " |" for row in table.rows]


def rows_of(study: str) -> list[Row]:
    return list(RowFile(RESULTS / study).read().values())


def not_on(page: str, *shown: str) -> list[str]:
    text = (RESULTS / page).read_text(encoding="utf-8")
    return [line for line in shown if line not in text]


def by_group(found: Sequence[Reaching], text: Callable[[Reaching], str]) -> list[str]:
    cells = {(each.group, each.patients): text(each) for each in found}
    return [f"| {group} | {' | '.join(cells[group, count] for count in (1, 2, 5))} |" for group in GROUPS]


def mean_steps(each: Reaching) -> str:
    return f"{each.mean_steps.mean:.0f} [{each.mean_steps.low:.0f}, {each.mean_steps.high:.0f}]"


def median_steps(each: Reaching) -> str:
    return "not reached" if each.steps is None else f"{each.steps:.0f}"


def test_the_limited_data_page_shows_when_the_sarcoma_runs_got_there() -> None:
    found = LimitedData.of(rows_of("limited-data/sarcoma")).reaching
    assert not_on("limited-data.md", *by_group(found, median_steps)) == []


@pytest.mark.parametrize("folder", ["limited-data", "limited-data/sarcoma"])
def test_the_limited_data_page_shows_the_dice_of_its_rows(folder: str) -> None:
    found = LimitedData.of(rows_of(folder))
    assert not_on("limited-data.md", *lines(parts.dice_table(found.means), range(4))) == []


def test_the_limited_data_page_shows_the_differences_and_times_of_its_rows() -> None:
    rows = rows_of("limited-data")
    found = LimitedData.of(rows)
    assert len(rows) == 60
    differences = lines(parts.difference_table(found.differences, ""), (0, 1, 2, 3, 5))
    times = by_group(found.reaching, mean_steps)
    assert not_on("limited-data.md", *differences, *times) == []


def test_the_pdl_page_shows_what_its_rows_say() -> None:
    rows = rows_of("pdl")
    found = Arms.of(PDL, rows)
    assert len(rows) == 20
    dice = lines(parts.dice_table(found.means), range(2))
    differences = lines(parts.difference_table(found.differences, ""), (0, 2, 3, 5))
    times = lines(speed_table(found.speeds, PDL), (0, 2, 3, 5))
    assert not_on("pdl.md", *dice, *differences, *times) == []


def test_the_pdl_page_shows_what_pdl_does_at_the_rate_of_the_others() -> None:
    others = [row for row in rows_of("pdl") if row.group != "PDL"]
    found = Arms.of(PDL, [*others, *rows_of("pdl/same-rate")])
    ratios = [each.steps_ratio for each in found.speeds if each.group == "PDL"]
    shown = [quotient_text(ratio) for ratio in ratios if ratio is not None]
    assert len(shown) == 3
    assert not_on("pdl.md", *shown) == []


@pytest.mark.parametrize("folder", ["pgps", "pgps/lesions"])
def test_the_pgps_page_shows_what_its_rows_say(folder: str) -> None:
    found = Arms.of(PGPS, rows_of(folder))
    dice = lines(parts.dice_table(found.means), range(2))
    differences = lines(parts.difference_table(found.differences, ""), (0, 2, 3, 5))
    costs = lines(ratio_table(found.ratios, PGPS), (0, 2, 3))
    assert {each.seconds.seeds for each in found.ratios} == {5}
    assert not_on("pgps.md", *dice, *differences, *costs) == []


def test_the_pgps_page_shows_what_the_sarcoma_rows_say() -> None:
    found = Arms.of(PGPS, rows_of("pgps/sarcoma"))
    dice = [row[1].split()[0] for row in parts.dice_table(found.means).rows]
    costs = [row[3] for row in ratio_table(found.ratios, PGPS).rows]
    assert len(dice) == 2
    assert not_on("pgps.md", *dice, costs[1]) == []


def test_the_pgps_page_shows_what_constant_patches_reach_in_the_time_of_efficiency() -> None:
    curves = {(row.group, row.seed): row.curve for row in rows_of("pgps")}
    grown, constant = [], []
    for seed in range(5):
        grown.append(max(point.dice for point in curves["Efficiency", seed]))
        end = curves["Efficiency", seed][-1].seconds
        reached = [point for point in curves["Constant", seed] if point.seconds <= end]
        assert reached[-1].step == 100
        constant.append(max(point.dice for point in reached))
    assert not_on("pgps.md", f"are {fmean(grown):.3f} and {fmean(constant):.3f}, means of the five seeds") == []


@pytest.mark.parametrize("folder", ["pgps", "pgps/lesions"])
def test_growing_patches_took_as_many_voxels_as_their_schedule_says(folder: str) -> None:
    grown = [row for row in rows_of(folder) if row.group in ("Efficiency", "Performance")]
    assert len(grown) >= 5
    for row in grown:
        patches = PatchConfig.model_validate(row.document["config"]["patches"])
        schedule = PatchSchedule.growing(patches.size, DIVISORS, FULL_BATCH, patches)
        steps = row.cost.steps
        assert row.cost.voxels == sum(schedule.at(step / steps, step, 0).voxels for step in range(steps))


@pytest.mark.parametrize("folder", ["transfer", "transfer/contour"])
def test_the_transfer_page_shows_what_its_rows_say(folder: str) -> None:
    rows = rows_of(folder)
    found = Transfer.of(8, rows)
    assert len(rows) == 35
    dice = lines(parts.dice_table(found.means), range(2))
    differences = lines(parts.difference_table(found.differences, ""), (0, 2, 3, 5))
    times = lines(time_table(found.times), range(2))
    assert not_on("transfer.md", *dice, *differences, *times) == []


def test_the_effort_page_shows_what_its_rows_and_patients_say() -> None:
    rows, patients = rows_of("effort"), list(PatientFile(RESULTS / "effort").read().values())
    found = Effort.of(0.85, (1, 2, 3, 5, 8, 12), rows, patients)
    needed = lines(reached_table(found.reached, "0.85"), range(8))
    differences = lines(effort_table(found.effort, ""), (0, 1, 2, 3, 5, 6))
    places = [[row[0], *(row[place] for place in (1, 2, 4, 8, 12))] for row in patient_table(found.by_patient).rows]
    dice = lines(parts.dice_table(found.means), range(7))
    assert {each.seeds for each in found.reached} == {4}
    assert not_on("annotation-effort.md", *needed, *differences, *dice) == []
    assert not_on("annotation-effort.md", *("| " + " | ".join(row) + " |" for row in places)) == []


@pytest.mark.parametrize("folder", ["shape", "shape/hippocampus"])
def test_the_shape_page_shows_what_its_rows_say(folder: str) -> None:
    found = Shapes.of(rows_of(folder))
    distances = lines(distance_table("", found.means, MAIN), range(5))
    plain = lines(distance_table("", found.means, (SURFACE, FITTED, MASK)), range(5))
    between = [each for each in found.arms if each.comparison.name.count(",") == 0]
    differences = lines(parts.difference_table(between, ""), range(5))
    assert distances
    assert differences
    assert not_on("shape.md", *distances, *plain, *differences) == []


def test_the_shape_page_shows_spread_and_scales_over_ten_seeds() -> None:
    found = Shapes.of(rows_of("shape"))
    spread = [each for each in found.stability if each.measure == SURFACE]
    scales = [f"surface {points}" for points in (64, 128, 256, 512)]
    assert {each.seeds for each in spread} == {10}
    assert not_on("shape.md", *lines(stability_table(spread), range(6))) == []
    assert not_on("shape.md", *lines(distance_table("", found.means, scales), range(6))) == []


@pytest.mark.parametrize("study", ["limited-data", "pdl", "pgps", "transfer", "effort"])
def test_seeds_and_cases_of_a_page_chose_no_setting(study: str) -> None:
    chosen, rows = frozen_settings(study).chosen_on, rows_of(study)
    assert chosen.cases
    assert not {row.seed for row in rows} & set(chosen.seeds)
    assert not {score.case for row in rows for score in row.scores} & set(chosen.cases)

"""The report on shapes: distances, where smaller is better, and how they vary."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_progseg.studies.arms import ArmStudy
from napari_progseg.studies.common import Common
from napari_progseg.studies.draw import Draw
from napari_progseg.studies.rows import Row
from napari_progseg.studies.shape import SHAPE
from napari_progseg.studies.shape_report import Setting, write_shape
from napari_progseg.studies.terms import Terms
from napari_progseg.training.config import BudgetConfig

from .test_limited_data_report import tables_of

RowOf = Callable[..., Row]
# what each arm is worse than Deep, mm
WORSE = {"Deep": 0.0, "Shallow": 0.1, "Joint": 0.0, "Single": 0.5}


@pytest.fixture
def rows(shape_row_of: RowOf) -> list[Row]:
    """Five seeds of all arms; Single varies twice as much, and the mask head of Deep found nothing in a case."""
    rng = np.random.default_rng(0)
    cases = rng.uniform(1, 2, size=4)
    found = []
    for seed in range(5):
        swing = 0.1 * (seed - 2)
        for group, worse in WORSE.items():
            surface = list(cases + worse + swing * (2 if group == "Single" else 1))
            mm = {"surface": surface, "largest": [3 * n for n in surface], "points": [n + 1 for n in surface]}
            if group != "Single":
                mm |= {"surface 64": [n + 0.2 for n in surface], "surface 512": surface}
            mm |= {"mask": [0.8, 0.9, 1.0, None], "fitted": [n + 0.3 for n in surface[:3]] + [None]}
            curve = ((10, 3.0), (20, float(np.mean(surface))))
            found.append(shape_row_of(group, 24, seed, mm=mm, curve=curve))
    return found


def setting(seeds: int = 5, patients_in_project: int = 40) -> Setting:
    terms = Terms(tuple(SHAPE.settings), tuple(range(seeds)), BudgetConfig(steps=20))
    draw = Draw(("a", "b", "c", "d"), ("v",), ("x", "y"), ("x", "y"))
    common = Common(dims=3, spacing=(2.0, 2.0, 2.0), patch=(24, 24, 24), window=None)
    return Setting(ArmStudy(SHAPE, (24,), terms), draw, common, 20, patients_in_project, "shape.json")


def test_less_is_better(rows: list[Row], tmp_path: Path) -> None:
    assert write_shape(tmp_path, setting(), rows) == tmp_path / "report.html"
    found = {line[0]: line for line in tables_of(tmp_path)["differences"][1:]}
    assert (found["Deep - Single"][2], found["Deep - Single"][5]) == ("-0.500", "better")
    assert (found["Deep - Shallow"][2], found["Deep - Shallow"][5]) == ("-0.100", "better")
    assert found["Deep - Joint"][5] == "no difference shown"
    assert found["Deep, largest - Single, largest"][2] == "-1.500"
    assert len(found) == 15
    assert tables_of(tmp_path)["scale-differences"][1][:3] == ["Deep, 512 points - Deep, 64 points", "24", "-0.200"]


def test_stability_is_that_of_the_means_of_seeds(rows: list[Row], tmp_path: Path) -> None:
    write_shape(tmp_path, setting(), rows)
    found = {(line[0], line[2]): line for line in tables_of(tmp_path)["stability"][1:]}
    assert found["Single", "surface"][3:] == [f"{np.std(0.2 * np.arange(5), ddof=1):.3f}", "", "5"]
    assert found["Deep", "surface"][4] == "0.50 [0.50, 0.50]"
    write_shape(tmp_path, setting(), [row for row in rows if row.seed < 3])
    found = {(line[0], line[2]): line for line in tables_of(tmp_path)["stability"][1:]}
    assert found["Deep", "surface"][4] == "0.50"


def test_the_plain_way_stands_beside_over_the_cases_that_have_it(rows: list[Row], tmp_path: Path) -> None:
    write_shape(tmp_path, setting(), rows)
    found = {line[0]: line for line in tables_of(tmp_path)["plain-differences"][1:]}
    assert (found["Deep - Deep, fitted to the mask"][2], found["Deep - Deep, fitted to the mask"][5]) == (
        "-0.300",
        "better",
    )
    plain = {line[0]: line for line in tables_of(tmp_path)["plain"][1:]}
    assert plain["Deep"][4].startswith("0.900 ")
    assert "40 scores are n/a (the mask head found nothing)" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_every_distance_stands_in_html_csv_and_json(rows: list[Row], tmp_path: Path) -> None:
    write_shape(tmp_path, setting(), rows)
    with (tmp_path / "report.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert len(lines) == sum(len(row.scores) * len(row.measures) for row in rows)
    told = {(line["group"], int(line["seed"]), line["measure"], line["case"]): line["mm"] for line in lines}
    headings, *shown = tables_of(tmp_path)["every-distance"]
    assert len(shown) == sum(len(row.measures) for row in rows)
    assert headings[4:] == ["a", "b", "c", "d"]
    for row in rows:
        for score in row.scores:
            for measure, value in score.mm.items():
                assert told[row.group, row.seed, measure, score.case] == ("" if value is None else str(value))
    document = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert document["runs_done"] == document["runs_planned"] == 20
    assert document["runs"][0]["mean_mm"]["surface"] == pytest.approx(rows[0].mean("surface"))
    deep = next(each for each in document["mm"] if (each["group"], each["measure"]) == ("Deep", "surface"))
    assert deep["mean"] == pytest.approx(np.mean([row.mean("surface") for row in rows if row.group == "Deep"]))
    assert document["protocol"]["arms"]["Shallow"] == ["shape.schedule=stagewise", "shape.supervision=shallow"]


@pytest.mark.parametrize(("patients", "seeds", "why"), [(12, 5, "12 patients"), (40, 2, "2 seeds")])
def test_few_patients_or_seeds_are_described_and_not_judged(
    rows: list[Row], tmp_path: Path, patients: int, seeds: int, why: str
) -> None:
    write_shape(tmp_path, setting(seeds, patients), [row for row in rows if row.seed < seeds])
    tables = tables_of(tmp_path)
    for name in ("differences", "scale-differences", "plain-differences"):
        assert {line[5] for line in tables[name][1:]} == {"described only"}
    assert why in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_half_a_study_has_a_report_and_none_has_none(rows: list[Row], tmp_path: Path) -> None:
    assert write_shape(tmp_path / "none", setting(), []) is None
    for part in (rows[:1], rows[3:4], rows[:3]):
        write_shape(tmp_path, setting(), part)
        assert f"{len(part)} of 20 runs are done" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_figures_are_files_and_the_same_rows_give_the_same_report(rows: list[Row], tmp_path: Path) -> None:
    for name in ("first", "second"):
        write_shape(tmp_path / name, setting(), rows)
    for file in sorted(path.name for path in (tmp_path / "first").iterdir()):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()
    for figure in ("scales-24", "differences-plot", "training-curves"):
        assert (tmp_path / "first" / f"{figure}.png").read_bytes().startswith(b"\x89PNG")

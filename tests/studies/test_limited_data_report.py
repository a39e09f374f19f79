"""The report: every number of the rows, and what is said about them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from napari_progseg.studies.common import Common
from napari_progseg.studies.draw import Draw
from napari_progseg.studies.frozen import ChosenOn, FrozenSettings, Tried
from napari_progseg.studies.limited_data import GROUPS, LimitedData
from napari_progseg.studies.limited_data_report import PAPER, Setting, write_limited_data
from napari_progseg.studies.rows import Cost, Row

RowOf = Callable[..., Row]


class Tables(HTMLParser):
    """Collects the cells of every table by its id."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self._rows: list[list[str]] = []
        self._within = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self._rows = self.found.setdefault(str(dict(attrs)["id"]), [])
        elif tag == "tr":
            self._rows.append([])
        elif tag in {"td", "th"}:
            self._rows[-1].append("")
            self._within = True

    def handle_endtag(self, tag: str) -> None:
        self._within = self._within and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        if self._within:
            self._rows[-1][-1] += data


@pytest.fixture
def rows(row_of: RowOf) -> list[Row]:
    """Three seeds of all groups at 1 and 2 patients; clicks help by 0.1, pretraining by 0.05, one score is n/a."""
    rng = np.random.default_rng(0)
    found = []
    for seed in range(3):
        for patients in (1, 2):
            base = 0.3 * patients + rng.uniform(0, 0.02, size=4)
            for group, arm in GROUPS.items():
                plain = base + 0.05 * arm.pretrained
                dice: dict[str, list[float | None]] = {"0": list(plain), "emptied": [*(plain + 0.02)[:3], None]}
                if arm.task == "interactive":
                    dice["1"] = list(plain + 0.1)
                curve = tuple((step, float(plain[0] * step / 30)) for step in (10, 20, 30))
                start = (
                    Cost(steps=48, voxels=5_000_000, seconds=7.5, validation_seconds=0.0) if arm.pretrained else None
                )
                found.append(row_of(group, patients, seed, dice=dice, curve=curve, start_cost=start))
    return found


@pytest.fixture
def setting_of(study_of: Callable[..., LimitedData]) -> Callable[..., Setting]:
    def build(patients_in_project: int = 40, **fields: object) -> Setting:
        study = study_of(groups=tuple(GROUPS), seeds=(0, 1, 2), **fields)
        draw = Draw(("a", "b", "c", "d"), ("v",), ("x", "y"), ("x", "y", "z"))
        common = Common(dims=2, spacing=(3.0, 1.0, 1.0), patch=(16, 16), window=None)
        return Setting(study, draw, common, 24, patients_in_project, "limited-data.json")

    return build


def tables_of(folder: Path) -> dict[str, list[list[str]]]:
    parser = Tables()
    parser.feed((folder / "report.html").read_text(encoding="utf-8"))
    return parser.found


def test_every_number_of_the_rows_stands_in_the_html(
    rows: list[Row], setting_of: Callable[..., Setting], tmp_path: Path
) -> None:
    assert write_limited_data(tmp_path, setting_of(), rows) == tmp_path / "report.html"
    tables = tables_of(tmp_path)
    headings, *lines = tables["every-dice"]
    told = {(*line[:5], case): cell for line in lines for case, cell in zip(headings[5:], line[5:], strict=True)}
    measures = {"0": "0 clicks", "1": "1 click", "emptied": "emptied"}
    expected = 0
    for row in rows:
        for measure in row.measures:
            for score in row.scores:
                place = (row.group, str(row.patients), str(row.seed), "ball", measures[measure], score.case)
                value = score.of(measure)
                assert told[place] == ("n/a" if value is None else f"{value:.3f}")
                expected += 1
    assert len(told) == len([cell for cell in told.values() if cell]) == expected
    assert len(tables["runs"]) == 1 + len(rows)
    by_place = {tuple(line[:3]): line for line in tables["runs"][1:]}
    for row in rows:
        line = by_place[row.group, str(row.patients), str(row.seed)]
        assert line[3] == f"{row.mean('0'):.3f}"
        assert line[-1] == row.digest


def test_csv_and_json_hold_the_same_rows(rows: list[Row], setting_of: Callable[..., Setting], tmp_path: Path) -> None:
    write_limited_data(tmp_path, setting_of(), rows)
    with (tmp_path / "report.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert len(lines) == sum(len(row.scores) * len(row.measures) for row in rows)
    assert sum(line["dice"] == "" for line in lines) == len(rows)
    document = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert document["runs_done"] == document["runs_planned"] == 24
    assert [run["digest"] for run in document["runs"]] == [row.digest for row in rows]
    seg = next(each for each in document["dice"] if (each["group"], each["patients"]) == ("Seg", 2))
    assert seg["mean"] == pytest.approx(
        np.mean([row.mean("0") for row in rows if (row.group, row.patients) == ("Seg", 2)])
    )
    assert seg["low"] <= seg["mean"] <= seg["high"]


def test_differences_are_read_by_their_intervals(
    rows: list[Row], setting_of: Callable[..., Setting], tmp_path: Path
) -> None:
    write_limited_data(tmp_path, setting_of(), rows)
    found = {(line[0], line[1]): line for line in tables_of(tmp_path)["differences"][1:]}
    gain = found["SegPretrained - Seg", "1"]
    assert (gain[2], gain[4], gain[5]) == ("+0.050", "3", "better")
    assert found["SegPretrainedInter, 1 click - better of its parts", "2"][2] == "+0.050"
    assert found["SegInter, 1 click - Seg, emptied", "1"][2] == "+0.080"
    assert found["SegInter, no click - Seg", "1"][5] == "no difference shown"


def test_a_click_is_compared_with_the_control_on_equal_terms_where_rows_hold_it(
    rows: list[Row], setting_of: Callable[..., Setting], tmp_path: Path
) -> None:
    fair = "SegInter, 1 click, emptied - Seg, emptied"
    write_limited_data(tmp_path / "old", setting_of(), rows)
    assert fair not in {line[0] for line in tables_of(tmp_path / "old")["differences"]}
    told = [
        row.model_copy(
            update={
                "scores": tuple(
                    each.model_copy(update={"emptied_after": {1: {"ball": (each.clicks[1]["ball"] or 0) + 0.03}}})
                    for each in row.scores
                )
            }
        )
        if "Inter" in row.group
        else row
        for row in rows
    ]
    write_limited_data(tmp_path / "new", setting_of(), told)
    found = {(line[0], line[1]): line for line in tables_of(tmp_path / "new")["differences"][1:]}
    assert found[fair, "1"][2] == "+0.110"


@pytest.mark.parametrize(("patients", "seeds", "why"), [(12, 3, "12 patients"), (40, 2, "2 seeds")])
def test_few_patients_or_seeds_are_described_and_not_judged(
    rows: list[Row], setting_of: Callable[..., Setting], tmp_path: Path, patients: int, seeds: int, why: str
) -> None:
    write_limited_data(tmp_path, setting_of(patients), [row for row in rows if row.seed < seeds])
    assert {line[5] for line in tables_of(tmp_path)["differences"][1:]} == {"described only"}
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert why in text
    assert "p = " not in text


def test_the_papers_table_stands_beside_ours(
    rows: list[Row], setting_of: Callable[..., Setting], tmp_path: Path
) -> None:
    write_limited_data(tmp_path, setting_of(), rows)
    table = {line[0]: line for line in tables_of(tmp_path)["paper"]}
    for patients, told in PAPER.items():
        assert [table[str(patients)][column] for column in (1, 3, 5)] == [f"{value:.3f}" for value in told.values()]
    assert table["2"][2].startswith("0.6")
    assert table["70"][2] == ""


def test_who_never_reaches_the_target_is_told(
    rows: list[Row], setting_of: Callable[..., Setting], tmp_path: Path
) -> None:
    low = [row.model_copy(update={"curve": row.curve[:1]}) if row.group == "Seg" else row for row in rows]
    write_limited_data(tmp_path, setting_of(), low)
    found = {(line[0], line[1]): line for line in tables_of(tmp_path)["reaching"][1:]}
    steps = rows[0].cost.steps
    assert found["Seg", "1"][3:] == ["not reached", f"{steps} [{steps}, {steps}]", "not reached", "", "0 of 3"]
    assert found["SegPretrained", "1"][6:] == ["8", "3 of 3"]
    assert "Seg" in {line[0] for line in tables_of(tmp_path)["reaching-without-clicks"]}


def test_pretraining_has_its_own_columns(rows: list[Row], setting_of: Callable[..., Setting], tmp_path: Path) -> None:
    write_limited_data(tmp_path, setting_of(), rows)
    found = {(line[0], line[1]): line for line in tables_of(tmp_path)["cost"][1:]}
    assert found["SegPretrained", "1"][2:] == ["20", "1.00", "2.0", "0.5", "48", "5.00", "7.5"]
    assert found["Seg", "1"][6:] == ["", "", ""]


def test_the_report_states_how_settings_were_chosen(
    rows: list[Row], setting_of: Callable[..., Setting], tmp_path: Path
) -> None:
    write_limited_data(tmp_path, setting_of(), rows)
    assert "No settings were tried" in (tmp_path / "report.md").read_text(encoding="utf-8")
    frozen = FrozenSettings(
        tried=Tried(per_group=4),
        chosen_on=ChosenOn(preset="tiny", budget="90 steps", patients=(2,), seeds=(1000, 1001), cases=("x",)),
        groups={"Seg": ("optimiser.rate=0.01",)},
    )
    write_limited_data(tmp_path, setting_of(frozen=frozen), rows)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "4 tried for each group, on seeds 1000, 1001" in text
    assert "Seg: optimiser.rate=0.01; SegPretrained: the preset as it is" in text


def test_half_a_study_has_a_report_and_none_has_none(
    rows: list[Row], setting_of: Callable[..., Setting], tmp_path: Path
) -> None:
    assert write_limited_data(tmp_path / "none", setting_of(), []) is None
    write_limited_data(tmp_path, setting_of(), rows[:1])
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "1 of 24 runs are done" in text
    write_limited_data(tmp_path, setting_of(), [row for row in rows if "Inter" in row.group][:3])


def test_figures_are_files_and_the_same_rows_give_the_same_report(
    rows: list[Row], setting_of: Callable[..., Setting], tmp_path: Path
) -> None:
    for name in ("first", "second"):
        write_limited_data(tmp_path / name, setting_of(), rows)
    for file in sorted(path.name for path in (tmp_path / "first").iterdir()):
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes()
    for figure in ("learning-curves", "differences-plot", "training-curves"):
        assert (tmp_path / "first" / f"{figure}.png").read_bytes().startswith(b"\x89PNG")
